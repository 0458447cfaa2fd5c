/** multipass-parse.ts over everything that was recorded, over later versions, and over text that is not what it should be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ObservedInstance } from "../../core/types.ts";
import {
  parseCpus,
  parseInfo,
  parseList,
  type Parsed,
  parseSize,
  parseSnapshots,
  parseVersion,
  shownSize,
} from "./parse.ts";
import { recordings } from "../testing/testdata.ts";

const good = recordings().filter((r) => r.rc === 0);
const of = (pattern: RegExp) => good.filter((r) => pattern.test(r.cmd) && r.cmd.includes("json"));
const named = (name: string) => good.find((r) => r.name === name)!.stdout;

function value<T>(parsed: Parsed<T>): T {
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.reason);
  return parsed.value;
}

test("every recorded list parses, and every name and state in it is found", () => {
  const lists = of(/^multipass list (?!.*snapshots)/);
  assert.ok(lists.length > 30, String(lists.length));
  for (const r of lists) {
    const rows = (JSON.parse(r.stdout) as { list: { name: string; state: string }[] }).list;
    const seen = value(parseList(r.stdout));
    assert.deepEqual(
      seen.map((i) => `${i.name} ${i.state}`),
      rows.map((row) => `${row.name} ${row.state}`).sort(),
      r.name,
    );
  }
});

test("every recorded snapshot list, info and version parses", () => {
  const counts = { snapshots: 0, info: 0, version: 0 };
  for (const r of of(/^multipass list .*snapshots/)) counts.snapshots += value(parseSnapshots(r.stdout)).size;
  for (const r of of(/^multipass info/)) counts.info += value(parseInfo(r.stdout)).size;
  for (const r of of(/^multipass version/))
    counts.version += value(parseVersion(r.stdout)).client === "1.16.3" ? 1 : 0;
  assert.ok(counts.snapshots > 3 && counts.info > 15 && counts.version > 1, JSON.stringify(counts));
});

test("every recorded size and number of cpus parses", () => {
  const gets = good.filter((r) => /^multipass get local\.[a-z0-9]+\.(cpus|memory|disk)$/.test(r.cmd));
  assert.ok(gets.length >= 6);
  for (const r of gets) value(r.cmd.endsWith("cpus") ? parseCpus(r.stdout) : parseSize(r.stdout));
  assert.equal(value(parseSize(named("050_running_get_memory"))), 512 * 1024 ** 2);
  assert.equal(value(parseSize(named("073_get_disk"))), 3.5 * 1024 ** 3);
  assert.equal(value(parseSize("3,5GiB\n")), 3.5 * 1024 ** 3);
  assert.equal(parseSize("1,000,000\n").ok, false);
});

test("snapshots carry parent and comment; mounts source and target; a silent daemon is null", () => {
  assert.deepEqual(value(parseSnapshots(named("132_list_snaps"))).get("t1"), [
    { name: "s1", parent: "", comment: "" },
    { name: "snapshot6", parent: "withmounts", comment: "Before restoring withmounts" },
    { name: "withmounts", parent: "s1", comment: "" },
  ]);
  const detail = value(parseInfo(named("131_info_stopped_mounts"))).get("t1");
  assert.deepEqual([detail?.state, detail?.snapshotCount], ["Stopped", 1]);
  assert.deepEqual(detail?.mounts[0], { source: "/home/user/t/d1", target: "/mnt/cl" });
  assert.equal(value(parseInfo(named("131_info_snap_mounts"))).size, 0);
  assert.equal(value(parseVersion(named("001_daemon_down_version"))).daemon, null);
  assert.equal(value(parseVersion(named("010_version_json"))).daemon, "1.16.3");
  assert.equal(value(parseVersion('{"multipass":"1","multipassd":"1","sandbox":true}')).sandbox, true);
});

test("fields and states of later versions do no harm", () => {
  const zone = { name: "zone1", available: false };
  const row = (name: string, state: string) => ({ name, state, zone, ipv4: ["N/A", 7], release: null });
  const list = { list: [row("b", "Unavailable"), row("a", "Hibernating")], extra: 1 };
  assert.deepEqual(value(parseList(JSON.stringify(list))), [
    { name: "a", state: "Unknown", release: "", ipv4: [] },
    { name: "b", state: "Unavailable", release: "", ipv4: [] },
  ]);
});

test("terminal noise around JSON is no failure", () => {
  const noisy = `\u001b[2K\u001b[0A\u001b[0E|\b/\b-\b \u001b[2K${named("010_list_empty_json")}`;
  assert.deepEqual(value(parseList(noisy)), []);
});

test("an answer in which one row cannot be read is unreadable as a whole", () => {
  const list = (...rows: unknown[]) => parseList(JSON.stringify({ list: rows }));
  const a = { name: "a", state: "Running" };
  for (const parsed of [
    list(a, null),
    list(a, { name: "b" }),
    list(a, { state: "Running" }),
    list(a, { name: "-b", state: "Running" }),
    list(a, { name: "b\n", state: "Running" }),
    list(a, a),
    parseList("{}"),
    parseList("[]"),
    parseList(""),
    parseList('{"list": {}}'),
    parseSnapshots('{"errors":["x"],"info":{}}'),
    parseSnapshots('{"info":{"a":[]}}'),
    parseInfo('{"info":{"a":{}}}'),
    parseVersion("{}"),
  ]) {
    assert.equal(parsed.ok, false);
  }
});

test("sizes: Multipass's own grammar and no other", () => {
  const cases: readonly (readonly [string, number | null])[] = [
    ["512.0MiB\n", 512 * 1024 ** 2],
    ["1.5G", 1.5 * 1024 ** 3],
    ["1234B", 1234],
    ["536870912", 536870912],
    ["2kib", 2048],
    ["1.2GiB", 1288490188],
    ["0.5", null],
    ["-1G", null],
    ["1T", null],
    ["<empty>", null],
    ["", null],
    ["99999999999999999999G", null],
  ];
  for (const [text, bytes] of cases) {
    const parsed = parseSize(text);
    assert.equal(parsed.ok ? parsed.value : null, bytes, text);
  }
  for (const text of ["0", "1.5", "two", "", "1e3"]) assert.equal(parseCpus(text).ok, false, text);
});

test("noise around an answer is ignored, a control character inside it makes the answer unreadable", () => {
  const row = (name: string) =>
    `{"list": [{"ipv4": [], "name": "${name}", "release": "", "state": "Stopped"}]}`;
  assert.equal(parseList(`\u001b[2K\u001b[0E${row("a1")}\n`).ok, true);
  assert.equal(parseList(row("a\u001b[2K1")).ok, false);
});

test("shownSize is what get leads to, and showing twice changes nothing", () => {
  const gib = 1024 ** 3;
  assert.equal(shownSize(1280 * 1024 ** 2), 1288490188);
  assert.equal(shownSize(3.5 * gib), 3.5 * gib);
  assert.equal(shownSize(1000), 1000);
  fc.assert(
    fc.property(fc.integer({ min: 128 * 1024 ** 2, max: 2 ** 43 }), (bytes) => {
      const shown = shownSize(bytes);
      assert.equal(shownSize(shown), shown);
      assert.ok(Math.abs(shown - bytes) <= 0.0502 * Math.max(1024 ** 2, bytes >= gib ? gib : 1024 ** 2) + 1);
    }),
  );
});

/** Recorded answers, cut and damaged at random places. */
const damaged = fc
  .tuple(
    fc.constantFrom(...good.filter((r) => r.cmd.includes("json")).map((r) => r.stdout)),
    fc.nat(),
    fc.nat(),
    fc.oneof(
      fc.constant(""),
      fc.string({ maxLength: 6 }),
      fc.constantFrom("\u001b[2K", "\b", "}", '"', "null", ","),
    ),
  )
  .map(([text, from, to, insert]) => {
    const a = from % (text.length + 1);
    const b = Math.min(text.length, a + (to % 40));
    return { text: text.slice(0, a) + insert + (to % 3 === 0 ? "" : text.slice(b)) };
  });

