/** Glyph, word and tone of everything that has a state: the one table both dashboards draw from; never colour alone. */

export type Tone = "good" | "warn" | "bad" | "accent" | "dim";

export interface Mark {
  readonly glyph: string;
  readonly word: string;
  readonly tone: Tone;
}

const mark = (glyph: string, word: string, tone: Tone): Mark => ({ glyph, word, tone });

const SYNC: Readonly<Record<string, Mark>> = {
  Synced: mark("✓", "Synced", "good"),
  OutOfSync: mark("≠", "OutOfSync", "warn"),
  Held: mark("?", "Held", "warn"),
  Paused: mark("‖", "Paused", "dim"),
  Unknown: mark("·", "Unknown", "dim"),
};

const HEALTH: Readonly<Record<string, Mark>> = {
  Healthy: mark("●", "Healthy", "good"),
  Progressing: mark("◐", "Progressing", "accent"),
  Degraded: mark("▲", "Degraded", "warn"),
  Offline: mark("✕", "Offline", "bad"),
  Missing: mark("○", "Missing", "bad"),
  Unknown: mark("·", "Unknown", "dim"),
};

/** In the order in which they are offered. */
export const SYNCS: readonly string[] = Object.keys(SYNC);
export const HEALTHS: readonly string[] = Object.keys(HEALTH);

const TASK: Readonly<Record<string, Mark>> = {
  queued: mark("…", "queued", "dim"),
  sent: mark("→", "sent", "accent"),
  running: mark("▸", "running", "accent"),
  succeeded: mark("✓", "succeeded", "good"),
  failed: mark("✗", "failed", "bad"),
  "timed-out": mark("✗", "timed-out", "bad"),
  cancelled: mark("⊘", "cancelled", "dim"),
  expired: mark("⊘", "expired", "warn"),
  lost: mark("✗", "lost", "bad"),
};

/** In Terraform's tradition, as the command line prints them. */
const ACTIONS: Readonly<Record<string, Mark>> = {
  create: mark("+", "create", "good"),
  update: mark("~", "change in place", "warn"),
  "restart-update": mark("!", "change, stops for about a minute", "warn"),
  replace: mark("-/+", "replace: destroyed, then created again", "bad"),
  destroy: mark("-", "destroy", "bad"),
  start: mark(">", "start", "good"),
  stop: mark(".", "stop", "warn"),
  suspend: mark("z", "suspend", "warn"),
  restore: mark("<", "restore", "bad"),
  snapshot: mark("*", "snapshot", "accent"),
  prune: mark("-*", "remove snapshots", "bad"),
  held: mark("?", "held", "warn"),
  waiting: mark("…", "waits", "dim"),
};

const from = (table: Readonly<Record<string, Mark>>, key: string): Mark =>
  table[key] ?? mark("·", key, "dim");

export const syncMark = (sync: string): Mark => from(SYNC, sync);
export const healthMark = (health: string): Mark => from(HEALTH, health);
export const taskMark = (state: string): Mark => from(TASK, state);
export const actionMark = (action: string): Mark => from(ACTIONS, action);

export const DRIFTED: Mark = mark("↯", "Drifted", "warn");

/** A condition's status, read with what it is a condition of: Ready=True is good, Stalled=True is not. */
export function conditionMark(type: string, status: string): Mark {
  if (status === "Unknown") return mark("·", "Unknown", "dim");
  const yes = status === "True";
  if (type === "Ready") return yes ? mark("✓", "True", "good") : mark("✗", "False", "warn");
  if (!yes) return mark("–", "False", "dim");
  if (type === "Reconciling") return mark("◐", "True", "accent");
  return type === "Stalled" ? mark("✗", "True", "bad") : mark("↯", "True", "warn");
}

/** Loss of data or of the instance itself: asked for twice. */
export const isDestructive = (action: string): boolean =>
  action === "destroy" || action === "replace" || action === "restore";

const FINAL = new Set(["succeeded", "failed", "timed-out", "cancelled", "expired", "lost"]);

export const OPEN_STATES: readonly string[] = Object.keys(TASK).filter((state) => !FINAL.has(state));

export const isFinalTask = (state: string): boolean => FINAL.has(state);
