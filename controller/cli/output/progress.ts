/** Progress as plain lines, without a terminal. */
import type { AnyEvent } from "../../base/events.ts";
import { DOING } from "../../views/step-words.ts";
import { percentOf } from "../../drivers/multipass/progress.ts";
import { clockWords } from "../system/clock-alerts.ts";
import { type Output, age } from "./output.ts";

/** Steps that are shown only when they take longer than this. Milliseconds. */
const QUIET = new Set(["drain", "await-ready"]);
const QUIET_MS = 1000;
/** Interval of reading Multipass's messages. */
const LOOK_MS = 250;

export interface Progress {
  event(event: AnyEvent): void;
  /** A remark that is no event. */
  note(text: string): void;
  close(): void;
}

const SILENT: Progress = { event: () => {}, note: () => {}, close: () => {} };

/**
 * Prints events, live or from a hub's stream. `wants`: filters by agent. With JSON nothing is printed before the end.
 */
export function createProgress(
  output: Output,
  wants: (agent: string) => boolean = () => true,
  said: ((agent: string) => string) | null = null,
): Progress {
  if (output.json) return { ...SILENT, note: (text) => output.err(text) };
  const since = new Map<string, number>();
  let outageSince: number | null = null;
  const timers = new Map<string, NodeJS.Timeout>();
  const say = (agent: string, text: string) => output.out(`${output.paint("strong", agent)}: ${text}`);
  const clear = (agent: string) => {
    clearTimeout(timers.get(agent));
    timers.delete(agent);
  };
  /** A download is reported in quarters: each redraw of a terminal would be a line here. */
  const quarters = new Map<string, number>();
  const look = () => {
    for (const agent of since.keys()) {
      const text = said?.(agent) ?? "";
      const quarter = Math.floor((percentOf(text) ?? 0) / 25);
      if (quarter > (quarters.get(agent) ?? 0)) say(agent, text);
      quarters.set(agent, quarter);
    }
  };
  const timer = said === null ? undefined : setInterval(look, LOOK_MS);
  timer?.unref();
  return {
    note: (text) => output.err(text),
    event({ name, at, data }) {
      if ("agent" in data && !wants(data.agent)) return;
      switch (name) {
        case "step.started": {
          if (!since.has(data.agent)) since.set(data.agent, at);
          const doing = DOING[data.step];
          if (!doing) return;
          const text = `${doing}${data.detail ? ` ${data.detail}` : ""} …`;
          clear(data.agent);
          if (QUIET.has(data.step))
            timers.set(
              data.agent,
              setTimeout(() => say(data.agent, text), QUIET_MS),
            );
          else say(data.agent, text);
          return;
        }
        case "step.done":
          return clear(data.agent);
        case "agent.converged": {
          clear(data.agent);
          const began = since.get(data.agent);
          since.delete(data.agent);
          const took = began === undefined ? "" : ` (${age(at - began)})`;
          if (data.failed !== undefined)
            return say(
              data.agent,
              `${output.paint("bad", "✗ its provisioning failed")}: ${data.failed}${took}`,
            );
          return say(data.agent, `${output.paint("good", "✓ done")}${took}`);
        }
        case "step.failed": {
          clear(data.agent);
          since.delete(data.agent);
          const again =
            data.retryInMs === null ? "not tried again by itself" : `again in ${age(data.retryInMs)}`;
          say(
            data.agent || "fleet",
            `${output.paint("bad", `✗ ${data.step} failed`)}: ${data.message} (${again})`,
          );
          if (data.next) output.out(`    ${data.next}`);
          return;
        }
        case "observed":
          if (data.reason !== null && outageSince === null) {
            outageSince = at;
            say(
              "Multipass",
              `${output.paint("bad", "cannot be seen")}: ${data.reason}; nothing is changed until it can`,
            );
          } else if (data.reason === null && outageSince !== null) {
            say("Multipass", `${output.paint("good", "is seen again")} after ${age(at - outageSince)}`);
            outageSince = null;
          }
          return;
        case "agent.adopted":
          return say(data.agent, `${output.paint("good", "taken back")}: ${data.message}`);
        case "clock.jumped":
          output.err(`${output.paint("warn", "warning:")} ${clockWords(data.by)}`);
          return;
        case "hub.listening":
          if (data.problem !== null) return say("hub", output.paint("bad", data.problem));
          return say("hub", `instances reach it at ${data.addresses.join(", ")}`);
        case "secret.rotated":
          return say(data.agent, `new value of ${data.secrets.join(", ")}, pushed to its runtime`);
        case "agent.drifted":
          return say(data.agent, `${output.paint("warn", "drifted")}: ${data.message}`);
        case "agent.held":
          say(data.agent, `${output.paint("warn", "? held")}: ${data.message}`);
          output.out(`    ${data.release}`);
          return;
        default:
          return;
      }
    },
    close() {
      clearInterval(timer);
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
}
