/** THE TABLE: the action for each desired state × observed state × ownership. Every cell is filled. */
import type { InstanceState, PowerState } from "./types.ts";

/** `absent`: no document declares this name. */
export type Want = PowerState | "absent";
/** `absent`: a trustworthy list does not show the name. `unobservable`: nothing trustworthy could be read. */
export type Is = InstanceState | "absent" | "unobservable";
/**
 * `ours`: claimed, and launched or proven by its nonce, or left by a failed launch (`ownershipOf`). `unproven`: the
 * intent to launch is recorded, but nothing proves yet that the instance came from it. `foreign`: no claim.
 */
export type Ownership = "ours" | "unproven" | "foreign";

/**
 * `wait`: in transition, observe again. `settle`: in transition if we began a boot recently, else hold. `adopt`: wait
 * for the runtime's proof, hold when it does not come. `hold-unproven`: no proof can come in this state. `forget`:
 * remove a claim without an instance. `hold-*`: never act.
 */
export type Cell =
  | "none"
  | "create"
  | "start"
  | "stop"
  | "suspend"
  | "destroy"
  | "recover"
  | "wait"
  | "settle"
  | "adopt"
  | "hold-unproven"
  | "forget"
  | "ignore"
  | "hold-foreign"
  | "hold-deleted"
  | "hold-unavailable"
  | "hold-unobservable";

type Row = Readonly<Record<Is, Cell>>;
type Table = Readonly<Record<Ownership, Readonly<Record<Want, Row>>>>;

const OURS: Readonly<Record<Want, Row>> = {
  running: {
    absent: "create",
    Running: "none",
    Stopped: "start",
    Suspended: "start",
    Deleted: "recover",
    Starting: "wait",
    Restarting: "wait",
    // A start cancels the pending shutdown (CONTRACT section 9).
    "Delayed Shutdown": "start",
    Suspending: "wait",
    Unknown: "settle",
    Unavailable: "hold-unavailable",
    unobservable: "hold-unobservable",
  },
  stopped: {
    absent: "create",
    Running: "stop",
    Stopped: "none",
    Suspended: "stop",
    Deleted: "recover",
    Starting: "wait",
    Restarting: "wait",
    "Delayed Shutdown": "wait",
    Suspending: "wait",
    Unknown: "settle",
    Unavailable: "hold-unavailable",
    unobservable: "hold-unobservable",
  },
  suspended: {
    absent: "create",
    Running: "suspend",
    Stopped: "suspend",
    Suspended: "none",
    Deleted: "recover",
    Starting: "wait",
    Restarting: "wait",
    "Delayed Shutdown": "suspend",
    Suspending: "wait",
    Unknown: "settle",
    Unavailable: "hold-unavailable",
    unobservable: "hold-unobservable",
  },
  absent: {
    absent: "forget",
    Running: "destroy",
    Stopped: "destroy",
    Suspended: "destroy",
    Deleted: "destroy",
    // `delete --purge` works while starting (CONTRACT section 8).
    Starting: "destroy",
    Restarting: "wait",
    "Delayed Shutdown": "destroy",
    Suspending: "wait",
    Unknown: "settle",
    Unavailable: "hold-unavailable",
    unobservable: "hold-unobservable",
  },
};

const present = (cell: Cell): Omit<Row, "absent" | "unobservable"> => ({
  Running: cell,
  Stopped: cell,
  Suspended: cell,
  Deleted: cell,
  Starting: cell,
  Restarting: cell,
  "Delayed Shutdown": cell,
  Suspending: cell,
  Unknown: cell,
  Unavailable: cell,
});

const unproven = (absent: Cell): Row => ({
  ...present("adopt"),
  absent,
  // No runtime runs in these states, so none can say hello.
  Stopped: "hold-unproven",
  Suspended: "hold-unproven",
  Suspending: "wait",
  Unavailable: "hold-unavailable",
  Deleted: "hold-deleted",
  unobservable: "hold-unobservable",
});

const foreign = (): Row => ({
  ...present("hold-foreign"),
  absent: "create",
  Deleted: "hold-deleted",
  unobservable: "hold-unobservable",
});

export const TABLE: Table = {
  ours: OURS,
  unproven: {
    running: unproven("create"),
    stopped: unproven("create"),
    suspended: unproven("create"),
    // The launch may still be preparing its image, unlisted: only the end of the boot grace frees the claim.
    absent: unproven("settle"),
  },
  foreign: {
    running: foreign(),
    stopped: foreign(),
    suspended: foreign(),
    absent: { ...present("ignore"), absent: "ignore", unobservable: "ignore" },
  },
};

export function cellOf(ownership: Ownership, want: Want, is: Is): Cell {
  return TABLE[ownership][want][is];
}
