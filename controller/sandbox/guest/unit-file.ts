// Reads the part of a systemd service file that the sandbox's init acts on.

export interface Unit {
  readonly name: string;
  readonly start: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly environmentFiles: readonly { readonly path: string; readonly optional: boolean }[];
  readonly workingDirectory: string | undefined;
  readonly user: string;
  readonly oneshot: boolean;
  readonly restart: "no" | "always" | "on-failure" | "on-success";
  /** Milliseconds. */
  readonly restartDelay: number;
  /** Whether a stop signals the first process alone, or all of them. */
  readonly killMain: boolean;
  /** Milliseconds given to SIGTERM. */
  readonly stopPatience: number;
  /** So many starts within so many milliseconds, then no more; 0 means no limit. */
  readonly startLimit: { readonly count: number; readonly within: number };
}

/** Values by "Section.Key", in the order given; an empty assignment clears those before it. */
export function parseUnitFile(text: string): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  let section = "";
  for (const line of text.replace(/\\\r?\n/g, " ").split(/\r?\n/)) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#") || trimmed.startsWith(";")) continue;
    if (trimmed.startsWith("[")) {
      section = trimmed.slice(1, -1);
      continue;
    }
    const equals = trimmed.indexOf("=");
    if (equals < 0) continue;
    const key = `${section}.${trimmed.slice(0, equals).trim()}`;
    const value = trimmed.slice(equals + 1).trim();
    values.set(key, value === "" ? [] : [...(values.get(key) ?? []), value]);
  }
  return values;
}

export function readUnit(name: string, text: string): Unit {
  const values = parseUnitFile(text);
  const last = (key: string): string | undefined => values.get(key)?.at(-1);
  const environment = Object.fromEntries(
    (values.get("Service.Environment") ?? []).flatMap(splitWords).map((word) => {
      const equals = word.indexOf("=");
      return [word.slice(0, equals), word.slice(equals + 1)];
    }),
  );
  const restart = last("Service.Restart") ?? "no";
  return {
    name,
    start: splitWords((last("Service.ExecStart") ?? "").replace(/^[-@:+!]+/, "")),
    environment,
    environmentFiles: (values.get("Service.EnvironmentFile") ?? []).map((path) => ({
      path: path.replace(/^-/, ""),
      optional: path.startsWith("-"),
    })),
    workingDirectory: last("Service.WorkingDirectory")?.replace(/^-/, ""),
    user: last("Service.User") ?? "root",
    oneshot: last("Service.Type") === "oneshot",
    restart:
      restart === "always" || restart === "on-success" ? restart : restart === "no" ? "no" : "on-failure",
    restartDelay: timeSpan(last("Service.RestartSec"), 100),
    killMain: ["mixed", "process"].includes(last("Service.KillMode") ?? ""),
    stopPatience: timeSpan(last("Service.TimeoutStopSec"), 5_000),
    startLimit: {
      count: Number(last("Unit.StartLimitBurst") ?? "5"),
      within: timeSpan(last("Unit.StartLimitIntervalSec") ?? last("Unit.StartLimitInterval"), 10_000),
    },
  };
}

/** Words split at white space, with quotes and backslashes as in systemd.syntax(7). */
export function splitWords(text: string): readonly string[] {
  const words: string[] = [];
  for (const match of text.matchAll(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')+/g)) {
    words.push(
      match[0].replace(/"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|\\(.)/g, (_, double, single, escaped) =>
        escaped !== undefined ? escaped : (double ?? single).replace(/\\(.)/g, "$1"),
      ),
    );
  }
  return words;
}

const SPAN_UNITS: Readonly<Record<string, number>> = {
  "": 1000,
  s: 1000,
  sec: 1000,
  ms: 1,
  min: 60_000,
  m: 60_000,
  h: 3_600_000,
  hr: 3_600_000,
  us: 0.001,
};

/** systemd.time(7), e.g. `5`, `100ms`, `1min 20s`; milliseconds. */
export function timeSpan(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (text === "infinity") return 2 ** 31 - 1;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)\s*([a-z]*)/g))
    total += Number(amount) * (SPAN_UNITS[unit ?? ""] ?? 1000);
  return total;
}

/** `KEY=value` lines of an environment file. */
export function parseEnvironmentFile(text: string): Readonly<Record<string, string>> {
  const entries = text.split(/\r?\n/).flatMap((line) => {
    const match = /^\s*(\w+)=(.*)$/.exec(line);
    return match ? [[match[1] ?? "", splitWords(match[2] ?? "").join(" ")] as const] : [];
  });
  return Object.fromEntries(entries);
}

/** `$NAME` as a word of its own and `${NAME}` anywhere, from the unit's environment. */
export function expand(words: readonly string[], env: Readonly<Record<string, string>>): readonly string[] {
  return words.flatMap((word) => {
    const whole = /^\$(\w+)$/.exec(word);
    if (whole) return (env[whole[1] ?? ""] ?? "").split(/\s+/).filter(Boolean);
    return word.replace(/\$\{(\w+)\}/g, (_, name: string) => env[name] ?? "").replaceAll("$$", "$");
  });
}
