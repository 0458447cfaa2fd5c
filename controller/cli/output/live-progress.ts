/** Live progress on a terminal: a line for each agent in flight, redrawn in place; completed steps stay above. */
import { stripVTControlCharacters } from "node:util";
import type { AnyEvent } from "../../base/events.ts";
import { terminalText } from "../../base/printable.ts";
import { padEnd, textWidth, truncate } from "../../views/text-width.ts";
import { DOING } from "../../views/step-words.ts";
import { percentOf } from "../../drivers/multipass/progress.ts";
import { type Output, age } from "./output.ts";
import { type Progress, createProgress } from "./progress.ts";

/** The text of a completed step; steps without one are not shown. */
const DONE: Readonly<Record<string, string>> = {
  launch: "launched",
  "await-ready": "ready",
  start: "started",
  stop: "stopped",
  suspend: "suspended",
  recover: "recovered",
  resize: "resized",
  snapshot: "snapshot",
  "remove-snapshot": "snapshot removed",
  restore: "restored",
  mount: "mounted",
  unmount: "unmounted",
  rerun: "provisioned",
  drain: "drained",
  remove: "deleted",
};

const SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
const FRAME_MS = 120;
/** Shorter steps are not shown once they are over. */
const BRIEF_MS = 200;

export interface LiveOptions {
  readonly output: Output;
  readonly write: (text: string) => void;
  readonly wants: (agent: string) => boolean;
  /** Multipass's current message for an agent. */
  readonly said: (agent: string) => string;
  /** What Ctrl-C does. */
  readonly hint: string;
  readonly now: () => number;
  readonly columns: () => number;
}

interface Row {
  readonly done: string[];
  doing: string;
  since: number;
}

export function createLiveProgress(options: LiveOptions): Progress {
  const { output, write, wants, said, hint, now, columns } = options;
  const rows = new Map<string, Row>();
  const began = now();
  let finished = 0;
  let drawn = 0;
  let frame = 0;
  let closed = false;

  const erase = () => {
    if (drawn > 0) write(`\u001b[${drawn}A\u001b[J`);
    drawn = 0;
  };
  const draw = () => {
    erase();
    if (rows.size === 0 || closed) return;
    const names = Math.max(...[...rows.keys()].map((name) => textWidth(name)));
    const spinner = SPINNER[frame % SPINNER.length] ?? "";
    const lines = [...rows].map(([agent, row]) => {
      const percent = percentOf(said(agent));
      const doing =
        row.doing === ""
          ? ""
          : `${spinner} ${row.doing} ${age(now() - row.since)}${percent === null ? "" : ` ${percent}%`}`;
      return `  ${padEnd(agent, names)}  ${[...row.done, doing].filter((t) => t !== "").join("  ")}`;
    });
    const counts = `  ${finished} done, ${rows.size} in work, ${age(now() - began)}`;
    const all = [...lines, `${counts}   ${hint}`].map((line) => clip(terminalText(line), columns() - 1));
    write(all.map((line) => `${line}\n`).join(""));
    drawn = all.length;
  };
  const above = (show: () => void) => {
    erase();
    show();
    draw();
  };
  /** Lines that stay, as without a terminal. */
  const lasting = createProgress(
    { ...output, out: (text) => above(() => output.out(text)), err: (text) => above(() => output.err(text)) },
    wants,
  );
  const timer = setInterval(() => {
    frame++;
    draw();
  }, FRAME_MS);
  timer.unref();

  const step = ({ name, at, data }: AnyEvent): boolean => {
    if (name === "step.started") {
      const row = rows.get(data.agent) ?? { done: [], doing: "", since: at };
      row.doing = `${DOING[data.step] ?? ""}${data.detail && DOING[data.step] ? ` ${data.detail}` : ""}`;
      row.since = now();
      if (row.doing !== "") rows.set(data.agent, row);
      draw();
      return true;
    }
    if (name !== "step.done") return false;
    const row = rows.get(data.agent);
    const word = DONE[data.step];
    if (row) row.doing = "";
    if (row && word && !data.skipped && data.durationMs >= BRIEF_MS)
      row.done.push(`${output.paint("good", "✓")} ${word} ${age(data.durationMs)}`);
    draw();
    return true;
  };

  return {
    note: (text) => lasting.note(text),
    event(event) {
      const { name, data } = event;
      if ("agent" in data && !wants(data.agent)) return;
      if (step(event)) return;
      if (name === "agent.converged" || name === "step.failed") {
        const row = rows.get(data.agent);
        rows.delete(data.agent);
        if (name === "agent.converged" && data.failed === undefined) {
          finished++;
          const parts =
            row && row.done.length > 0 ? row.done.join("  ") : `${output.paint("good", "✓")} done`;
          return above(() => output.out(`  ${output.paint("strong", data.agent)}  ${parts}`));
        }
      }
      lasting.event(event);
    },
    close() {
      if (closed) return;
      erase();
      closed = true;
      clearInterval(timer);
      lasting.close();
    },
  };
}

/** A line longer than the terminal would wrap, and break the redrawing. */
function clip(line: string, width: number): string {
  return textWidth(line) <= width ? line : truncate(stripVTControlCharacters(line), width);
}
