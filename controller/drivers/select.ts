/** Selects the driver, with the reason: settings first, then what this machine has. */
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import type { Settings } from "../base/env.ts";
import { EXIT, toVmAgentError, VmAgentError } from "../base/errors.ts";
import type { Bus } from "../base/events.ts";
import type { Run } from "../base/process/exec.ts";
import { makeHome } from "../base/home.ts";
import { packageRoot } from "../base/paths.ts";
import type { FleetSettings } from "../core/types.ts";
import type { Driver } from "./driver.ts";
import { createMultipassDriver } from "./multipass/multipass.ts";
import { type Deadlines, type Executable, readDeadlines } from "./multipass/call.ts";

export interface Selection {
  readonly driver: Driver;
  readonly kind: "multipass" | "sandbox";
  /** For `vm-agent multipass ARGS…`, which passes through to the same executable. */
  readonly executable: Executable;
  /** One line for people: the driver and the reason. */
  readonly reason: string;
}

export interface SelectDeps {
  readonly bus: Bus;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly run?: Run;
  readonly deadlines?: Deadlines;
  /**
   * The driver whose instances the store has claims of, null without claims. `auto` never switches: the other driver
   * would truthfully report every name absent, and claims would expire (SPEC section 3, safety 1).
   */
  readonly claimed?: "multipass" | "sandbox" | null;
  /** Install locations of Multipass; searched after PATH, which services often have without them. */
  readonly usualPlaces?: readonly string[];
}

export const USUAL_PLACES: readonly string[] = ["/snap/bin", "/usr/local/bin", "/opt/homebrew/bin"];

/**
 * VM_AGENT_MULTIPASS (unless `--driver sandbox` is given too), then the requested driver, then the first that answers.
 * A Multipass that does not answer or denies access is an error, never a reason for the sandbox.
 */
export async function selectDriver(
  settings: Pick<Settings, "driver" | "multipass" | "home">,
  fleetDriver: FleetSettings["driver"] | null,
  deps: SelectDeps,
): Promise<Selection> {
  const wanted = settings.driver ?? fleetDriver ?? "auto";
  const make = (kind: Selection["kind"], executable: Executable, reason: string): Selection => ({
    kind,
    executable,
    reason,
    driver: createMultipassDriver({
      executable,
      bus: deps.bus,
      deadlines: deps.deadlines ?? readDeadlines(deps.env),
      ...(deps.run === undefined ? {} : { run: deps.run }),
    }),
  });
  // Both come from this invocation; `sandbox` is the more specific one.
  if (settings.multipass !== null && settings.driver !== "sandbox") {
    const executable = { file: settings.multipass, args: [] };
    return make("multipass", executable, `multipass: ${settings.multipass}, named by VM_AGENT_MULTIPASS`);
  }
  const sandbox = (why: string) =>
    make("sandbox", sandboxExecutable(settings.home, deps.env), `sandbox (not virtual machines): ${why}`);
  if (wanted === "sandbox") return sandbox("asked for");

  const found = findMultipass(deps.env, deps.usualPlaces ?? USUAL_PLACES);
  if (wanted === "multipass") {
    if (found === null) throw missing("the driver multipass is asked for, but there is no multipass on PATH");
    return make("multipass", { file: found, args: [] }, `multipass: ${found}, asked for`);
  }

  if (deps.claimed === "sandbox") return sandbox("this fleet's instances live in it");
  if (found === null) {
    if (deps.claimed === "multipass") {
      throw missing("this fleet's instances live in Multipass, but there is no multipass on PATH");
    }
    return sandbox("there is no multipass on PATH");
  }
  const selection = make(
    "multipass",
    { file: found, args: [] },
    `multipass: ${found}, on this machine and answering`,
  );
  await probe(selection.driver, found);
  return selection;
}

/** Our own executable with Multipass's command line; its instances are folders below VM_AGENT_SANDBOX_DIR. */
export function sandboxExecutable(
  home: string,
  env: Readonly<Record<string, string | undefined>>,
): Executable {
  const main = join(packageRoot(), "dist", "sandbox", "main.mjs");
  if (!existsSync(main)) {
    throw new VmAgentError({
      code: "driver-missing",
      message: `the sandbox is not built: there is no ${main}`,
      next: "run `npm run build`, or install the package again",
      exit: EXIT.unreachable,
    });
  }
  // The first call creates the sandbox's folders.
  if (!env.VM_AGENT_SANDBOX_DIR) makeHome(home);
  const folder = resolve(env.VM_AGENT_SANDBOX_DIR || join(home, "sandbox"));
  return { file: process.execPath, args: [main], env: { VM_AGENT_SANDBOX_DIR: folder } };
}

/** Absolute path of `multipass`, first on PATH, then in the usual places; null: not found. */
export function findMultipass(
  env: Readonly<Record<string, string | undefined>>,
  usualPlaces: readonly string[] = USUAL_PLACES,
): string | null {
  const folders = (env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const folder of [...folders, ...usualPlaces]) {
    const file = resolve(folder, "multipass");
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not here; the next folder may have it.
    }
  }
  return null;
}

async function probe(driver: Driver, file: string): Promise<void> {
  let why: string;
  let next: string;
  try {
    const info = await driver.info();
    if (info.daemonAnswers) return;
    // `version` hides the cause: it exits 0 both for a stopped daemon and for one that refuses us (CONTRACT section 2).
    const seen = await driver.list();
    if (seen.kind === "seen") return;
    why = seen.reason;
    next = seen.next;
  } catch (error) {
    ({ message: why, next } = toVmAgentError(error));
  }
  throw new VmAgentError({
    code: "driver-unreachable",
    message: `${file} is installed but cannot be used: ${why}`,
    next: `${next}. To work without virtual machines, choose it: \`--driver sandbox\`, VM_AGENT_DRIVER=sandbox, or \`driver: sandbox\` in kind: Fleet`,
    transient: true,
    exit: EXIT.unreachable,
  });
}

function missing(message: string): VmAgentError {
  return new VmAgentError({
    code: "driver-missing",
    message,
    next: "install Multipass (https://canonical.com/multipass/install), name it with VM_AGENT_MULTIPASS, or choose `--driver sandbox`",
    exit: EXIT.unreachable,
  });
}
