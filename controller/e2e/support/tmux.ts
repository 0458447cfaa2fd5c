/** A shell with job control in a terminal of tmux: keys go in, what its screen shows comes out. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { type Fixture, until } from "./harness.ts";

export const NO_TMUX = spawnSync("tmux", ["-V"]).status === 0 ? false : "tmux is not installed";

export interface Tmux {
  run(...args: readonly string[]): string;
  keys(...all: readonly string[]): void;
  /** Typed as it is, and Enter. */
  line(text: string): void;
  screen(): string;
  /** Until the screen matches; gives the screen. */
  sees(pattern: RegExp): Promise<string>;
  close(): void;
}

export function openTmux(
  fixture: Pick<Fixture, "folder" | "fleet" | "home">,
  {
    shell,
    width,
    height,
  }: { readonly shell: readonly string[]; readonly width: number; readonly height: number },
): Tmux {
  const socket = join(fixture.folder, "tmux");
  const run = (...args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync("tmux", ["-S", socket, ...args], { encoding: "utf8" });
    assert.equal(status, 0, `tmux ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const env = { VM_AGENT_FLEET: fixture.fleet, VM_AGENT_HOME: fixture.home, VM_AGENT_DRIVER: "sandbox" };
  const ports = ["HTTP", "WS", "DASHBOARD"].map((p) => [`VM_AGENT_${p}_PORT`, "0"]);
  const given = [...Object.entries(env), ...ports].flatMap(([k, v]) => ["-e", `${k}=${v}`]);
  const size = ["-x", String(width), "-y", String(height)];
  run("-f", "/dev/null", "new-session", "-d", "-s", "a", ...size, ...given, "env", "PS1=$ ", ...shell);
  const keys = (...all: readonly string[]) => void run("send-keys", "-t", "a", ...all);
  const screen = () => run("capture-pane", "-p", "-t", "a");
  return {
    run,
    keys,
    line: (text) => {
      keys("-l", text);
      keys("Enter");
    },
    screen,
    sees: (pattern) =>
      until(`the screen shows ${pattern}`, () => {
        const now = screen();
        return pattern.test(now) ? now : null;
      }).catch((error: unknown) => {
        throw new Error(`${(error as Error).message}\n${screen()}`);
      }),
    close: () => void spawnSync("tmux", ["-S", socket, "kill-server"]),
  };
}
