/** A machine whose limit of inotify instances is reached: said at start and by doctor, and edits are found by polling. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { settings } from "../support/fleets.ts";
import { createFixture, MAIN, until } from "../support/harness.ts";

/** A user namespace in which no inotify instance can be made: the limit of the machine itself stays as it is. */
const WITHOUT = ["-Ur", "sh", "-c", 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"', "sh"];
const skip =
  spawnSync("unshare", [...WITHOUT, "true"]).status === 0
    ? false
    : "user namespaces with a limit of their own cannot be made here";

const agent = (type: string): string =>
  `kind: Agent\nname: agent-a\ntype: ${type}\ncpu: 1\nmemory: 256M\ndisk: 1G\n`;

test("beyond the limit of file watches up says so, and notices an edit", { skip }, async (t) => {
  const fixture = await createFixture({ "fleet.yaml": settings(), "a.yaml": agent("first") });
  t.after(() => fixture.close());
  const inside = (...args: readonly string[]) =>
    spawn("unshare", [...WITHOUT, process.execPath, MAIN, ...args], {
      cwd: fixture.folder,
      env: fixture.env as NodeJS.ProcessEnv,
      stdio: ["ignore", "pipe", "pipe"],
    });
  const up = inside("up", "--plain");
  t.after(() => up.kill("SIGKILL"));
  let printed = "";
  for (const stream of [up.stdout, up.stderr]) stream.on("data", (d: Buffer) => (printed += d.toString()));
  const sees = (what: RegExp) =>
    until(`it prints ${what}`, () => what.test(printed), 120_000).catch((e: unknown) =>
      assert.fail(`${e}\n${printed}`),
    );
  await sees(/limit of file watches is reached \(EMFILE, fs\.inotify\.max_user_instances\).*by polling/);
  await sees(/sudo sysctl fs\.inotify\.max_user_instances=\d+/);
  await sees(/in sync, after/);
  const read = () =>
    JSON.parse(readFileSync(join(fixture.home, "hub.json"), "utf8")) as { readonly http: string };
  const token = readFileSync(join(fixture.home, "operator-token"), "utf8").trim();
  const fleet = async () => {
    const answer = await fetch(`${read().http}/fleet`, { headers: { authorization: `Bearer ${token}` } });
    return (await answer.json()) as {
      readonly alerts: readonly { readonly message: string }[];
      readonly agents: readonly { readonly name: string; readonly type: string }[];
    };
  };
  assert.match(JSON.stringify((await fleet()).alerts), /limit of file watches/);
  await fixture.write("a.yaml", agent("edited"));
  // The look without any event comes each 30 s: by then it would be noticed anyway.
  await until("the edit is noticed", async () => (await fleet()).agents[0]?.type === "edited", 25_000);
  const doctor = spawnSync("unshare", [...WITHOUT, process.execPath, MAIN, "doctor"], {
    cwd: fixture.folder,
    env: fixture.env as NodeJS.ProcessEnv,
    encoding: "utf8",
  });
  assert.match(doctor.stdout, /! This machine's limit of file watches is reached/);
});
