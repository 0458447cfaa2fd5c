/** Supported versions of Multipass. Pure. */
import { EXIT, VmAgentError } from "../../base/errors.ts";

/** The recorded version, which the driver follows. */
export const RECORDED = "1.16";
/** The first version with snapshots, which plans rely on. */
const OLDEST: readonly [number, number] = [1, 13];

/** `1.16.3`, `1.16.3+mac`, `1.16.0-rc.2`: the part after the first two numbers is ignored. */
export type VersionVerdict = "recorded" | "untried" | "too-old";

export function versionVerdict(version: string): VersionVerdict {
  const [, major = "", minor = ""] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === "") return "untried";
  if (`${major}.${minor}` === RECORDED) return "recorded";
  const older = Number(major) < OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1]);
  return older ? "too-old" : "untried";
}

export const TOO_OLD_NEXT = `install a newer one (Linux: snap refresh multipass); vm-agent follows ${RECORDED}`;

/** Throws `driver-too-old` before the driver is used. */
export function refuseTooOld(version: string): void {
  if (versionVerdict(version) !== "too-old") return;
  throw new VmAgentError({
    code: "driver-too-old",
    message: `multipass ${version} has no snapshots; vm-agent needs ${OLDEST.join(".")} or newer`,
    next: TOO_OLD_NEXT,
    exit: EXIT.unreachable,
  });
}
