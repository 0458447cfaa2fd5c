/** Checks for Multipass, its version, and whether its daemon answers. */
import { RECORDED, TOO_OLD_NEXT, versionVerdict } from "../../drivers/multipass/version.ts";
import type { Check, Finding } from "./check.ts";
import type { DriverLook, DoctorContext } from "./context.ts";

export const multipass: Check<DoctorContext> = {
  name: "multipass",
  deadlineMs: (context) => driverDeadline(context),
  async run(context) {
    return multipassFindings(await context.driver(), context.lookMs);
  },
};

/** Time for `version`, and for `list` where `version` hides the reason, and for killing a hung call. */
export const driverDeadline = ({ lookMs }: Pick<DoctorContext, "lookMs">): number => 3 * lookMs + 10_000;

export function multipassFindings(
  look: Pick<DriverLook, "info" | "tookMs" | "seen">,
  lookMs: number,
): readonly Finding[] {
  const { info, tookMs, seen } = look;
  const name = `${info.sandbox ? "the sandbox, as Multipass" : "multipass"} ${info.version}`;
  const answer: Finding =
    seen.kind === "unobservable"
      ? { level: "bad", found: `${name} is there, and nothing can be seen: ${seen.reason}`, next: seen.next }
      : tookMs > lookMs / 2
        ? {
            level: "warn",
            found: `${name} answers, after ${seconds(tookMs)}`,
            next: "it is busy: it serves one call at a time, and none while it stops or restores an instance. If it stays so, restart its daemon",
          }
        : { level: "good", found: `${name} answers in ${seconds(tookMs)}` };
  const verdict = versionVerdict(info.version);
  if (verdict === "too-old") {
    const found = `multipass ${info.version} has no snapshots, and vm-agent needs them`;
    return [{ level: "bad", found, next: TOO_OLD_NEXT }];
  }
  return verdict === "recorded"
    ? [answer]
    : [
        answer,
        {
          level: "warn",
          found: `multipass ${info.version} is not a version that vm-agent was tried with (${RECORDED})`,
          next: "install that one (Linux: snap refresh multipass), or try this one: MULTIPASS_REAL=1 npm run test:multipass, in a checkout",
        },
      ];
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
