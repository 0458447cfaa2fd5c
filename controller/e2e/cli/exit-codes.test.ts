/** Each exit code of the contract, seen from outside: what a script may rely on. */
import assert from "node:assert/strict";
import { chmod, cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { BUILDER, settings } from "../support/fleets.ts";
import { type Fixture, createFixture } from "../support/harness.ts";

/** As Multipass 1.16 says it when its daemon is not there. */
const NO_DAEMON = `#!/bin/sh
echo "list failed: cannot connect to the multipass socket" >&2
exit 2
`;

describe("exit codes", { concurrency: 4 }, () => {
  let fixture: Fixture;
  const at = (name: string) => join(fixture.folder, name);
  before(async () => {
    fixture = await createFixture({ "fleet.yaml": settings(), "builder.yaml": BUILDER });
    for (const name of ["paused", "broken"]) await cp(fixture.fleet, at(name), { recursive: true });
    await writeFile(join(at("paused"), "builder.yaml"), `${BUILDER}paused: true\n`);
    await writeFile(join(at("broken"), "builder.yaml"), BUILDER.replace("memory", "memroy"));
    await writeFile(at("multipass"), NO_DAEMON);
    await chmod(at("multipass"), 0o755);
  });
  after(() => fixture.close());

  const cases: readonly (readonly [
    code: number,
    args: readonly string[],
    env?: (f: Fixture) => Readonly<Record<string, string>>,
  ])[] = [
    [0, ["plan"]],
    [0, ["drift"]],
    [1, ["destroy", "no-such", "--force"]],
    [1, ["why", "no-such"]],
    [2, ["plan", "--detailed-exitcode"]],
    [3, ["plan", "--detailed-exitcode"], () => ({ VM_AGENT_FLEET: at("paused") })],
    [3, ["apply", "--yes"], () => ({ VM_AGENT_FLEET: at("paused") })],
    [64, ["plam"]],
    [64, ["plan", "--no-such"]],
    [64, ["token", "nonsense"]],
    [65, ["validate"], () => ({ VM_AGENT_FLEET: at("broken") })],
    [65, ["plan"], () => ({ VM_AGENT_FLEET: at("broken") })],
    [69, ["tasks"]],
    [69, ["plan"], () => ({ VM_AGENT_DRIVER: "multipass", VM_AGENT_MULTIPASS: at("multipass") })],
    [69, ["apply", "--yes"], () => ({ VM_AGENT_DRIVER: "multipass", VM_AGENT_MULTIPASS: at("multipass") })],
  ];
  for (const [code, args, env] of cases)
    it(`${code}: vm-agent ${args.join(" ")}${env ? ", elsewhere" : ""}`, async () => {
      const result = await fixture.cliWith(env?.(fixture) ?? {}, ...args);
      assert.equal(result.code, code, result.stdout + result.stderr);
      if (code === 1 || code >= 64) assert.notEqual(result.stderr + result.stdout, "", "it says why");
    });
});
