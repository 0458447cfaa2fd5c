/** The runtime's program: arguments, files, signals and exit codes around one session with the hub. */
import "./v8-flags.ts";
import { realpathSync } from "node:fs";
import { cloudInitResult } from "./host/cloud-init.ts";
import { Channel } from "./session/channel.ts";
import {
  DEFAULT_TASKS,
  loadAddresses,
  loadPushed,
  readCredential,
  readSettings,
  type Settings,
  storeAddresses,
  storeCredential,
  storePushed,
} from "./host/config.ts";
import { createDiskWatch } from "./host/disk-watch.ts";
import { bootId, bundleHash, createHealth, instanceId, provisionProblems } from "./host/facts.ts";
import { errorMessage } from "./host/files.ts";
import { candidates, readGateway } from "./session/gateway.ts";
import { Journal } from "./tasks/journal.ts";
import { Ledger } from "./tasks/ledger.ts";
import { acquireLock } from "./host/lock.ts";
import { createLog } from "./host/log.ts";
import { openLogStore } from "./host/log-store.ts";
import { createMailbox } from "./mail/mailbox.ts";
import {
  GUEST_ROOT,
  guest,
  JOURNAL_DIR,
  LOCK_FILE,
  LOG_DIR,
  MAIL_DIR,
  SETTINGS_FILE,
  SPOOL_DIR,
  STATE_DIR,
  UPGRADE_FILE,
} from "./host/paths.ts";
import { Session } from "./session/session.ts";
import { Spool } from "./tasks/spool.ts";
import { TaskRunner } from "./tasks/tasks.ts";
import { createUpgrade, tryNewer } from "./host/upgrade.ts";
import { accountFor, readSurroundings } from "./tasks/user.ts";

/** Put in by the build. */
declare const RUNTIME_VERSION: string;

/** sysexits.h: usage, temporary failure, configuration; 70 is an error of ours. */
const EXIT = { done: 0, usage: 64, software: 70, busy: 75, config: 78 } as const;

const USAGE = "usage: runtime.mjs [--config PATH] | --version";

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === "--version" && args.length === 1) {
    process.stdout.write(`${RUNTIME_VERSION}\n`);
    return EXIT.done;
  }
  const [flag, path] = args;
  if (args.length !== 0 && (flag !== "--config" || path === undefined || args.length !== 2)) {
    process.stderr.write(`${USAGE}\n`);
    return EXIT.usage;
  }
  await tryNewer(realpathSync(process.argv[1] ?? ""), guest(UPGRADE_FILE));
  return run(guest(path ?? SETTINGS_FILE));
}

async function run(settingsFile: string): Promise<number> {
  // A reader of our stdout that went away is no reason to end.
  process.stdout.on("error", () => {});
  const log = createLog((text) => process.stdout.write(text));
  let settings: Settings;
  try {
    settings = readSettings(settingsFile);
  } catch (error) {
    log.error(errorMessage(error));
    return EXIT.config;
  }
  const boot = bootId();
  const holder = acquireLock(guest(LOCK_FILE), boot);
  if (holder !== null) {
    log.error(`another runtime of this instance runs already (process ${holder})`);
    return EXIT.busy;
  }
  const logStore = openLogStore(guest(LOG_DIR));
  log.keep(logStore);
  const { agent } = settings;
  const entry = realpathSync(process.argv[1] ?? "");
  const hash = bundleHash(entry);
  log.info(`vm-agent runtime ${RUNTIME_VERSION} for ${agent}, Node ${process.versions.node}`);

  const spool = new Spool(guest(SPOOL_DIR));
  const ledger = new Ledger({
    journal: new Journal(guest(JOURNAL_DIR)),
    spool,
    log,
    acknowledge: (ref) => session.acknowledge(ref),
    respond: (response) => session.respond(response),
  });
  const runner = new TaskRunner({
    agent,
    bootId: boot,
    ledger,
    log,
    surroundings: readSurroundings(GUEST_ROOT !== ""),
    policy: () => session.policy(),
    active: () => session.active(),
    respond: (response) => session.respond(response),
    output: (chunk, paced) => session.output(chunk, paced),
  });
  const mailbox = createMailbox({
    dir: guest(MAIL_DIR),
    log,
    send: (message) => session.sendMessage(message),
  });
  const ownerOf = (user: string) => accountFor(user, readSurroundings(GUEST_ROOT !== ""));
  const disk = createDiskWatch(guest(STATE_DIR), log);
  const upgrade = createUpgrade({
    entry,
    file: guest(UPGRADE_FILE),
    hash,
    log,
    report: (report) => session.sendUpgrade(report),
    hold: (ms) => runner.hold(ms),
    restart: () => stop("an upgrade"),
  });
  const channel = new Channel({
    route: () => {
      const now = readSettings(settingsFile);
      const tokens = [readCredential(), now.joinToken].filter((token): token is string => token !== null);
      return {
        urls: candidates([...now.hub, ...loadAddresses()], now.port, readGateway(GUEST_ROOT !== "")),
        tokens,
        agent,
        ca: now.ca,
      };
    },
    opened: () => session.opened(),
    received: (text) => session.received(text),
    closed: () => session.closed(),
    log,
  });
  const session: Session = new Session({
    agent,
    line: channel,
    identify: () => ({
      nonce: settings.nonce,
      instanceId: instanceId(),
      bootId: boot,
      version: RUNTIME_VERSION,
      bundleHash: hash,
      node: process.versions.node,
    }),
    storeCredential: (credential) => storeCredential(credential, settingsFile),
    storeAddresses,
    storeConfig: storePushed,
    initial: loadPushed(),
    configured: ({ tasks }) => mailbox.prepare(ownerOf(tasks.user)),
    runner: () => runner,
    spool,
    mailbox,
    logPage: logStore.page,
    upgrade: () => upgrade,
    health: createHealth(),
    provisioning: () => {
      const { errors, warnings, running } = cloudInitResult();
      return { problems: [...disk(), ...provisionProblems(), ...errors], warnings, running };
    },
    log,
  });

  mailbox.prepare(ownerOf(session.active().config?.tasks.user ?? DEFAULT_TASKS.user));
  const stop = async (signal: string): Promise<void> => {
    log.info(`stopping on ${signal}`);
    await runner.stop();
    await channel.stop();
    process.exit(EXIT.done);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop(signal));
  // The settings are read again for every attempt; this makes the next attempt now.
  process.on("SIGHUP", () => channel.hurry());
  await runner.recover();
  await channel.run();
  // Stopping: the signal's handler ends the process.
  return new Promise<number>(() => {});
}

process.on("uncaughtException", (error) => {
  process.stderr.write(`${new Date().toISOString()} error ${error.stack ?? error.message}\n`);
  process.exit(EXIT.software);
});
process.exitCode = await main(process.argv.slice(2));
