/** Commands in a real pseudo-terminal: keys go in, the screen's bytes come out. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { type Fixture, MAIN, until } from "./harness.ts";

export const NO_PTY =
  spawnSync("script", ["--version"]).status === 0 ? false : "script (util-linux) is not on PATH";

export interface Terminal {
  type(keys: string): void;
  /** Until what was printed since the last such call matches. */
  sees(what: RegExp): Promise<void>;
  shown(): string;
  /** The exit code of the command. */
  readonly ended: Promise<number | null>;
}

export interface Terminals {
  open(...args: readonly string[]): Terminal;
  close(): void;
}

export function terminals(
  fixture: Pick<Fixture, "folder" | "env"> & { readonly program?: readonly string[] },
  env: Readonly<Record<string, string>> = {},
): Terminals {
  const children = new Set<ChildProcess>();
  return {
    open(...args) {
      const line = [...(fixture.program ?? [process.execPath, MAIN]), ...args]
        .map((a) => `'${a.replaceAll("'", "'\\''")}'`)
        .join(" ");
      const child = spawn("script", ["-qefc", line, "/dev/null"], {
        cwd: fixture.folder,
        env: {
          ...fixture.env,
          TERM: "xterm",
          ...env,
        },
        stdio: ["pipe", "pipe", "inherit"],
      });
      children.add(child);
      let shown = "";
      let from = 0;
      child.stdout?.on("data", (d: Buffer) => (shown += d.toString()));
      const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
      return {
        type: (keys) => void child.stdin?.write(keys),
        async sees(what) {
          await until(`it shows ${what}`, () => what.test(shown.slice(from)), 60_000).catch((e: unknown) =>
            assert.fail(`${e}\n${shown}`),
          );
          from +=
            (what.exec(shown.slice(from))?.index ?? 0) + (what.exec(shown.slice(from))?.[0].length ?? 0);
        },
        shown: () => shown,
        ended,
      };
    },
    close() {
      for (const child of children) child.kill("SIGKILL");
    },
  };
}
