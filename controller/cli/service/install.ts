/** `vm-agent install-service` and `uninstall-service`: starts the hub at boot, and restarts it after a crash. */
import { trustOf } from "../../base/env.ts";
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { EXIT, VmAgentError, toVmAgentError } from "../../base/errors.ts";
import { makeHome } from "../../base/home.ts";
import { run } from "../../base/process/exec.ts";
import { packageRoot } from "../../base/paths.ts";
import { findMultipass } from "../../drivers/select.ts";
import { loadFleet } from "../../fleet/source.ts";
import { replaceFile } from "../edits/files.ts";
import { findHub, readHubFile } from "../system/home.ts";
import type { Output } from "../output/output.ts";
import type { CommandRun, Invocation } from "../command-spec.ts";
import { whose, type Who } from "./around.ts";
import { describeService } from "./describe.ts";
import { isForFleet, isRunning, readInstalled } from "./installed.ts";
import type { Command, Manager } from "./manager.ts";

/** Deadline of one command of a service manager; stopping waits for running steps. */
const DEADLINE = 150_000;

export const installService: CommandRun = async (invocation) => {
  const { settings, output, options } = invocation;
  const who = whose(options, process.env);
  const { manager } = who;
  const secrets = await secretVariables(invocation);
  const service = describeService({
    settings,
    secrets,
    env: process.env,
    node: process.execPath,
    program: join(packageRoot(), "dist", "bin", "vm-agent.cjs"),
    cwd: process.cwd(),
    multipass: settings.multipass ?? findMultipass(process.env),
    ...(who.user !== undefined && { user: who.user }),
  });
  const text = manager.render(service);
  if (options.print || options.dryRun) return show(output, manager, text);

  const before = readInstalled(manager.file);
  if (before && !before.ours) throw notOwned(manager.file);
  if (before && !isForFleet(before, text) && !options.force)
    throw new VmAgentError({
      code: "service-other-fleet",
      message: `${manager.file} starts the hub of another fleet`,
      next: "remove it with vm-agent uninstall-service, or replace it with --force; one service is kept for each user",
    });
  await refuseSecondHub(invocation, manager);
  prepareFolders([settings.home, ...manager.folders(settings.home)], settings.home);
  const changed = before?.text !== text;
  if (changed) write(manager.file, text);
  for (const { command, quiet } of manager.begin) await order(command, quiet === true);

  if (output.json) {
    output.out(JSON.stringify({ file: manager.file, scope: manager.scope, changed }));
    return EXIT.done;
  }
  output.out(`${before ? (changed ? "replaced" : "unchanged:") : "wrote"} ${manager.file}`);
  output.out(
    `the hub of ${settings.fleet} runs now, and starts with ${manager.scope === "user" ? `${who.name}'s session` : "this machine"}`,
  );
  output.out(`its log: ${manager.logWords(settings.home)}`);
  for (const line of [...(await lingering(who)), ...missingSecrets(secrets, invocation, manager)])
    output.err(`${output.paint("warn", "warning:")} ${line}`);
  output.out("next: vm-agent doctor");
  return EXIT.done;
};

export const uninstallService: CommandRun = async ({ output, options }) => {
  const { manager } = whose(options, process.env);
  const before = readInstalled(manager.file);
  if (before === null) {
    if (output.json) output.out(JSON.stringify({ file: manager.file, removed: false }));
    else output.out(`no service is installed (${manager.file})`);
    return EXIT.done;
  }
  if (!before.ours) throw notOwned(manager.file);
  for (const { command, quiet } of manager.end) await order(command, quiet === true);
  try {
    rmSync(manager.file);
  } catch (error) {
    throw denied(manager.file, error);
  }
  for (const { command, quiet } of manager.forget) await order(command, quiet === true);
  if (output.json) output.out(JSON.stringify({ file: manager.file, removed: true }));
  else
    output.out(
      `removed ${manager.file}; the hub is stopped, the agents and the state folder stay as they are`,
    );
  return EXIT.done;
};

function show(output: Output, manager: Manager, text: string): number {
  if (output.json) output.out(JSON.stringify({ file: manager.file, scope: manager.scope, text }));
  else {
    output.err(`would write ${manager.file}, and run:`);
    for (const { command } of manager.begin) output.err(`  ${command.join(" ")}`);
    process.stdout.write(text);
  }
  return EXIT.done;
}

