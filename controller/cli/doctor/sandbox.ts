/** Warns about the sandbox: why it was selected, and what isolates its agents from this machine. */
import { spawnable } from "./spawnable.ts";
import type { Check, Finding } from "./check.ts";
import { driverDeadline } from "./multipass.ts";
import type { DoctorContext } from "./context.ts";

export const sandbox: Check<DoctorContext> = {
  name: "sandbox",
  deadlineMs: driverDeadline,
  async run(context) {
    const look = await context.driver().catch(() => null);
    // Without an answer the check of Multipass shows the reason.
    if (!look?.info.sandbox) return [];
    const { reason } = look.selection;
    return [
      {
        level: "warn",
        found: `NOT virtual machines: ${reason.replace(/^sandbox \(not virtual machines\)/, "the sandbox is used")}`,
        next: "it is for looking, developing and testing; for real work install Multipass (https://canonical.com/multipass/install)",
      },
      await isolation(context),
      ...(process.getuid?.() === 0 ? [ROOT] : []),
    ];
  },
};

async function isolation({ env, run, lookMs }: DoctorContext): Promise<Finding> {
  const forced = env.VM_AGENT_SANDBOX_ISOLATION;
  if (forced === "none")
    return { ...OPEN, found: "agents of the sandbox are not isolated: VM_AGENT_SANDBOX_ISOLATION=none" };
  const bwrap = spawnable("bwrap", env);
  if (bwrap === null)
    return { ...OPEN, found: "agents of the sandbox are not isolated: there is no bubblewrap on PATH" };
  const tried = await run(
    bwrap,
    ["--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"],
    { deadlineMs: lookMs },
  );
  if (tried.exitCode === 0)
    return {
      level: "good",
      found: `agents of the sandbox are isolated by ${bwrap}; they share this machine's network`,
    };
  const why = tried.stderr.trim().split("\n", 1)[0] || "it does not end";
  return {
    ...OPEN,
    found: `agents of the sandbox are not isolated: bubblewrap does not work here (${why})`,
    next: "allow unprivileged user namespaces (Ubuntu: an AppArmor profile for bwrap); until then every task runs as you, on this machine",
  };
}

/** A sandbox has one user, the one that runs it: its user namespace maps no other. */
const ROOT: Finding = {
  level: "warn",
  found:
    "tasks in the sandbox run as root, because vm-agent does; in a virtual machine they run as tasks.user",
  next: "run vm-agent as another user to try tasks without root",
};

const OPEN = {
  level: "warn",
  next: "install bubblewrap (apt install bubblewrap); until then every task runs as you, on this machine",
} as const;
