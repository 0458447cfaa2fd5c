/**
 * Failed authentications as events: the first of a source at once, the rest of its window as one number. A flood of
 * wrong tokens costs one line per source and window in the audit and on the dashboards.
 */
import type { Clock } from "../../base/clock.ts";
import type { Bus, EventMap } from "../../base/events.ts";
import type { Limits } from "../limits.ts";

export type AuthFailure = Omit<EventMap["auth.failed"], "times">;

interface Source {
  readonly failure: AuthFailure;
  readonly windowEnds: number;
  /** Failures that no event has reported yet. */
  unreported: number;
}

export class AuthReports {
  /** All failures since the start, by surface. */
  readonly counts: Record<AuthFailure["surface"], number> = { operator: 0, runtime: 0 };
  readonly #sources = new Map<string, Source>();
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #limits: Limits;

  constructor(bus: Bus, clock: Clock, limits: Limits) {
    this.#bus = bus;
    this.#clock = clock;
    this.#limits = limits;
  }

  /** True: reported at once. `source`: the key of the count. */
  failed(failure: AuthFailure, source: string): boolean {
    const { surface } = failure;
    this.counts[surface] += 1;
    const known = this.#sources.get(source) ?? this.#overflow(surface);
    if (known) {
      known.unreported += 1;
      return false;
    }
    const isFull = this.#sources.size >= this.#limits.authSources;
    const windowEnds = this.#clock.now() + this.#windowOf(surface);
    const first = isFull ? { surface, address: "more addresses" } : failure;
    this.#sources.set(isFull ? overflowOf(surface) : source, { failure: first, windowEnds, unreported: 0 });
    this.#bus.emit("auth.failed", first);
    return true;
  }

  /** Reports the counts of windows that have ended. */
  sweep(): void {
    const now = this.#clock.now();
    for (const [key, source] of this.#sources) {
      // A window that ends too late comes from a clock that was set back.
      const isOpen =
        source.windowEnds > now && source.windowEnds <= now + this.#windowOf(source.failure.surface);
      if (isOpen) continue;
      this.#sources.delete(key);
      this.#report(source);
    }
  }

  /** Reports the remaining counts; nothing is counted after it. */
  close(): void {
    for (const source of this.#sources.values()) this.#report(source);
    this.#sources.clear();
  }

  #report({ failure, unreported }: Source): void {
    if (unreported > 0) this.#bus.emit("auth.failed", { ...failure, times: unreported });
  }

  #overflow(surface: AuthFailure["surface"]): Source | undefined {
    return this.#sources.size < this.#limits.authSources ? undefined : this.#sources.get(overflowOf(surface));
  }

  #windowOf(surface: AuthFailure["surface"]): number {
    return surface === "operator" ? this.#limits.authWindow : this.#limits.knockWindow;
  }
}

const overflowOf = (surface: string): string => `${surface} more addresses`;
