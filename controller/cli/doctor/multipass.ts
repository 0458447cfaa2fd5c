/** Whether there is a Multipass, which one, and whether its daemon answers. */
import { RECORDED, TOO_OLD_NEXT, versionVerdict } from "../../drivers/multipass/version.ts";
import type { Check, Finding } from "./check.ts";
import type { DriverLook, Patient } from "./patient.ts";

export const multipass: Check<Patient> = {
  name: "multipass",
  deadlineMs: (patient) => driverDeadline(patient),
  async run(patient) {
    return multipassFindings(await patient.driver(), patient.lookMs);
  },
};

/** `version`, and `list` once more where `version` hides the reason; and the killing of what hangs. */
export const driverDeadline = ({ lookMs }: Pick<Patient, "lookMs">): number => 3 * lookMs + 10_000;

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
            next: "it is busy: it serves one call after another, and nobody while it stops or restores an instance. If it stays, restart its daemon",
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
