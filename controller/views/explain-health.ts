/**
 * Health of an agent, from Multipass's list and from its runtime's heartbeat, which also counts when the list is
 * unavailable.
 */
import { EMPTY_INSIDE, hasNoRuntime, proves } from "../core/ownership.ts";
import type {
  Change,
  Claim,
  DesiredAgent,
  Held,
  Instant,
  InstanceState,
  ObservedInstance,
  PowerState,
  RuntimeReading,
} from "../core/types.ts";

export type Health = "Healthy" | "Progressing" | "Degraded" | "Offline" | "Missing" | "Unknown";
export type Truth = "True" | "False" | "Unknown";

/** Everything known of one name. */
export interface AgentFacts {
  /** Absent: no document declares it any more. */
  readonly agent?: DesiredAgent;
  readonly instance?: ObservedInstance;
  readonly claim?: Claim;
  readonly runtime?: RuntimeReading;
  readonly change?: Change;
  readonly held: readonly Held[];
  /** Why instances are unobservable; null: the list is trustworthy. */
  readonly unobservable: string | null;
  /** A change is in flight, or was during the refresh. */
  readonly busy?: boolean;
  /** The fleet was edited after the plan was made, and differences are expected: the next plan shows the changes. */
  readonly unplanned?: boolean;
  /** A boot that we began recently. */
  readonly booting: boolean;
  readonly failure?: Failure;
  readonly next?: NextTry;
  /** Diagnosis of an offline runtime, from inside the guest. */
  readonly diagnosis?: string;
}

/** The next automatic attempt, and when. */
export interface NextTry {
  readonly agent: string;
  /** A step of remediation, or the action of a change. */
  readonly what: string;
  /** Attempts in a row; 1: the first. */
  readonly attempt: number;
  /** Not before this instant. */
  readonly at: Instant;
  /** What it waits for; empty: only time. */
  readonly why: string;
  /** `health`: a step of health.remediate. `drift`: a correction that was made too often recently. */
  readonly kind: "health" | "drift";
  /** No automatic attempt: a person decides. */
  readonly held: boolean;
}

/** The loop's last failure. */
export interface Failure {
  readonly agent: string;
  readonly message: string;
  /** Retrying does not help. */
  readonly terminal: boolean;
}

/** Health, and with it Ready. `message` never holds a value that changes by itself, such as an age. */
export interface HealthReading {
  readonly health: Health;
  readonly ready: Truth;
  readonly reason: string;
  readonly message: string;
}

const reading = (health: Health, ready: Truth, reason: string, message: string): HealthReading => ({
  health,
  ready,
  reason,
  message,
});

export function healthOf(f: AgentFacts): HealthReading {
  return f.agent ? inWork(f, ofState(f, f.agent.state)) : undesired(f);
}

const PASSING: ReadonlySet<Health> = new Set(["Degraded", "Offline", "Missing"]);

/** An instance that is stopped, offline or absent because of a change in flight is progressing, not failed. */
function inWork(f: AgentFacts, found: HealthReading): HealthReading {
  const passes =
    (f.busy || f.unplanned) && found.ready !== "True" && PASSING.has(found.health) && !isForeign(found);
  return passes
    ? reading(
        "Progressing",
        "False",
        "InWork",
        `it is ${f.busy ? "worked on" : "planned for"}: ${found.message}`,
      )
    : found;
}

/** A change in flight does not make an unowned instance healthier. */
const isForeign = ({ reason }: HealthReading): boolean =>
  reason === "NameTaken" || reason === "RuntimeRefused";

/** Held, the instance stays until it is approved: its state counts, judged by its last document. */
function undesired(f: AgentFacts): HealthReading {
  if (f.unobservable === null && !f.instance && !f.claim)
    return reading("Missing", "False", "NotDeclared", "no document wants it, and it is gone");
  const gone = "no document wants it any more";
  if (f.change || f.busy || !f.held.some((h) => h.reason !== "waiting"))
    return reading("Progressing", "False", "NotDeclared", gone);
  const { health, message } = ofState(f, f.claim?.converged?.state ?? "running");
  return reading(health, "False", "NotDeclared", `${gone}; ${message}`);
}

function ofState(f: AgentFacts, wanted: PowerState): HealthReading {
  const state = f.instance?.state;
  if (f.unobservable !== null) return unseen(f, `Multipass does not answer: ${f.unobservable}`);
  if (state === undefined) return absent(f);
  if (!f.claim)
    return reading(
      "Missing",
      "False",
      "NameTaken",
      `an instance of this name is there (${state}), and it is not ours`,
    );
  if (state === "Unknown" && f.booting && heartbeat(f) !== "online")
    return reading("Progressing", "False", "Booting", "it is booting");
  if (state === "Unknown" || state === "Unavailable") return unseen(f, `Multipass shows it as ${state}`);
  return seen(f, wanted, state);
}

/** Unobservable: only the heartbeats count. */
function unseen(f: AgentFacts, why: string): HealthReading {
  const beats = heartbeat(f);
  if (beats === "online") {
    const pending = pendingHash(f);
    const ready = f.agent?.state !== "running" ? "Unknown" : pending ? "False" : "True";
    const said = `the instance is fine, its runtime answers; ${why}`;
    return reading("Healthy", ready, "HeartbeatOnly", pending ? `${said}; ${pending.message}` : said);
  }
  if (beats === "suspect")
    return reading("Degraded", "Unknown", "RuntimeSuspect", `its runtime missed heartbeats; ${why}`);
  return reading("Unknown", "Unknown", "Unobservable", `nothing is known of it; ${why}`);
}

