/** Units of the hub: as in the golden files, and read by those who have to read them: systemd, and a parser of property lists. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "plist";
import { HUB_LABEL, hubPlist } from "./launchd/plist.ts";
import type { HubService } from "./service.ts";
import { HUB_UNIT, hubUnit } from "./systemd/hub-unit.ts";

const SERVICE: HubService = {
  node: "/opt/node/bin/node",
  program: "/opt/vm-agent/dist/bin/vm-agent.cjs",
  fleet: "/home/ann/work/fleet",
  home: "/home/ann/work/.vm-agent",
  folder: "/home/ann/work",
  env: { PATH: "/opt/node/bin:/snap/bin:/usr/bin:/bin", VM_AGENT_WS_PORT: "9190" },
};
/** Whatever a folder may be called. */
const ODD = `/home/ann/50% "off" $HOME \\ <&> it's`;
const STRANGE: HubService = {
  ...SERVICE,
  fleet: `${ODD}/fleet`,
  home: ODD,
  program: `${ODD}/vm-agent.cjs`,
  folder: ODD,
};

const GOLDEN = new URL("../../provisioning/testdata/", import.meta.url);

describe("services of the hub", () => {
  const cases = [
    ["user.service", hubUnit(SERVICE)],
    ["system.service", hubUnit({ ...SERVICE, user: "ann" })],
    ["agent.plist", hubPlist(SERVICE)],
    ["daemon.plist", hubPlist({ ...SERVICE, user: "ann" })],
  ] as const;
  for (const [name, text] of cases) {
    test(`${name} is as in the golden file`, () => {
      const file = fileURLToPath(new URL(name, GOLDEN));
      if (process.env.VM_AGENT_UPDATE_GOLDEN) writeFileSync(file, text);
      assert.ok(existsSync(file), "VM_AGENT_UPDATE_GOLDEN=1 writes it");
      assert.equal(text, readFileSync(file, "utf8"));
    });
  }

  const present = spawnSync("systemd-analyze", ["--version"]).status === 0;
  test("systemd reads the units without a complaint", {
    skip: !present && "there is no systemd-analyze",
  }, () => {
    const folder = mkdtempSync(join(tmpdir(), "vm-agent-units-"));
    // What it names has to be there.
    const real = { ...SERVICE, node: process.execPath, program: import.meta.filename, folder };
    try {
      const verify = (text: string) => {
        const file = join(folder, HUB_UNIT);
        writeFileSync(file, text);
        return spawnSync("systemd-analyze", ["verify", file], { encoding: "utf8" });
      };
      for (const unit of [
        hubUnit(real),
        hubUnit({ ...real, user: "root" }),
        hubUnit({ ...STRANGE, node: process.execPath }),
      ]) {
        const { status, stderr } = verify(unit);
        assert.deepEqual([status, stderr], [0, ""], unit);
      }
      // It would say so.
      assert.match(verify(hubUnit(real).replace("RestartSec=", "RestratSec=")).stderr, /RestratSec/);
      assert.notEqual(verify(hubUnit({ ...real, node: join(folder, "no-node") })).stderr, "");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("a property list gives back what was put in, however strange", () => {
    for (const service of [SERVICE, STRANGE, { ...SERVICE, user: "ann" }]) {
      const read = parse(hubPlist(service)) as Record<string, unknown>;
      assert.equal(read.Label, HUB_LABEL);
      assert.deepEqual(read.ProgramArguments, [service.node, service.program, "up", "--plain"]);
      assert.deepEqual(read.EnvironmentVariables, {
        ...service.env,
        VM_AGENT_FLEET: service.fleet,
        VM_AGENT_HOME: service.home,
      });
      assert.equal(read.WorkingDirectory, service.folder);
      assert.equal(read.StandardErrorPath, `${service.home}/logs/hub-stderr.log`);
      assert.equal(read.UserName, "user" in service ? "ann" : undefined);
      assert.deepEqual([read.RunAtLoad, read.KeepAlive, read.AbandonProcessGroup], [true, true, true]);
    }
  });

  test("systemd takes a strange path apart as it was meant", {
    skip: !present && "there is no systemd-analyze",
  }, () => {
    const folder = mkdtempSync(join(tmpdir(), "vm-agent-units-"));
    try {
      // It names the program that it cannot find after it has read the quotes.
      const file = join(folder, HUB_UNIT);
      writeFileSync(file, hubUnit({ ...STRANGE, node: "/nowhere/50% of it/node" }));
      const { stderr } = spawnSync("systemd-analyze", ["verify", file], { encoding: "utf8" });
      assert.match(stderr, /\/nowhere\/50% of it\/node/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
