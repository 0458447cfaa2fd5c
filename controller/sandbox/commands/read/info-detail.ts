// What `info` tells of one instance, however it is printed.
import type { Instance, Snapshot } from "../../instances/instance.ts";
import type { RuntimeFacts } from "../../instances/runtime-facts.ts";

export interface Detail {
  readonly name: string;
  readonly instance: Instance;
  readonly state: string;
  ipv4: readonly string[];
  /** Undefined where the guest was not, or could not be, looked into. */
  readonly facts: RuntimeFacts | undefined;
  /** The instance itself was asked for. */
  readonly whole: boolean;
  /** Undefined where no snapshot was asked for. */
  readonly snapshots: readonly Snapshot[] | undefined;
}

export const childrenOf = (snapshot: Snapshot, instance: Instance): readonly string[] =>
  instance.snapshots.filter((it) => it.parent === snapshot.name).map((it) => it.name);

/** `%c %Z` of the C locale, e.g. `Sun Nov 22 12:45:10 2026 UTC`. */
export function localTime(iso: string): string {
  const date = new Date(iso);
  const [weekday, month, day, year] = date.toDateString().split(" ");
  const zone = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" })
    .formatToParts(date)
    .find((it) => it.type === "timeZoneName")?.value;
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${date.toTimeString().slice(0, 8)} ${year} ${zone ?? "UTC"}`;
}