function absent(f: AgentFacts): HealthReading {
  if (f.claim?.phase === "launching" && f.booting)
    return reading("Progressing", "False", "Launching", "its launch was begun");
  return reading("Missing", "False", "Missing", "its instance is not there");
}

function seen(f: AgentFacts, wanted: PowerState, state: InstanceState): HealthReading {
  if (state === "Stopped" || state === "Suspended" || state === "Deleted") {
    const word = state.toLowerCase();
    return wanted === word
      ? reading("Healthy", "True", "AsDeclared", `it is ${word}, as declared`)
      : reading("Offline", "False", state, `it is ${word}, and should be ${wanted}`);
  }
  if (state !== "Running") return reading("Progressing", "False", "OnItsWay", `it is ${state}`);
  const beats = heartbeat(f);
  const other = wanted === "running" ? null : `it is running, and should be ${wanted}`;
  const { problems = [] } = f.runtime ?? {};
  if (beats === "online") {
    if (other) return reading("Healthy", "False", "Running", other);
    const pending = pendingHash(f);
    if (problems.length > 0) return troubled(problems, pending);
    return pending ?? reading("Healthy", "True", "RuntimeOnline", "it runs, and its runtime is online");
  }
  if (beats === "suspect")
    return reading("Degraded", "Unknown", "RuntimeSuspect", "it runs; its runtime missed heartbeats");
  if (beats === "stranger")
    return reading(
      "Offline",
      "False",
      "RuntimeRefused",
      "it runs; the runtime that answers for it is not its own",
    );
  if (f.claim && hasNoRuntime(f.claim, f.runtime))
    return reading("Unknown", other ? "False" : "True", "NoRuntime", other ?? noRuntime(f));
  const why = f.diagnosis === undefined ? "" : `: ${f.diagnosis}`;
  if (f.booting)
    return reading("Progressing", "False", "Booting", `it runs; its runtime has not said hello yet${why}`);
  if (f.next?.kind !== "health")
    return reading("Offline", "False", "RuntimeOffline", `it runs; its runtime is silent${why}`);
  return reading(
    "Degraded",
    "False",
    "RuntimeOffline",
    `it runs; its runtime is silent${why}; ${nextWords(f.next)}`,
  );
}

/**
 * Ready is a hello with the right nonce and the right hashes, of the runtime's bundle and of its configuration. null:
 * they are right, or unknown.
 */
function pendingHash({ agent, runtime, held }: AgentFacts): HealthReading | null {
  if (runtime?.upgrade) {
    const { state, reason } = runtime.upgrade;
    const stuck = state === "failed" || state === "refused";
    const words = `its runtime answers and takes tasks, and is not the controller's own version: ${upgradeWords(state, reason)}`;
    return reading(stuck ? "Degraded" : "Progressing", "False", "RuntimeOutdated", words);
  }
  if (!agent || !runtime || runtime.configHash === agent.configHash) return null;
  const missing = held.find((h) => h.reason === "secret-missing");
  const words = `its runtime answers, and does not work by what is written yet: ${missing?.message ?? "its configuration was sent, and not confirmed"}`;
  return reading(missing ? "Degraded" : "Progressing", "False", "ConfigPending", words);
}

function upgradeWords(state: string, reason: string): string {
  switch (state) {
    case "failed":
    case "refused":
      return `the upgrade failed: ${reason}`;
    case "unsupported":
      return `${reason}; a newer one is put in its place through Multipass as soon as none of its tasks runs`;
    case "staged":
      return "the newer one is inside, and starts as soon as none of its tasks runs";
    case "paused":
      return "the agent is paused";
    default:
      return "it is being upgraded";
  }
}

/** It answers and takes tasks, so it is Ready; but it differs from its document. */
function troubled(problems: readonly string[], pending: HealthReading | null): HealthReading {
  const reason = problems.some((line) => /^(provision|cloud-init)/.test(line))
    ? "ProvisionFailed"
    : "RuntimeProblems";
  const rest = problems.length > SHOWN ? `; and ${problems.length - SHOWN} more` : "";
  const all = `${problems.slice(0, SHOWN).join("; ")}${rest}`;
  const said = `its runtime says: ${all}; it runs, and takes tasks`;
  return pending
    ? reading("Degraded", "False", reason, `${said}; ${pending.message}`)
    : reading("Degraded", "True", reason, said);
}

const SHOWN = 4;

const noRuntime = ({ next }: AgentFacts): string =>
  next?.kind === "health" ? `${EMPTY_INSIDE}; ${nextWords(next)}` : EMPTY_INSIDE;

/** Words that stay the same until the attempt: the instant, not the time left. */
export function nextWords({ what, attempt, at, why, held }: NextTry): string {
  const reason = why === "" ? "" : `: ${why}`;
  if (held) return `${what} (try ${attempt}) is held${reason}`;
  return `${what} (try ${attempt}) comes not before ${new Date(at).toISOString().slice(0, 19)}Z${reason}`;
}

/** `stranger`: a runtime with another nonce or from another instance; it proves nothing. */
function heartbeat({ claim, runtime }: AgentFacts): RuntimeReading["status"] | "stranger" | "none" {
  if (!runtime || runtime.status === "offline") return "none";
  return claim && proves(claim, runtime) ? runtime.status : "stranger";
}
