/** Commands in a guest, through a stand-in that really runs what stands after `--`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeMultipass as fake, withCode as code } from "../testing/fake-multipass.ts";

test("exec: the guest's exit code and output exactly, past spinner noise", async (t) => {
  const { driver } = fake(t, { FAKE_MODE: "guest", FAKE_NOISE: "\\033[2KStarting a  \\b/\\b-" });
  const run = (...argv: string[]) => driver.exec("a", "Running", argv);
  assert.deepEqual(await run("sh", "-c", "printf out; printf err >&2; exit 2"), {
    exitCode: 2,
    stdout: "out",
    stderr: "err",
  });
  assert.deepEqual(await run("printf", "%s\\n", "a b", "$(x)", "'"), {
    exitCode: 0,
    stdout: "a b\n$(x)\n'\n",
    stderr: "",
  });
  assert.equal((await run("exit", "5")).exitCode, 5);
  assert.equal((await run("/nonexistent/x")).exitCode, 127);
  assert.equal((await run("sh", "-c", "kill -9 $$")).exitCode, 137);
  const big = await run("sh", "-c", "head -c 20000000 /dev/zero; exit 3");
  assert.equal(big.exitCode, 3);
});

test("exec: what is Multipass's own failure is not taken for the guest's", async (t) => {
  const { driver } = fake(t, {
    FAKE_EXIT: "2",
    FAKE_ERR: "exec failed: ssh connection failed: 'Connection refused'\\n",
  });
  await assert.rejects(driver.exec("a", "Running", ["true"]), code("driver-failed"));
  await assert.rejects(fake(t).driver.exec("a", "Running", ["true"]), code("driver-failed"));
  for (const state of ["Stopped", "Suspended", "Unknown", "Starting"] as const) {
    const { driver: idle, events } = fake(t);
    await assert.rejects(idle.exec("a", state, ["true"]), code("not-running"));
    assert.equal(events.length, 0);
  }
});

test("exec: neither the message nor the event quotes the wrapper, its marker or an inline script", async (t) => {
  const { driver, events } = fake(t, {
    FAKE_EXIT: "2",
    FAKE_ERR: "exec failed: ssh connection failed: 'Connection refused'\\n",
  });
  const argv = ["sudo", "-n", "sh", "-c", "printf secret-script", "sh", "/etc/x"];
  await assert.rejects(driver.exec("a", "Running", argv), {
    message: "a command inside a: ssh connection failed: 'Connection refused'",
  });
  assert.deepEqual(
    events.map((event) => event.argv),
    [["multipass", "exec", "a", "--", "sudo", "-n", "sh", "-c", "(script)", "sh", "/etc/x"]],
  );
});
