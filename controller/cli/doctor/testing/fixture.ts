/** A fleet, a state folder and a sandbox for tests of `doctor`, and what the doctor finds there. */
import { type ExecFileException, execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { readSettings } from "../../../base/env.ts";
import { run } from "../../../base/process/exec.ts";
import { packageRoot } from "../../../base/paths.ts";
import type { FaultRule } from "../../../sandbox/faults.ts";
import { type Finding, runChecks } from "../check.ts";
import { CHECKS } from "../doctor.ts";
import { createDoctorContext, type DoctorOptions } from "../context.ts";

export const SANDBOX = join(packageRoot(), "dist", "controller", "sandbox", "main.js");

export interface DoctorFixture {
  readonly folder: string;
  readonly home: string;
  write(file: string, text: string, mode?: number): string;
  /** Checks of these names, or all. */
  examine(asked?: Asked): Promise<readonly (Finding & { readonly check: string })[]>;
  /** The sandbox's command line. */
  multipass(...args: readonly string[]): Promise<string>;
}

export interface Asked extends DoctorOptions {
  readonly only?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly faults?: readonly FaultRule[];
}

const AGENT = "kind: Agent\nname: agent-a\ncpu: 1\nmemory: 256M\ndisk: 1G\n";

export function createDoctorFixture(t: TestContext): DoctorFixture {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-ward-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const home = join(folder, "home");
  const write = (file: string, text: string, mode = 0o644) => {
    const path = join(folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode });
    return path;
  };
  write("fleet/a.yaml", AGENT);
  return {
    folder,
    home,
    write,
    async examine({ only, env = {}, faults, ...options } = {}) {
      const all = {
        PATH: process.env.PATH,
        HOME: folder,
        VM_AGENT_DRIVER: "sandbox",
        VM_AGENT_FLEET: join(folder, "fleet"),
        VM_AGENT_HOME: home,
        VM_AGENT_HTTP_PORT: "0",
        VM_AGENT_WS_PORT: "0",
        VM_AGENT_DASHBOARD_PORT: "0",
        ...env,
      };
      const script = faults && write("faults.json", JSON.stringify({ rules: faults }));
      const context = createDoctorContext(readSettings({}, all, folder), all, {
        usualPlaces: [],
        run: (file, args, given) =>
          run(file, args, {
            ...given,
            env: {
              ...given?.env,
              HOME: folder,
              PATH: all.PATH,
              ...(script && { VM_AGENT_SANDBOX_FAULTS: script }),
            },
          }),
        ...options,
      });
      const checks = only === undefined ? CHECKS : CHECKS.filter((c) => only.includes(c.name));
      const results = await runChecks(checks, context);
      return results.flatMap((r) => r.findings.map((f) => ({ ...f, check: r.check })));
    },
    multipass: (...args) =>
      new Promise((resolve, reject) => {
        const env = { ...process.env, VM_AGENT_SANDBOX_DIR: join(home, "sandbox") };
        execFile(process.execPath, [SANDBOX, ...args], { env }, (error: ExecFileException | null, stdout) =>
          error ? reject(error) : resolve(stdout),
        );
      }),
  };
}
