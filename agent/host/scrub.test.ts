/** The join token leaves cloud-init's copies too, when the real bundle has its credential. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { Guest } from "../testing/guest.ts";
import { FakeHub } from "../testing/fake-hub.ts";
import { until } from "../testing/until.ts";

test("a used join token is in no file of cloud-init any more, whose sizes stay as they were", async (t) => {
  const hub = new FakeHub({ credential: "credential-1" });
  await hub.start();
  t.after(() => hub.stop());
  const guest = new Guest("agent-a", hub.port);
  t.after(async () => {
    await guest.kill("SIGKILL");
    rmSync(guest.root, { recursive: true, force: true });
  });
  const token = "a-join-token-of-43-characters-as-they-are-x";
  const settings = JSON.parse(guest.read("/etc/vm-agent/runtime.json")) as object;
  guest.write("/etc/vm-agent/runtime.json", JSON.stringify({ ...settings, joinToken: token }));
  const copies = ["user-data.txt", "cloud-config.txt", "obj.pkl"].map(
    (name) => `/var/lib/cloud/instances/agent-a/${name}`,
  );
  const content = `#cloud-config\u0000 ${token} and again "joinToken\\":\\"${token}\\"`;
  for (const path of copies) guest.write(path, content);
  guest.write("/var/lib/cloud/instances/agent-a/boot-finished", "left as it is");
  await guest.start();
  const gone = () => !guest.read("/etc/vm-agent/runtime.json").includes("joinToken");
  await until(gone, "the token's end in the settings");
  for (const path of copies) {
    assert.equal(guest.read(path), content.replaceAll(token, "x".repeat(token.length)));
  }
  assert.equal(guest.read("/var/lib/cloud/instances/agent-a/boot-finished"), "left as it is");
});
