/** The dashboard: live model, user input and clock become frames, at a bounded rate. */
/** @jsxImportSource react */
import { render } from "ink";
import { createLive } from "../../client/live.ts";
import { App, type Stage } from "./app.tsx";
import { carryOut, type Hands } from "./carry-out.ts";
import type { DashboardDeps } from "./deps.ts";
import type { Effect } from "./effects.ts";
import { keyboardOf } from "../input/keyboard.ts";
import { type Line, sameLine } from "../views/line.ts";
import { settled } from "../input/moves.ts";
import type { Press } from "../input/press.ts";
import { drawScreen, frameOf } from "../views/screen.ts";
import { speechLines } from "../views/speech.ts";
import { initialUi, opened, placeKey, placeOf, type Ui, VIEWS, viewed } from "./state.ts";
import { pressed } from "./update.ts";
import { planReader, watchLog, watchOutput } from "./watchers.ts";
import type { World } from "./world.ts";

/** Minimum time between two frames that no key press caused. */
const FRAME_MS = 100;
/** A screen reader is not interrupted ten times a second. */
const SPOKEN_FRAME_MS = 3000;
const TICK_MS = 1000;
/** Until a hub that refused the token is asked again. */
const REFUSED_MS = 15_000;

/** Resolves when it is closed; the terminal is as it was then. */
export async function runDashboard(deps: DashboardDeps): Promise<void> {
  const { stdout, api } = deps;
  const keyboard = keyboardOf(deps.stdin);
  let ui: Ui = initialUi(stdout.columns || 80, stdout.rows || 24);
  let lines: readonly Line[] = [];
  let drawnAt = 0;
  let timer: NodeJS.Timeout | null = null;
  let knocking: NodeJS.Timeout | null = null;
  let suspend: Hands["suspended"] = (work) => work();
  const listeners = new Set<() => void>();
  const live = createLive(api, {
    onRefused: (message) => {
      world = { ...world, refused: message };
      soon();
      // A new token may be there by then. Not sooner: whoever knocks too often is locked out.
      knocking ??= setTimeout(() => {
        knocking = null;
        live.reconnect();
      }, REFUSED_MS);
    },
  });
  let world: World = {
    model: live.model(),
    plan: undefined,
    planError: "",
    refused: "",
    output: null,
    log: null,
    document: null,
    own: deps.own,
    stopping: false,
    where: deps.where,
    hints: deps.hints,
  };

  const draw = (): void => {
    if (timer) clearTimeout(timer);
    timer = null;
    drawnAt = Date.now();
    const now = drawnAt;
    const frame = frameOf(ui, world, now);
    ui = settled(ui, frame.body, frame.height);
    const fresh = deps.screenReader ? speechLines(ui, world, frame, now) : drawScreen(ui, frame);
    // Lines that are the same stay the same objects: what did not change is not drawn.
    const next = fresh.map((l, i) => {
      const old = lines[i];
      return old !== undefined && sameLine(old, l) ? old : l;
    });
    if (next.length === lines.length && next.every((l, i) => l === lines[i])) return;
    lines = next;
    for (const listener of listeners) listener();
  };
  const soon = (): void => {
    if (timer) return;
    const pace = deps.screenReader ? SPOKEN_FRAME_MS : FRAME_MS;
    timer = setTimeout(draw, Math.max(0, drawnAt + pace - Date.now()));
  };

  const readPlan = planReader(api, (plan, planError) => {
    world = { ...world, ...(plan !== undefined && { plan }), planError };
    soon();
  });
  const watch = watcherOf(deps, (change) => {
    world = { ...world, ...change };
    soon();
  });
  const stopTasks = live.watchTasks();
  let planned = "";
  const unsubscribe = live.subscribe(() => {
    const model = live.model();
    world = { ...world, model, refused: model.link.status === "live" ? "" : world.refused };
    const { fleet, link } = model;
    const version = `${fleet?.turns} ${fleet?.revision} ${JSON.stringify(fleet?.counts)} ${link.foundAt}`;
    if (fleet && version !== planned) {
      planned = version;
      readPlan();
    }
    soon();
  });

  const stopFaults = deps.faults?.((words) => hands.say("bad", `an error of vm-agent itself: ${words}`));

  const closed = Promise.withResolvers<void>();
  const hands: Hands = {
    deps,
    live,
    readPlan,
    say: (tone, text) => {
      ui = { ...ui, notice: { tone, text, at: Date.now() } };
      draw();
    },
    open: (place) => {
      const view = VIEWS.find((v) => v === place.kind);
      ui = view ? viewed(ui, view) : opened(ui, place);
      watch(placeOf(ui));
      draw();
    },
    clearAllowed: () => {
      ui = { ...ui, allowed: [] };
    },
    suspended: (work) =>
      suspend(async () => {
        await keyboard.hold();
        await work().finally(keyboard.release);
      }),
    quit: () => {
      world = { ...world, stopping: deps.own };
      draw();
      deps.onQuit(() => closed.resolve());
    },
    redraw: () => {
      app.clear();
      stdout.write(deps.screenReader ? "" : "\x1b[2J\x1b[H");
      // Other objects with the same letters: all of them are drawn.
      lines = lines.map((l) => [...l]);
      for (const listener of listeners) listener();
    },
  };
  const run = (effects: readonly Effect[]): void => {
    for (const effect of effects) void carryOut(effect, hands);
  };
  const press = (one: Press): void => {
    const now = Date.now();
    const { body, height } = frameOf(ui, world, now);
    const step = pressed(ui, one, { world, body, height, now });
    ui = step.ui;
    watch(placeOf(ui));
    run(step.effects);
  };

  const stage: Stage = {
    lines: () => lines,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    press(one) {
      for (const each of keysIn(one, ui.dialog !== null)) press(each);
      draw();
    },
    paste(text) {
      // Outside of a field, pasted letters would act as commands.
      if (ui.dialog === null) return;
      press({ name: "text", text: text.replace(/[\r\n]+/g, " ") });
      draw();
    },
    onReady(given) {
      suspend = given;
    },
    color: deps.color,
  };

  draw();
  const app = render(<App stage={stage} />, {
    stdin: keyboard.stdin,
    stdout,
    exitOnCtrlC: false,
    patchConsole: false,
    interactive: true,
    alternateScreen: !deps.screenReader,
    incrementalRendering: true,
    isScreenReaderEnabled: deps.screenReader,
    maxFps: 30,
  });
  const onResize = (): void => {
    ui = { ...ui, columns: stdout.columns || 80, rows: stdout.rows || 24 };
    draw();
  };
  // Before Ink's own listener, so that what it draws is of the new size.
  stdout.prependListener("resize", onResize);
  const tick = setInterval(draw, deps.screenReader ? SPOKEN_FRAME_MS : TICK_MS);
  // Before whoever has a last word to say as the process ends: it is to be read on the ordinary screen.
  const onExit = (): void => app.unmount();
  process.prependListener("exit", onExit);
  // Also for rejections that are not handled; who reports the error and ends the process comes after it.
  process.on("uncaughtExceptionMonitor", onExit);
  deps.signal.addEventListener("abort", () => closed.resolve());
  if (deps.signal.aborted) closed.resolve();
  try {
    await Promise.race([closed.promise, app.waitUntilExit()]);
  } finally {
    clearInterval(tick);
    if (timer) clearTimeout(timer);
    if (knocking) clearTimeout(knocking);
    stopFaults?.();
    stdout.off("resize", onResize);
    unsubscribe();
    stopTasks();
    watch({ kind: "fleet" });
    live.stop();
    app.unmount();
    await app.waitUntilExit().catch(() => {});
    // Sentences end without a line break.
    if (deps.screenReader) stdout.write("\n");
    keyboard.close();
    process.off("exit", onExit);
    process.off("uncaughtExceptionMonitor", onExit);
  }
}

/** Keys that arrive in one chunk, as in fast typing, are handled one by one. */
function* keysIn(press: Press, typing: boolean): Generator<Press> {
  if (press.name !== "text") return yield press;
  for (const part of press.text.split(/(\r\n?|\n)/)) {
    if (part === "") continue;
    if (/[\r\n]/.test(part)) yield { name: "enter", text: "" };
    else if (typing) yield { name: "text", text: part };
    else for (const text of part) yield { name: "text", text };
  }
}

/** Starts and ends what the shown place needs. */
function watcherOf(
  { api, orders }: DashboardDeps,
  change: (part: Partial<World>) => void,
): (place: ReturnType<typeof placeOf>) => void {
  let shown = "";
  let stop: () => void = () => {};
  return (place) => {
    const key = placeKey(place);
    if (key === shown) return;
    shown = key;
    stop();
    stop = () => {};
    if (place.kind === "task") stop = watchOutput(api, place.id, (output) => change({ output }));
    if (place.kind === "logs") stop = watchLog(api, place.name, (log) => change({ log }));
    if (place.kind !== "agent") return;
    const { name } = place;
    void orders.document(name).then(
      (text) => shown === key && text !== null && change({ document: { name, text } }),
      () => {},
    );
  };
}
