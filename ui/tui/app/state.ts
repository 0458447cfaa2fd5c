/** What the person does with the dashboard: where they are, what they typed, what is asked. Values only. */
import type { Effect } from "./effects.ts";
import type { Order } from "../../client/fleet-order.ts";
import type { Tone } from "../../client/tones.ts";

export const VIEWS = ["fleet", "plan", "tasks", "events", "commands"] as const;
export type View = (typeof VIEWS)[number];

export type Place =
  | { readonly kind: View }
  | { readonly kind: "help" }
  | { readonly kind: "agent"; readonly name: string }
  | { readonly kind: "logs"; readonly name: string }
  | { readonly kind: "task"; readonly id: string };

/** Position in a list and how it is shown; kept while another view is open. */
export interface Spot {
  /** What the cursor is on; it stays with it when rows move. */
  readonly id: string | null;
  readonly index: number;
  readonly top: number;
  readonly filter: string;
  /** Stays at the end when more comes. */
  readonly follow: boolean;
  readonly wrap: boolean;
}

/** A line of text that is being typed. */
export interface Typing {
  readonly text: string;
  /** Letters before the cursor. */
  readonly cursor: number;
  /** A proposed value; the first key typed replaces it. */
  readonly isOffer?: boolean;
}

export type Dialog =
  | {
      readonly kind: "line";
      readonly what: "filter" | "command" | "task" | "snapshot";
      /** The agent it concerns; empty: none. */
      readonly agents: readonly string[];
      readonly typing: Typing;
      /** What was there before, for Escape. */
      readonly before: string;
      /** How far back in what was typed earlier; 0: not at all. */
      readonly back: number;
      readonly problem: string;
    }
  | {
      readonly kind: "choose";
      readonly title: string;
      /** To what it is done. */
      readonly agent: string;
      readonly options: readonly string[];
      readonly index: number;
    }
  | {
      readonly kind: "sure";
      readonly title: string;
      readonly lines: readonly string[];
      readonly tone: Tone;
      readonly effect: Effect;
    }
  | {
      readonly kind: "typed";
      readonly title: string;
      readonly lines: readonly string[];
      /** What has to be typed, letter for letter. */
      readonly word: string;
      readonly typing: Typing;
      readonly problem: string;
      readonly effect: Effect;
    };

export interface Notice {
  readonly tone: Tone;
  readonly text: string;
  readonly at: number;
}

export interface Ui {
  readonly columns: number;
  readonly rows: number;
  /** The last one is shown; never empty. */
  readonly places: readonly [Place, ...Place[]];
  readonly spots: Readonly<Record<string, Spot>>;
  readonly dialog: Dialog | null;
  readonly notice: Notice | null;
  readonly order: Order;
  /** Routine events too. */
  readonly verbose: boolean;
  /** Agents that orders are for, all at once; some may be gone. */
  readonly marked: readonly string[];
  /** Agents whose held deletion is to be let through by the next apply. */
  readonly allowed: readonly string[];
  /** Lines typed earlier, newest last. */
  readonly typed: { readonly command: readonly string[]; readonly task: readonly string[] };
}

export const initialUi = (columns: number, rows: number): Ui => ({
  columns,
  rows,
  places: [{ kind: "fleet" }],
  spots: {},
  dialog: null,
  notice: null,
  order: "name",
  verbose: false,
  marked: [],
  allowed: [],
  typed: { command: [], task: [] },
});

export const placeOf = (ui: Ui): Place => ui.places.at(-1) as Place;

export function placeKey(place: Place): string {
  if (place.kind === "agent" || place.kind === "logs") return `${place.kind} ${place.name}`;
  return place.kind === "task" ? `task ${place.id}` : place.kind;
}

/** Places where the newest is at the end and is looked at. */
const follows = (place: Place): boolean =>
  place.kind === "events" || place.kind === "commands" || place.kind === "logs" || place.kind === "task";

export const spotOf = (ui: Ui, place: Place = placeOf(ui)): Spot =>
  ui.spots[placeKey(place)] ?? {
    id: null,
    index: 0,
    top: 0,
    filter: "",
    follow: follows(place),
    wrap: place.kind === "events",
  };

export const withSpot = (ui: Ui, change: Partial<Spot>, place: Place = placeOf(ui)): Ui => ({
  ...ui,
  spots: { ...ui.spots, [placeKey(place)]: { ...spotOf(ui, place), ...change } },
});

/** Another page above the one that is shown; the same one is not stacked twice. */
export function opened(ui: Ui, place: Place): Ui {
  const key = placeKey(place);
  const at = ui.places.findIndex((p) => placeKey(p) === key);
  const kept = at >= 0 ? ui.places.slice(0, at) : ui.places;
  return { ...ui, places: [...kept, place] as unknown as Ui["places"], dialog: null };
}

export const viewed = (ui: Ui, view: View): Ui => ({ ...ui, places: [{ kind: view }], dialog: null });

/** The view that the pages are stacked on. */
export const viewOf = (ui: Ui): View => {
  const [first] = ui.places;
  return VIEWS.find((v) => v === first.kind) ?? "fleet";
};
