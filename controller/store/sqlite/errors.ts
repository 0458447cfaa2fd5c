/** SQLite's result codes as errors with a next step. */
import { EXIT, toVmAgentError, VmAgentError } from "../../base/errors.ts";

/** Primary result codes: https://sqlite.org/rescode.html */
const SQLITE = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cantOpen: 14,
  constraint: 19,
  notADb: 26,
};
/** Extended code: the shared-memory file could not grow, which on a full disk comes before SQLITE_FULL. */
const IOERR_SHMSIZE = 4874;

export function storeError(error: unknown, path: string): VmAgentError {
  if (error instanceof VmAgentError) return error;
  const extended = (error as { errcode?: unknown } | null)?.errcode;
  if (typeof extended !== "number") return toVmAgentError(error);
  const text = error instanceof Error ? error.message : String(error);
  if (extended === IOERR_SHMSIZE) return diskFull(text, path, error);
  switch (extended & 0xff) {
    case SQLITE.busy:
    case SQLITE.locked:
      return new VmAgentError({
        code: "database-busy",
        message: `another process holds ${path} for too long (${text})`,
        next: "try again; if it stays, look for a second vm-agent on the same state folder",
        transient: true,
        cause: error,
      });
    case SQLITE.readOnly:
      return readOnly(path, error);
    case SQLITE.full:
      return diskFull(text, path, error);
    case SQLITE.corrupt:
    case SQLITE.notADb:
      return corrupt(path, text, error);
    case SQLITE.constraint:
      return new VmAgentError({
        code: "conflict",
        message: `such a record exists already (${text})`,
        next: "read the existing record instead of writing it again",
        cause: error,
      });
    case SQLITE.cantOpen:
      return new VmAgentError({
        code: "database-unreachable",
        message: `${path} cannot be opened (${text})`,
        next: "check that the state folder exists and belongs to the user who runs vm-agent",
        cause: error,
      });
    default:
      return new VmAgentError({
        code: "database-io",
        message: `reading or writing ${path} failed (${text})`,
        next: "check the disk (dmesg, smartctl); nothing that was acknowledged is lost",
        transient: true,
        cause: error,
      });
  }
}

/** One stored value among many, which are read in spite of it; null: it is damaged. */
export function storedValueIfWhole(
  text: unknown,
  parse: (text: string) => unknown = JSON.parse,
): Readonly<Record<string, unknown>> | null {
  try {
    return storedValue(text, parse);
  } catch {
    return null;
  }
}

/** A stored value. Errors: `database-corrupt` where it is no JSON, since only JSON is stored. */
export function storedValue<T = Readonly<Record<string, unknown>>>(
  text: unknown,
  parse: (text: string) => unknown = JSON.parse,
): T {
  try {
    return parse(String(text)) as T;
  } catch (error) {
    throw corrupt("the database", "a record in it is damaged", error);
  }
}

export function corrupt(path: string, why: string, cause?: unknown): VmAgentError {
  return new VmAgentError({
    code: "database-corrupt",
    message: `${path} is damaged or is not a vm-agent database: ${why}`,
    next: "it was not changed. Put back a backup (vm-agent backup), or move the file away: instances are then adopted again by their nonce",
    cause,
  });
}

export function newer(path: string, found: number, known: number): VmAgentError {
  return new VmAgentError({
    code: "database-newer",
    message: `${path} has schema ${found}, this vm-agent knows up to ${known}`,
    next: "it was not changed. Run the newer vm-agent that wrote it, or put back a backup made by this version",
    exit: EXIT.failed,
  });
}

export function readOnly(path: string, cause?: unknown): VmAgentError {
  return new VmAgentError({
    code: "database-read-only",
    message: `${path} cannot be written`,
    next: "check the owner and the rights of the state folder, and that its file system is not mounted read-only",
    cause,
  });
}

function diskFull(text: string, path: string, cause: unknown): VmAgentError {
  return new VmAgentError({
    code: "disk-full",
    message: `there is no room to write ${path} (${text})`,
    next: "free some space; nothing that was acknowledged is lost, and work goes on as soon as there is room",
    transient: true,
    cause,
  });
}
