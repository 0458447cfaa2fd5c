/** The pure parts: delays, cutting bytes, masking, output caps, addresses, users, figures. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parsePushed } from "../host/config.ts";
import { delayAfter, jittered, LONGEST_MS, reconnectDelay, SHORTEST_MS, worst } from "../session/backoff.ts";
import { cpuPercent, parseCpu, parseMemory } from "../host/facts.ts";
import { candidates, defaultGateway, readAddresses } from "../session/gateway.ts";
import { fileName } from "./journal.ts";
import { Outbox } from "../session/outbox.ts";
import { type OutputPiece, TaskOutput } from "./output.ts";
import { guest } from "../host/paths.ts";
import { parseStat } from "./processes.ts";
import { createRedactor, SHORTEST_SECRET } from "./redact.ts";
import { parseTask } from "./parse-task.ts";
import { fit, summarise } from "./result.ts";
import { identity, isMapped, type Surroundings } from "./user.ts";
import { cutAt, encodeBytes, incompleteTail } from "./utf8.ts";
import { emptyResult, type OutputPayload, parseFrame } from "../session/wire.ts";

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const codes = fc.constantFrom(null, 1000, 1006, 1012, 4001, 4003, 4008, 4009);
const statuses = fc.constantFrom(null, 401, 403, 404, 429, 503);

test("delays stay between 1 s and 30 s, and never shrink with more attempts", () => {
  fc.assert(
    fc.property(fc.nat(1_000), random, (attempt, r) => {
      const delay = reconnectDelay(attempt, r);
      assert.ok(delay >= SHORTEST_MS && delay <= LONGEST_MS);
      assert.ok(reconnectDelay(attempt + 1, r) >= delay);
    }),
  );
});

test("the hub may set other bounds, which leave the time that a refusal asks for as it is", () => {
  const bounds = { shortestMs: 100, longestMs: 400 };
  fc.assert(
    fc.property(fc.nat(1_000), random, (attempt, r) => {
      const lost = delayAfter({ closeCode: 1006, httpStatus: null }, attempt, r, bounds);
      assert.ok(lost >= 100 && lost <= 400);
      const refused = { closeCode: 4001, httpStatus: null };
      assert.equal(delayAfter(refused, attempt, r, bounds), delayAfter(refused, attempt, r));
    }),
  );
});

test("refusals are given time: 30 s, or 5 minutes; the more patient of two endings counts", () => {
  fc.assert(
    fc.property(codes, statuses, codes, statuses, fc.nat(50), random, (c1, s1, c2, s2, attempt, r) => {
      const [a, b] = [
        { closeCode: c1, httpStatus: s1 },
        { closeCode: c2, httpStatus: s2 },
      ];
      const delay = delayAfter(a, attempt, r);
      assert.ok(delay >= 1_000 && delay <= 330_000);
      if (c1 === 4003) assert.ok(delay >= 300_000);
      if (c1 === 4001) assert.ok(delay >= 30_000);
      const both = delayAfter(worst(a, b), 0, 0);
      assert.equal(both, Math.max(delayAfter(a, 0, 0), delayAfter(b, 0, 0)));
    }),
  );
  fc.assert(fc.property(random, (r) => jittered(1_000, r) >= 900 && jittered(1_000, r) <= 1_100));
});

const text = fc.string({ unit: "binary", maxLength: 60 });

test("cutting never cuts a character, and loses nothing", () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 4, max: 20 }), (value, max) => {
      let bytes = Buffer.from(value, "utf8");
      const whole = bytes.toString("utf8");
      let joined = "";
      while (bytes.length > 0) {
        const cut = cutAt(bytes, max);
        assert.ok(cut > 0 && cut <= Math.max(max, 0));
        const piece = encodeBytes(bytes.subarray(0, cut));
        assert.equal(piece.encoding, "utf8");
        joined += piece.data;
        bytes = bytes.subarray(cut);
      }
      assert.equal(joined, whole);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 30 }), fc.integer({ min: 1, max: 8 }), (bytes, max) => {
      const cut = cutAt(bytes, max);
      assert.ok(bytes.length === 0 ? cut === 0 : cut >= 1 && cut <= max);
      assert.ok(incompleteTail(bytes) <= 3);
      const { data, encoding } = encodeBytes(Buffer.from(bytes));
      assert.deepEqual(new Uint8Array(Buffer.from(data, encoding)), bytes);
    }),
  );
});

const pieces = <T>(values: readonly T[], cuts: readonly number[]): readonly (readonly T[])[] => {
  const ends = [...new Set(cuts.map((cut) => cut % (values.length + 1)))].sort((a, b) => a - b);
  return [...ends, values.length].map((end, index) => values.slice(ends[index - 1] ?? 0, end));
};

test("masking is the same however the stream is cut, and leaves no secret", () => {
  const secrets = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "ü"), minLength: 6, maxLength: 9 }), {
    minLength: 1,
    maxLength: 3,
  });
  const stream = fc.string({ unit: fc.constantFrom("a", "b", "ü", "x"), maxLength: 120 });
  fc.assert(
    fc.property(secrets, stream, fc.array(fc.nat(), { maxLength: 12 }), (values, shown, cuts) => {
      const bytes = [...Buffer.from(shown, "utf8")];
      const run = (parts: readonly (readonly number[])[]): string => {
        const redactor = createRedactor(values);
        const out = parts.map((part) => redactor.push(Buffer.from(part)));
        return Buffer.concat([...out, redactor.end()]).toString("utf8");
      };
      const whole = run([bytes]);
      assert.equal(run(pieces(bytes, cuts)), whole);
      for (const value of values) assert.ok(!whole.includes(value), `${value} in ${whole}`);
      if (!values.some((value) => shown.includes(value))) assert.equal(whole, shown);
    }),
    { numRuns: 500 },
  );
  const short = createRedactor(["a".repeat(SHORTEST_SECRET - 1)]);
  assert.equal(String(short.push(Buffer.from("aaaaaaa"))), "aaaaaaa");
  const line = createRedactor(["file-secret\n"]);
  assert.equal(String(line.push(Buffer.from("x file-secret y"))) + String(line.end()), "x *** y");
});

test("pieces are numbered from 1, at their place in the output, and within the cap", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(3_000), fc.integer({ min: 1, max: 200 })), { maxLength: 60 }),
      fc.integer({ min: 4_096, max: 60_000 }),
      (writes, cap) => {
        const got: OutputPiece[] = [];
        const output = new TaskOutput({ streamBytes: cap, tailBytes: 1_000 }, [], (piece) => got.push(piece));
        let total = 0;
        let lines = 0;
        writes.forEach(([size, width], index) => {
          const text = `${"a".repeat(width)}\n`.repeat(Math.ceil(size / width)).slice(0, size);
          output.write(index % 3 === 0 ? "stderr" : "stdout", Buffer.from(text));
          total += size;
          lines += text.split("\n").length - 1;
        });
        output.end();
        const sent = got.reduce((sum, piece) => sum + piece.data.length, 0);
        const ends = got.map((piece) => piece.offset + piece.data.length);
        const gaps = got.map((piece, index) => piece.offset - (ends[index - 1] ?? 0));
        assert.ok(gaps.every((gap) => gap >= 0));
        assert.ok(gaps.filter((gap) => gap > 0).length <= 1, "one gap, in the middle");
        assert.equal(sent + gaps.reduce((sum, gap) => sum + gap, 0), total);
        assert.ok(sent <= cap + 8_192);
        const numbered = got.map((piece) => piece.line + piece.data.split("\n").length - 1);
        assert.ok(got.every((piece, index) => piece.line >= (numbered[index - 1] ?? 0)));
        assert.equal(numbered.at(-1) ?? 0, lines);
        assert.deepEqual(
          got.map((piece) => piece.seq),
          got.map((_, index) => index + 1),
        );
        const { stdout, stderr, droppedBytes, dropped, outputBytes, outputLines } = output.result();
        assert.equal(stdout.length + stderr.length + droppedBytes, total);
        assert.deepEqual([outputBytes, outputLines], [total, lines]);
        const inTails = (stdout + stderr).split("\n").length - 1;
        assert.equal(inTails + (dropped ? dropped.stdout.lines + dropped.stderr.lines : 0), lines);
        assert.ok(stdout.length <= 1_000 && stderr.length <= 1_000);
      },
    ),
  );
});

test("the cap and the tail are cut at line ends, however the writes are cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 4_096, max: 30_000 }),
      (sizes, cap) => {
        const all = Buffer.from(Array.from({ length: 20_000 }, (_, n) => `${n + 1}\n`).join(""));
        const got: OutputPiece[] = [];
        const output = new TaskOutput({ streamBytes: cap, tailBytes: 1_000 }, [], (piece) => got.push(piece));
        for (let at = 0, n = 0; at < all.length; n += 1) {
          const size = sizes[n % sizes.length] ?? 1;
          output.write("stdout", all.subarray(at, at + size));
          at += size;
        }
        output.end();
        const gap = got.findIndex(
          (piece, n) => n > 0 && piece.offset > got[n - 1]!.offset + got[n - 1]!.data.length,
        );
        assert.ok(gap > 0);
        const head = got
          .slice(0, gap)
          .map(({ data }) => data)
          .join("");
        const late = got
          .slice(gap)
          .map(({ data }) => data)
          .join("");
        const first = Number(late.slice(0, late.indexOf("\n")));
        assert.ok(head.endsWith("\n"));
        assert.equal(got[gap]?.line, first - 1, "its line is the number of lines before it");
        assert.equal(all.subarray(got[gap]?.offset).toString(), late);
        const { stdout, dropped } = output.result();
        assert.equal(Number(stdout.slice(0, stdout.indexOf("\n"))), (dropped?.stdout.lines ?? 0) + 1);
      },
    ),
  );
});

test("what the outbox drops is missing between the places of what follows", () => {
  const box = new Outbox(100);
  const chunk = (seq: number): OutputPayload => ({
    taskId: "t",
    epoch: 1,
    seq,
    stream: "stdout",
    data: "x".repeat(40),
    encoding: "utf8",
    offset: 40 * (seq - 1),
    line: 0,
  });
  for (const seq of [1, 2, 3, 4]) box.add(chunk(seq));
  const sent: OutputPayload[] = [];
  box.flush((piece) => sent.push(piece) < 2);
  assert.deepEqual(
    sent.map(({ seq, offset }) => [seq, offset]),
    [
      [3, 80],
      [4, 120],
    ],
  );
  assert.equal(box.empty, false);
});

test("the default gateway is the default route with the lowest metric", () => {
  const table = [
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
    "eth1\t00000000\t0101A8C0\t0003\t0\t0\t200\t00000000\t0\t0\t0",
    "eth0\t00000000\t0102E80A\t0003\t0\t0\t100\t00000000\t0\t0\t0",
    "eth0\t0002E80A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0",
  ].join("\n");
  assert.equal(defaultGateway(table), "10.232.2.1");
  assert.equal(defaultGateway(""), null);
  assert.deepEqual(
    candidates(["h:1", "h2", "2001:db8::1", "[2001:db8::1]:5", "wss://hub.example"], 9090, "10.0.0.1"),
    [
      "ws://h:1/agent",
      "ws://h2:9090/agent",
      "ws://[2001:db8::1]:9090/agent",
      "ws://[2001:db8::1]:5/agent",
      "wss://hub.example/agent",
      "ws://10.0.0.1:9090/agent",
    ],
  );
  assert.deepEqual(candidates([], 9090, null), []);
});

const around: Surroundings = {
  uid: 0,
  passwd: "root:x:0:0:root:/root:/bin/bash\nubuntu:x:1000:1001:Ubuntu:/home/ubuntu:/bin/bash\n",
  uidMap: "0 0 4294967295",
  setpriv: true,
  sandboxed: false,
  self: { name: "root", home: "/root" },
};

test("tasks run as the user that is asked for, wherever the runtime can become it", () => {
  const plain = identity("ubuntu", { sudo: false, mayUseSudo: false }, around);
  assert.deepEqual([plain.name, plain.home], ["ubuntu", "/home/ubuntu"]);
  assert.deepEqual(plain.prefix.slice(1), [
    "--reuid=1000",
    "--regid=1001",
    "--init-groups",
    "--inh-caps=-all",
    "--no-new-privs",
    "--",
  ]);
  assert.ok(!identity("ubuntu", { sudo: false, mayUseSudo: true }, around).prefix.includes("--no-new-privs"));
  assert.deepEqual(identity("ubuntu", { sudo: true, mayUseSudo: true }, around).prefix, []);
  const bare = identity("ubuntu", { sudo: false, mayUseSudo: false }, { ...around, setpriv: false });
  assert.deepEqual(bare.ids, { uid: 1000, gid: 1001 });
  const unmapped = identity("ubuntu", { sudo: false, mayUseSudo: false }, { ...around, uidMap: "0 1000 1" });
  assert.deepEqual([unmapped.prefix, unmapped.home], [[], "/home/ubuntu"]);
  assert.match(unmapped.remark!, /not mapped/);
  assert.match(
    identity("no-such-user", { sudo: false, mayUseSudo: false }, around).remark!,
    /does not exist/,
  );
  assert.equal(isMapped("0 1000 1\n1 100000 65536", 1000), true);
});

test("figures of /proc", () => {
  const before = parseCpu("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 1 1 1");
  const after = parseCpu("cpu  150 0 150 900 0 0 0 0 0 0\n");
  assert.equal(cpuPercent(before, after), 50);
  assert.deepEqual(parseMemory("MemTotal: 2048000 kB\nMemFree: 1 kB\nMemAvailable: 1024000 kB\n"), {
    total: 2000,
    used: 1000,
    free: 1000,
    percent: 50,
  });
  const stat = `42 (a) b (c) S 1 77 77 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 987654 0 0`;
  assert.deepEqual(parseStat(stat), { pid: 42, state: "S", group: 77, startTime: "987654" });
  assert.equal(parseStat("nonsense"), null);
});

test("no id is a path, and no path leaves the guest", () => {
  fc.assert(fc.property(fc.string(), (id) => /^[A-Za-z0-9_-]+\.json$/.test(fileName(id))));
  fc.assert(
    fc.property(fc.array(fc.constantFrom("..", "a", ".", "")), (parts) => {
      const path = guest(`/${parts.join("/")}`, "/root/of/guest");
      assert.ok(path === "/root/of/guest" || path.startsWith("/root/of/guest/"), path);
    }),
  );
});

test("anything may come over the wire; only frames and valid tasks get through", () => {
  fc.assert(fc.property(fc.string(), (value) => parseFrame(value) === null || value.includes("type")));
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.constantFrom("type", "command", "cwd", "timeout", "env", "repo", "branch", "filePath"),
        fc.jsonValue(),
      ),
      (fields) => {
        const parsed = parseTask({ ...fields, taskId: "t", epoch: 1 }, { home: "/", fileBytes: 1000 });
        assert.ok("error" in parsed || parsed.request.file !== "");
      },
    ),
  );
});

test("a response always fits into a frame, and what is cut is counted", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 400 }),
      fc.integer({ min: 3_000, max: 9_000 }),
      (unit, max) => {
        const stdout = unit.repeat(40);
        const response = {
          taskId: "t",
          epoch: 1,
          success: true,
          result: emptyResult({ stdout, stderr: "err" }),
          duration: 1,
        };
        const fitted = fit(response, max);
        assert.ok(Buffer.byteLength(JSON.stringify(fitted)) <= max);
        const total = Buffer.byteLength(stdout) + 3;
        const kept = Buffer.byteLength(fitted.result.stdout) + Buffer.byteLength(fitted.result.stderr);
        assert.equal(kept + fitted.result.droppedBytes, total);
        assert.equal(summarise(fitted).result.droppedBytes, total);
      },
    ),
  );
});

test("secrets that the hub cannot read stay as they are, and only those", () => {
  const former = parsePushed({ hash: "1", secrets: { A: "a", B: "b", C: "c" } });
  const next = parsePushed({ hash: "2", secrets: { B: "new" }, keepSecrets: ["A", "B", "D"] }, former);
  assert.deepEqual(next?.secrets, { A: "a", B: "new" });
  assert.deepEqual(parsePushed({ hash: "3", secrets: {} }, former)?.secrets, {});
});

test("a hub on loopback is on this machine, whose own gateway is a stranger and is not asked", () => {
  for (const host of ["127.0.0.1:9090", "127.0.0.1", "localhost:1", "[::1]:9090", "::1", "ws://127.0.0.1:9"])
    assert.equal(candidates([host], 9090, "192.0.2.1").length, 1, host);
  for (const host of ["127.0.0.1.example:1", "localhost.example", "10.0.0.1", "wss://hub.example"])
    assert.equal(candidates([host], 9090, "192.0.2.1").length, 2, host);
  // Beside others it would be the instance itself, where a task may listen.
  assert.deepEqual(candidates(["10.0.0.1", "127.0.0.1", "localhost:1"], 9090, "192.0.2.1"), [
    "ws://10.0.0.1:9090/agent",
    "ws://192.0.2.1:9090/agent",
  ]);
  const pin = `wss://10.0.0.2:9090/agent#sha256:${"a".repeat(64)}`;
  assert.deepEqual(
    readAddresses([pin, "10.0.0.1:9090", "127.0.0.1:9090", "::1", 7, "http://x/y", "a b", "h@x"]),
    [pin, "10.0.0.1:9090"],
  );
  assert.equal(readAddresses(Array.from({ length: 99 }, (_, n) => `10.0.0.${n}`)).length, 16);
  assert.deepEqual(candidates([], 9090, "192.0.2.1"), ["ws://192.0.2.1:9090/agent"]);
});
