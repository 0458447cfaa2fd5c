/** multipass-failure.ts and multipass-progress.ts over every recorded failure and every recorded launch. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { classify, failureText } from "./failure.ts";
import { createProgressReader, percentOf, spinnerMessages } from "./progress.ts";
import { type Recording, recordedCodes, recordings } from "../testing/testdata.ts";

const all = recordings();
const outcome = (r: Recording) => ({
  command: r.cmd.split(" ")[1] ?? "",
  exitCode: r.rc,
  stdout: r.stdout,
  stderr: r.stderr,
});

test("every recorded failure has its code, and words for people", () => {
  const expected = new Map(
    Object.entries(recordedCodes()).flatMap(([code, names]) => names.map((n) => [n, code])),
  );
  const failing = all.filter((r) => r.rc !== 0);
  assert.ok(failing.length > 150);
  for (const r of failing) {
    const failure = classify(outcome(r));
    assert.ok(failure !== null, r.name);
    assert.equal(failure.code, expected.get(r.name), r.name);
    assert.ok(failure.message.length > 3 && failure.next.length > 3, r.name);
    assert.doesNotMatch(failure.message, /^[a-z]+ failed: |\[error\]|following errors/, r.name);
  }
});

test("a mount refused for want of sshfs says how it comes in, and asks for no snapd", () => {
  const refused = all.filter((r) => r.name === "052_mount" || r.name === "052_mount_default_target");
  assert.ok(refused.length > 0);
  for (const r of refused)
    assert.match(
      classify(outcome(r))?.next ?? "",
      /^the guest lacks sshfs: .*packages: \[sshfs\].*snapd is not needed/,
    );
});

test("exit code 0 is success, whatever the daemon logged to standard error", () => {
  const noisy = all.filter((r) => r.rc === 0 && r.stderr !== "");
  assert.ok(noisy.length > 0);
  for (const r of noisy) assert.equal(classify(outcome(r)), null, r.name);
});

test("a full disk of the host is said to be one, and waits for a person who makes room", () => {
  const full = classify({
    command: "launch",
    exitCode: 2,
    stdout: "",
    stderr: "launch failed: write failed: No space left on device\n",
  });
  assert.deepEqual([full?.code, full?.transient], ["host-full", false]);
});

/** CONTRACT section 17: seen on a real 1.16.3. */
const REFUSED: readonly (readonly [words: string, transient: boolean, next: RegExp])[] = [
  ['Remote "" is unknown or unreachable.', true, /no image host.*tried again by itself/],
  [
    "Cannot get image info: qemu-img failed (Process returned exit code: 1) with output: qemu-img: Could not open '/var/x/instances/other/y.img': Failed to get shared \"write\" lock\nIs another process using the image [/var/x/instances/other/y.img]?",
    true,
    /disk of another running instance.*tried again by itself/,
  ],
  [
    "Requested disk (5368709120 bytes) below minimum for this image (10737418240 bytes)",
    false,
    /another instance of the same file.*vm-agent reconcile NAME/,
  ],
  ["Invalid arguments supplied\nInvalid network options supplied", false, /nothing was created/],
];

for (const [words, transient, next] of REFUSED)
  test(`a launch that is refused leaves nothing behind, and says what to do: ${words.slice(0, 50)}`, () => {
    const failure = classify({
      command: "launch",
      exitCode: 2,
      stdout: "",
      stderr: `launch failed: ${words}\n`,
    });
    assert.deepEqual([failure?.code, failure?.transient], ["launch-refused", transient]);
    assert.match(failure?.next ?? "", next);
    assert.match(failure?.next ?? "", /othing was created/);
  });

test("log lines of other clients' requests are not this call's words", () => {
  const stderr = `[2026-11-22T12:34:22.303] [error] [url downloader] Failed to get x: instance "x" does not exist
launch failed: instance "t1" is being prepared
[2026-11-22T12:34:22.304] [error] [y] cannot connect to the multipass socket
`;
  const failure = classify({ command: "launch", exitCode: 2, stdout: "", stderr });
  assert.deepEqual(
    [failure?.code, failure?.message],
    ["instance-preparing", 'instance "t1" is being prepared'],
  );
});

test("exec prints a message twice, it is reported once", () => {
  const text = 'exec failed: The following errors occurred:\ninstance "nope" does not exist\n';
  assert.equal(
    failureText({ command: "exec", exitCode: 2, stdout: "", stderr: text + text }),
    'instance "nope" does not exist',
  );
});

test("silence, signals and exit 4 are named as what they are", () => {
  const silent = (exitCode: number | null) => classify({ command: "list", exitCode, stdout: "", stderr: "" });
  assert.deepEqual([silent(4)?.code, silent(4)?.transient], ["driver-failed", true]);
  assert.match(silent(4)?.message ?? "", /exit code 4/);
  assert.deepEqual([silent(null)?.code, silent(null)?.transient], ["driver-failed", true]);
  assert.equal(silent(1)?.transient, false);
  assert.equal(classify({ command: "launch", exitCode: 5, stdout: "", stderr: "" })?.code, "launch-timeout");
});

test("a launch counts as refused only when surely nothing was made", () => {
  const launch = (stderr: string, exitCode: number | null) =>
    classify({ command: "launch", exitCode, stdout: "", stderr })?.code;
  assert.equal(launch("error: --timeout value has to be a positive integer\n", 1), "launch-refused");
  assert.equal(
    launch("[t] [error] [client] Caught an unhandled exception: stream broke\n", 1),
    "driver-failed",
  );
  assert.equal(launch("", 1), "driver-failed");
  assert.equal(launch("launch failed: x: shutdown called while starting\n", 2), "launch-failed");
  assert.equal(launch("", null), "driver-failed");
});

test("no text makes it throw", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.integer({ min: 1, max: 5 }), (command, stderr, exitCode) => {
      assert.ok(classify({ command, exitCode, stdout: "", stderr }));
    }),
  );
});

test("the messages of a launch, wherever its output is cut into chunks", () => {
  const launches = all.filter((r) => r.stdout.includes("\b") && r.cmd.startsWith("multipass launch"));
  assert.ok(launches.length > 8);
  fc.assert(
    fc.property(
      fc.constantFrom(...launches),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
      (r, sizes) => {
        const heard: string[] = [];
        const feed = createProgressReader((message) => heard.push(message));
        for (let at = 0, n = 0; at < r.stdout.length; n++) {
          const size = sizes[n % sizes.length]!;
          feed(r.stdout.slice(at, at + size));
          at += size;
        }
        const whole = spinnerMessages(r.stdout);
        assert.deepEqual(heard, whole.slice(0, heard.length));
        assert.ok(heard.length >= whole.length - 1);
      },
    ),
  );
  const hash = all.find((r) => r.name === "030_launch_bad_hash")!;
  assert.deepEqual(spinnerMessages(hash.stdout), [
    "Creating e1",
    "Retrieving image: 35%",
    "Retrieving image: 68%",
    "Retrieving image: 100%",
    "Verifying image:",
  ]);
});

test("a percentage is reported when it is printed, not with the next one", () => {
  const heard: string[] = [];
  const feed = createProgressReader((message) => heard.push(message));
  feed("\u001b[2K\u001b[0A\u001b[0E\nRetrieving image: 4");
  assert.deepEqual(heard, []);
  feed("1%");
  assert.deepEqual(heard, ["Retrieving image: 41%"]);
  assert.deepEqual(
    [percentOf("Retrieving image: 41%"), percentOf("Starting t1"), percentOf("999%")],
    [41, null, null],
  );
});
