// The verbs of systemctl that make sense here, and how they are asked for from inside the guest.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, watch } from "node:fs";
import { join } from "node:path";
import { writeAtomically } from "../files.ts";
import type { ServiceState } from "./service.ts";
import type { Services } from "./services.ts";

export interface Answer {
  readonly code: number;
  readonly text: string;
}

const OK: Answer = { code: 0, text: "" };

/** Runs `systemctl ARGUMENTS`. */
export async function systemctl(services: Services, argv: readonly string[]): Promise<Answer> {
  const [verb = "list-units", ...units] = argv
    .filter((word) => !word.startsWith("-"))
    .map((word, at) => (at === 0 ? word : unitName(word)));
  const now = argv.includes("--now");
  const unknown = units.find((unit) => !services.fileOf(unit));
  switch (verb) {
    case "daemon-reload":
    case "daemon-reexec":
    case "reset-failed":
      return OK;
    case "is-active":
      return state(
        units.map((unit) => activeState(services, unit)),
        "active",
        argv,
      );
    case "is-enabled":
      return state(
        units.map((unit) => (services.isEnabled(unit) ? "enabled" : "disabled")),
        "enabled",
        argv,
      );
    case "is-failed":
      return state(
        units.map((unit) => activeState(services, unit)),
        "failed",
        argv,
      );
    case "show":
      return { code: 0, text: units.map((unit) => describe(services, unit, wanted(argv))).join("\n") };
    case "status":
      return {
        code: units.every((unit) => activeState(services, unit) === "active") ? 0 : 3,
        text: units.map((unit) => describe(services, unit, null)).join(""),
      };
    case "stop":
      await Promise.all(units.map((unit) => services.stop(unit)));
      return OK;
    case "disable":
      for (const unit of units) services.disable(unit);
      if (now) await Promise.all(units.map((unit) => services.stop(unit)));
      return OK;
  }
  if (unknown !== undefined) return { code: 5, text: `Unit ${unknown} not found.\n` };
  switch (verb) {
    case "enable":
      for (const unit of units) services.enable(unit);
      return now ? start(services, units) : OK;
    case "start":
      return start(services, units);
    case "restart":
    case "reload-or-restart":
    case "try-restart":
    case "reload":
      await Promise.all(units.map((unit) => services.stop(unit)));
      return start(services, units);
    default:
      return { code: 1, text: `Unknown command verb '${verb}', or one that the sandbox does not have.\n` };
  }
}

async function start(services: Services, units: readonly string[]): Promise<Answer> {
  for (const unit of units) {
    const service = services.start(unit);
    await service?.settled();
    if (service?.state === "failed") return { code: 1, text: `Job for ${unit} failed.\n` };
  }
  return OK;
}

const unitName = (word: string): string => (/\.[a-z]+$/.test(word) ? word : `${word}.service`);

const activeState = (services: Services, unit: string): ServiceState =>
  services.get(unit)?.state ?? "inactive";

function state(states: readonly string[], good: string, argv: readonly string[]): Answer {
  const quiet = argv.includes("--quiet") || argv.includes("-q");
  const code = states.some((it) => it === good) ? 0 : good === "enabled" ? 1 : 3;
  return { code, text: quiet ? "" : states.map((it) => `${it}\n`).join("") };
}

/** The names after `--property=`; null: all. */
function wanted(argv: readonly string[]): readonly string[] | null {
  const names = argv.flatMap((word) => /^--property=(.+)$/.exec(word)?.[1]?.split(",") ?? []);
  return names.length > 0 ? names : null;
}

/** Between an end and the next start a unit is "activating (auto-restart)". */
function describe(services: Services, unit: string, names: readonly string[] | null): string {
  const service = services.get(unit);
  const active = activeState(services, unit);
  const sub = { active: "running", activating: "auto-restart", failed: "failed", inactive: "dead" };
  const all: Readonly<Record<string, string | number>> = {
    Id: unit,
    LoadState: services.fileOf(unit) ? "loaded" : "not-found",
    ActiveState: active,
    SubState: sub[active],
    Result: (service?.lastExit ?? 0) === 0 ? "success" : "exit-code",
    ExecMainStatus: service?.lastExit ?? 0,
    UnitFileState: services.isEnabled(unit) ? "enabled" : "disabled",
    NRestarts: service?.restarts ?? 0,
  };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    names === null || names.includes(name) ? `${name}=${value}` : [],
  );
  return `${lines.join("\n")}\n`;
}

/** Between two looks where the kernel does not report changes. */
const POLL_MS = 200;

/** Answers the requests that the guest's `systemctl` leaves in a folder, until this process ends. */
export function answerRequests(root: string, services: Services): void {
  const box = join(root, "run/sandbox/requests");
  rmSync(box, { recursive: true, force: true });
  mkdirSync(box, { recursive: true });
  const serve = async (): Promise<void> => {
    for (const name of readdirSync(box).filter((it) => it.endsWith(".ready"))) {
      const path = join(box, name);
      const taken = path.replace(/ready$/, "taken");
      try {
        renameSync(path, taken);
      } catch {
        continue; // Another turn of this function has it.
      }
      const argv = readFileSync(taken, "utf8").split("\n").slice(0, -1);
      rmSync(taken);
      const { code, text } = await systemctl(services, argv);
      writeAtomically(path.replace(/ready$/, "answer"), `${code}\n${text}`);
    }
  };
  const look = (): void => {
    serve().catch((error: Error) => console.error(`systemctl: ${error.message}`));
  };
  try {
    watch(box, look);
  } catch (error) {
    // This machine's limit of inotify instances (EMFILE) or watches (ENOSPC) is reached.
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "EMFILE" && code !== "ENOSPC") throw error;
    console.error(`systemctl: ${message}; requests are found by polling`);
    setInterval(look, POLL_MS);
  }
}