test("whatever comes in, nothing throws, and no instance is seen that is not in the text", () => {
  const anything = fc.oneof(
    damaged.map(({ text }) => text),
    fc.string(),
    fc.json(),
  );
  fc.assert(
    fc.property(anything, (text) => {
      const list = parseList(text);
      const names = list.ok ? list.value.map((i: ObservedInstance) => i.name) : [];
      for (const parsed of [parseSnapshots(text), parseInfo(text)])
        if (parsed.ok) names.push(...parsed.value.keys());
      for (const name of names) assert.ok(text.includes(JSON.stringify(name)), name);
      parseVersion(text);
      parseCpus(text);
      parseSize(text);
    }),
    { numRuns: 2000 },
  );
});

test("a list cut off anywhere is unreadable, never shorter", () => {
  for (const r of of(/^multipass list/).slice(0, 12)) {
    const whole = r.stdout.trimEnd();
    for (let end = 0; end < whole.length; end++) assert.equal(parseList(whole.slice(0, end)).ok, false);
  }
});

test("what versions beside 1.16.3 print: fields that came, went or are missing change nothing", () => {
  // 1.17: availability zones, another order of keys, releases that are not Ubuntu's.
  const newer = `{"list":[{"zone":{"name":"zone1","available":false},"state":"Unavailable","release":"Debian 12",
    "name":"a","ipv4":[]},{"name":"b","state":"Hibernating","ipv4":null,"zone":{"name":"zone2","available":true}}]}`;
  assert.deepEqual(value(parseList(newer)), [
    { name: "a", state: "Unavailable", release: "Debian 12", ipv4: [] },
    { name: "b", state: "Unknown", release: "", ipv4: [] },
  ]);
  // Back ends without snapshots leave the count out; older ones print numbers where strings came later.
  const info = '{"info":{"a":{"state":"Stopped","mounts":{}},"b":{"state":"Running","snapshot_count":2}}}';
  assert.deepEqual(
    [...value(parseInfo(info))].map(([name, { state, mounts }]) => [name, state, mounts]),
    [
      ["a", "Stopped", []],
      ["b", "Running", []],
    ],
  );
  assert.equal(value(parseInfo(info)).get("a")?.snapshotCount, null);
  assert.deepEqual(value(parseSnapshots('{"info":{}}')), new Map());
});
