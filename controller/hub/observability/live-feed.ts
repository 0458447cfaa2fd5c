/** The live event stream: a bounded ring buffer, so that a reader can resume after a lost connection. */
import type { AnyEvent, Bus } from "../../base/events.ts";
import type { Limits } from "../limits.ts";

export interface FeedItem {
  /** `<run of the hub>-<number>`: an id of an earlier run is recognised as such. */
  readonly id: string;
  readonly event: AnyEvent;
}

export class LiveFeed {
  readonly #run: string;
  readonly #ring: FeedItem[] = [];
  readonly #listeners = new Set<(item: FeedItem) => void>();
  readonly #unsubscribe: () => void;
  readonly #size: number;
  #count = 0;

  constructor(bus: Bus, run: string, limits: Limits) {
    this.#run = run;
    this.#size = limits.eventRing;
    this.#unsubscribe = bus.onAny((event) => {
      // Frames are counted in the metrics; as events they would flood the stream.
      if (event.name !== "message") this.#add(event);
    });
  }

  /** Events after `lastId`; `complete` is false when some are no longer buffered. */
  since(lastId: string | null): {
    readonly items: readonly FeedItem[];
    readonly complete: boolean;
    /** Id of the last event so far. */
    readonly position: string;
  } {
    const position = `${this.#run}-${this.#count}`;
    if (lastId === null) return { items: [], complete: true, position };
    const [run, number] = splitId(lastId);
    const first = this.#count - this.#ring.length;
    if (run !== this.#run || number > this.#count || number < first)
      return { items: [...this.#ring], complete: false, position };
    return { items: this.#ring.slice(number - first), complete: true, position };
  }

  listen(listener: (item: FeedItem) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  stop(): void {
    this.#unsubscribe();
    this.#listeners.clear();
  }

  #add(event: AnyEvent): void {
    this.#count += 1;
    const item = { id: `${this.#run}-${this.#count}`, event };
    this.#ring.push(item);
    if (this.#ring.length > this.#size) this.#ring.shift();
    for (const listener of this.#listeners) listener(item);
  }
}

function splitId(id: string): readonly [string, number] {
  const dash = id.lastIndexOf("-");
  const number = Number(id.slice(dash + 1));
  return [id.slice(0, Math.max(0, dash)), Number.isSafeInteger(number) ? number : -1];
}
