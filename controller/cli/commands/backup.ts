/** `vm-agent backup FILE`: the persistent state in one file; with `--restore`: restores it. */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, isAbsolute, join, resolve } from "node:path";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { makeHome } from "../../base/home.ts";
import { bytes } from "../../core/units.ts";
import { readBackup, restoreDatabase, writeBackup, type KeyFile } from "../../store/backup.ts";
import { acquireLock } from "../../store/lock.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import { databasePath } from "../system/home.ts";
import { type Output, shownPath } from "../output/output.ts";
import type { CommandRun, Invocation } from "../command-spec.ts";

/** Files of the state folder in a backup. */
const FLEET_KEY = "fleet-key";
const OPERATOR_TOKEN = "operator-token";

export const backup: CommandRun = async (invocation) => {
  const [given = ""] = invocation.args;
  const file = resolve(given);
  // As it was typed: relative or absolute.
  const shown = isAbsolute(given) ? file : shownPath(file);
  return invocation.options.restore === true
    ? restore(invocation, file, shown)
    : write(invocation, file, shown);
};

function write({ settings, options, output, version }: Invocation, target: string, shown: string): number {
  const database = databasePath(settings.home);
  if (!existsSync(database)) {
    throw new VmAgentError({
      code: "database-missing",
      message: `there is no database at ${database} yet`,
      next: "run vm-agent up or vm-agent apply first, or point VM_AGENT_HOME at the right state folder",
    });
  }
  const keys = options.withoutKeys === true ? [] : readKeys(settings.home);
  const about = writeBackup({
    database,
    target,
    keys,
    force: options.force === true,
    now: Date.now(),
    version,
  });
  if (output.json) {
    output.out(JSON.stringify({ file: target, ...about }));
    return EXIT.done;
  }
  output.out(`${shown}: ${bytes(about.bytes)}, readable by you alone`);
  output.out("  in it: claims, tasks with output, audit, hashes of credentials, history");
  if (about.keys.includes(FLEET_KEY))
    output.out(`  and ${about.keys.join(" and ")}: keep the file as you keep a key`);
  else
    output.out(
      `${output.paint("warn", "  without fleet-key")}: with this file alone no instance can be recognised again by its nonce`,
    );
  output.out("  not in it: the fleet files, values of secrets, the instances and what is on their disks");
  return EXIT.done;
}

async function restore({ settings, output }: Invocation, file: string, shown: string): Promise<number> {
  makeHome(settings.home);
  const lock = acquireLock(settings.home, {
    pid: process.pid,
    command: "vm-agent backup --restore",
    since: Date.now(),
  });
  try {
    const about = readBackup(file);
    const now = Date.now();
    const database = databasePath(settings.home);
    const kept = restoreDatabase(file, database, now);
    const keys = about.files.map((key) => putBack(settings.home, key, now)).filter((line) => line !== null);
    const broken = await auditOf(database);
    if (output.json) {
      output.out(JSON.stringify({ restored: file, madeAt: about.madeAt, kept, auditBrokenAt: broken }));
      return EXIT.done;
    }
    tell(output, { madeAt: about.madeAt, file: shown, kept, keys, broken });
    return EXIT.done;
  } finally {
    lock.release();
  }
}

function tell(
  output: Output,
  {
    madeAt,
    file,
    kept,
    keys,
    broken,
  }: Readonly<{
    madeAt: number;
    file: string;
    kept: string | null;
    keys: readonly string[];
    broken: number | null;
  }>,
): void {
  output.out(`restored from ${file}, made ${new Date(madeAt).toISOString()}`);
  if (kept) output.out(`  the database that was there is now ${shownPath(kept)}`);
  for (const line of keys) output.out(`  ${line}`);
  if (broken !== null)
    output.out(
      output.paint("bad", `  its audit is broken at entry ${broken}: vm-agent audit verify says more`),
    );
  output.out(
    "  vm-agent plan shows what differs now; instances launched since are recognised by their nonce",
  );
}

async function auditOf(database: string): Promise<number | null> {
  const store = openStore(database, { readOnly: true });
  try {
    return store.audit.verify();
  } finally {
    await store.close();
  }
}

function readKeys(home: string): readonly KeyFile[] {
  return [FLEET_KEY, OPERATOR_TOKEN].flatMap((name) => {
    const path = join(home, name);
    return existsSync(path) ? [{ name, content: readFileSync(path) }] : [];
  });
}

/** The fleet's key belongs to the database; an existing operator token may be newer than the backup's and is kept. */
function putBack(home: string, { name, content }: KeyFile, now: number): string | null {
  if (name !== FLEET_KEY && name !== OPERATOR_TOKEN) return null;
  const path = join(home, name);
  const old = existsSync(path) ? readFileSync(path) : null;
  if (old?.equals(content)) return null;
  if (old && name === OPERATOR_TOKEN)
    return "the operator's token that is there stays; the backup has another";
  const kept = `${path}.before-restore-${now}`;
  if (old) renameSync(path, kept);
  const between = `${path}.${process.pid}.tmp`;
  writeFileSync(between, content, { mode: 0o600, flush: true });
  renameSync(between, path);
  return old
    ? `${name} is the backup's; the one that was there is now ${basename(kept)}`
    : `${name} was put back`;
}
