// The instance's services: which unit files there are, which are enabled, which run.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import type { Instance } from "../instances/instance.ts";
import { guestRoot } from "../paths.ts";
import type { Isolation } from "./isolation.ts";
import { guestProgram, ROOT, UBUNTU, type User } from "./program.ts";
import { Service } from "./service.ts";
import { expand, parseEnvironmentFile, readUnit } from "./unit-file.ts";

export class Services {
  readonly #instance: Instance;
  readonly #isolation: Isolation;
  readonly #root: string;
  readonly #running = new Map<string, Service>();

  constructor(instance: Instance, isolation: Isolation) {
    this.#instance = instance;
    this.#isolation = isolation;
    this.#root = guestRoot(instance.name);
  }

  /** Where a unit's file lies, or undefined. */
  fileOf(unit: string): string | undefined {
    const folders = ["etc/systemd/system", "usr/local/lib/systemd/system"];
    return folders.map((folder) => join(this.#root, folder, unit)).find((path) => existsSync(path));
  }

  get(unit: string): Service | undefined {
    return this.#running.get(unit);
  }

  isEnabled(unit: string): boolean {
    return this.#wants().includes(unit);
  }

  enable(unit: string): void {
    const folder = join(this.#root, WANTS);
    mkdirSync(folder, { recursive: true });
    rmSync(join(folder, unit), { force: true });
    symlinkSync(`/etc/systemd/system/${unit}`, join(folder, unit));
  }

  disable(unit: string): void {
    rmSync(join(this.#root, WANTS, unit), { force: true });
  }

  /** Starts what is enabled; how a boot reaches multi-user.target. */
  startEnabled(): void {
    for (const unit of this.#wants()) if (this.fileOf(unit)) this.start(unit);
  }

  /** Starts a unit with its file as it is now; undefined where there is no such file. */
  start(name: string): Service | undefined {
    const path = this.fileOf(name);
    if (!path) return undefined;
    const present = this.#running.get(name);
    if (present && (present.state === "active" || present.state === "activating")) return present;
    const unit = readUnit(name, readFileSync(path, "utf8"));
    const program = () => {
      const env = { ...this.#environmentFiles(unit.environmentFiles), ...unit.environment };
      return guestProgram(this.#instance, this.#isolation, {
        argv:
          this.#instance.broken?.fault === "service-fails"
            ? failing(this.#instance.broken.message)
            : expand(unit.start, env),
        user: userOf(unit.user),
        cwd: unit.workingDirectory ?? "/",
        env,
      });
    };
    const service = new Service(
      unit,
      program,
      join(this.#root, "var/log", `${basename(name, ".service")}.log`),
    );
    this.#running.set(name, service);
    service.start();
    return service;
  }

  async stop(name: string): Promise<void> {
    await this.#running.get(name)?.stop();
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running.values()].map((service) => service.stop()));
  }

  #wants(): readonly string[] {
    try {
      return readdirSync(join(this.#root, WANTS)).sort();
    } catch {
      return [];
    }
  }

  #environmentFiles(
    files: readonly { readonly path: string; readonly optional: boolean }[],
  ): Record<string, string> {
    const env: Record<string, string> = {};
    for (const { path, optional } of files) {
      const host = join(this.#root, path);
      if (existsSync(host)) Object.assign(env, parseEnvironmentFile(readFileSync(host, "utf8")));
      else if (!optional) throw new Error(`Failed to load environment files: ${path}`);
    }
    return env;
  }
}

const failing = (message: string): readonly string[] => ["/bin/sh", "-c", 'echo "$1"; exit 1', "sh", message];

const WANTS = "etc/systemd/system/multi-user.target.wants";

/** There is one account behind all; a name other than root is the ordinary user. */
function userOf(name: string): User {
  if (name === "root" || name === "0") return ROOT;
  return name === "ubuntu" ? UBUNTU : { ...UBUNTU, name };
}
