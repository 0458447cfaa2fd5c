/** What is looked at before a runtime is put in place, and what is never replaced. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../base/clock.ts";
import type { Driver } from "../drivers/driver.ts";
import { installRuntime } from "./install-runtime.ts";

/** A guest with these settings inside (null: none), and all that was run in it. */
function setup(inside: { readonly agent: string; readonly nonce: string } | null, exitCode = 0) {
  const ran: { readonly argv: readonly string[]; readonly input: string }[] = [];
  const enrolled: string[] = [];
  const exec: Driver["exec"] = async (_name, state, argv, _signal, input = "") => {
    assert.equal(state, "Running");
    if (argv.includes("cat")) {
      return inside
        ? { exitCode: 0, stdout: `pet\n${JSON.stringify(inside)}\n`, stderr: "" }
        : { exitCode: 1, stdout: "pet\n", stderr: "cat: runtime.json: No such file or directory" };
    }
    ran.push({ argv, input });
    return { exitCode, stdout: "", stderr: "E: it went wrong\n" };
  };
  const deps = {
    driver: { exec } as Partial<Driver> as Driver,
    clock: systemClock,
    runtime: {
      enrol: async (agent: string, nonce: string) => {
        enrolled.push(`${agent} ${nonce}`);
        return "the-token";
      },
      addresses: () => ["10.0.0.1:9090"],
    },
    hubPort: () => 9090,
    runtimeBundle: "H4sI",
    isOwned: (name: string, nonce: string) => nonce === `ours of ${name}`,
  };
  return { deps, ran, enrolled };
}

test("the token goes in by standard input, and in no argument", async () => {
  const { deps, ran, enrolled } = setup(null);
  await installRuntime(deps, "pet", "nonce");
  assert.deepEqual(enrolled, ["pet nonce"]);
  assert.deepEqual(
    ran.map((r) => r.argv),
    [["sudo", "-n", "sh", "-s"]],
  );
  const packed = Buffer.from(
    JSON.stringify({ agent: "pet", nonce: "nonce", joinToken: "the-token" }).slice(0, -1),
  );
  assert.ok(ran[0]?.input.replaceAll("\n", "").includes(packed.toString("base64").slice(0, 40)));
});

test("its own is put in place again; of a clone of ours, what speaks for the original is taken away", async () => {
  const own = setup({ agent: "pet", nonce: "nonce" });
  await installRuntime(own.deps, "pet", "nonce");
  assert.doesNotMatch(own.ran[0]?.input ?? "", /rm -rf/);
  const clone = setup({ agent: "original", nonce: "ours of original" });
  await installRuntime(clone.deps, "pet", "nonce");
  assert.match(clone.ran[0]?.input ?? "", /rm -rf .*credential/);
});

test("a runtime of another fleet is left alone, and nothing is enrolled", async () => {
  const { deps, ran, enrolled } = setup({ agent: "pet", nonce: "theirs" });
  await assert.rejects(installRuntime(deps, "pet", "nonce"), { code: "runtime-of-another" });
  assert.deepEqual([ran, enrolled], [[], []]);
});

test("what went wrong inside is said, with what to do", async () => {
  for (const [exitCode, said] of [
    [1, /is not installed: E: it went wrong/],
    [77, /no Node 18 or newer/],
    [76, /inside it has another name/],
  ] as const)
    await assert.rejects(installRuntime(setup(null, exitCode).deps, "pet", "nonce"), (error: Error) => {
      assert.match(error.message, said);
      assert.doesNotMatch(JSON.stringify(error), /the-token/);
      return true;
    });
});