/** Two would compete for the fleet's lock, and the service would restart again and again. */
async function refuseSecondHub({ settings }: Invocation, manager: Manager): Promise<void> {
  if (!(await findHub({ ...settings, url: null, token: settings.token ?? "-" }))) return;
  if (await isRunning(manager, run, DEADLINE)) return;
  const pid = readHubFile(settings.home)?.pid;
  throw new VmAgentError({
    code: "hub-running",
    message: `a hub of this fleet runs already (pid ${pid}), started by hand`,
    next: "stop it first (Ctrl-C there); the agents stay as they are, and the service takes over",
  });
}

/** Files created under sudo belong to the calling user, because the service runs as that user. */
function prepareFolders(folders: readonly string[], home: string): void {
  const { SUDO_UID, SUDO_GID } = process.env;
  for (const folder of folders.filter((f) => !existsSync(f))) {
    if (folder === home) makeHome(home);
    else mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (process.getuid?.() !== 0 || !SUDO_UID || !SUDO_GID) continue;
    for (const path of [folder, join(folder, ".gitignore")])
      if (existsSync(path)) chownSync(path, Number(SUDO_UID), Number(SUDO_GID));
  }
}

function write(file: string, text: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    replaceFile(file, text);
    chmodSync(file, 0o644);
  } catch (error) {
    throw denied(file, error);
  }
}

async function order([file, ...args]: Command, quiet: boolean): Promise<void> {
  const result = await run(file, args, { deadlineMs: DEADLINE });
  if (quiet || result.exitCode === 0) return;
  const words = [file, ...args].join(" ");
  if (result.spawnError)
    throw new VmAgentError({
      code: "service-manager-missing",
      message: `there is no ${file} on this machine`,
      next: "vm-agent install-service --print shows the file; have your own service manager run what it starts",
    });
  throw new VmAgentError({
    code: "service-failed",
    message: `${words}: ${result.stderr.trim() || (result.timedOut ? "no answer" : `exit code ${result.exitCode}`)}`,
    next: /bus|XDG_RUNTIME_DIR/i.test(result.stderr)
      ? "log in as that user (not by su or sudo), or install it for the system: sudo vm-agent install-service --system"
      : `run it by hand and read what it says; vm-agent uninstall-service takes everything back`,
  });
}

/** Without it a user's services end with the last session, and do not start at boot. */
async function lingering({ manager, name }: Who): Promise<readonly string[]> {
  if (manager.name !== "systemd" || manager.scope !== "user") return [];
  const { exitCode, stdout } = await run("loginctl", ["show-user", name, "--property=Linger"], {
    deadlineMs: 5000,
  });
  return exitCode === 0 && stdout.trim() === "Linger=yes"
    ? []
    : [
        `it ends when ${name} logs out, and does not start with the machine: loginctl enable-linger ${name} changes that, or install it with sudo and --system`,
      ];
}

async function secretVariables({ settings }: Invocation): Promise<readonly string[]> {
  const read = await loadFleet(settings.fleet, trustOf(settings));
  const named = read.ok
    ? read.desired.agents.flatMap((a) =>
        Object.values(a.secrets).flatMap((s) => ("fromEnv" in s ? [s.fromEnv] : [])),
      )
    : [];
  return [...new Set(named)].sort();
}

function missingSecrets(
  names: readonly string[],
  { settings }: Invocation,
  manager: Manager,
): readonly string[] {
  const file = join(settings.home, "service.env");
  if (names.length === 0 || (manager.name === "systemd" && existsSync(file))) return [];
  const list = names.join(", ");
  return [
    manager.name === "systemd"
      ? `a service does not have your variables, and secrets are read from ${list}: write NAME=VALUE lines into ${file} (chmod 600), then install it again`
      : `a service does not have your variables, and secrets are read from ${list}: use fromFile instead`,
  ];
}

const notOwned = (file: string): VmAgentError =>
  new VmAgentError({
    code: "service-not-ours",
    message: `${file} was not written by vm-agent install-service`,
    next: "look at it, and move it away if it is not needed",
  });

function denied(file: string, cause: unknown): VmAgentError {
  const known = toVmAgentError(cause);
  if (known.code !== "permission-denied") return known;
  return new VmAgentError({
    code: "permission-denied",
    message: `${file} cannot be written by this user`,
    next: "run it with sudo, or install a service of your own with --user",
    cause,
  });
}
