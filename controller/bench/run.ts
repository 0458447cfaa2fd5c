/** `npm run bench [row…] [--json] [--name=value…]`: the table of SPEC section 9, each floor measured in the same run. */
import { spawn } from "node:child_process";
import { availableParallelism, cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { type Line, type Row, short } from "./measure.ts";

const ROWS: Readonly<Record<string, () => Promise<Row>>> = {
  plan: async () => (await import("./plan.ts")).row,
  replan: async () => (await import("./replan.ts")).row,
  turn: async () => (await import("./turn.ts")).row,
  converge: async () => (await import("./converge.ts")).row,
  tasks: async () => (await import("./tasks.ts")).row,
  idle: async () => (await import("./idle.ts")).row,
  reconnect: async () => (await import("./reconnect.ts")).row,
  flood: async () => (await import("./flood.ts")).row,
  hostile: async () => (await import("./hostile.ts")).row,
  startup: async () => (await import("./startup.ts")).row,
  firstline: async () => (await import("./first-line.ts")).row,
  runtime: async () => (await import("./runtime.ts")).row,
  dash: async () => (await import("./dash.ts")).row,
};

async function main(args: readonly string[]): Promise<number> {
  const flags = args.filter((arg) => arg.startsWith("--"));
  const wanted = args.filter((arg) => !arg.startsWith("--"));
  const unknown = wanted.filter((name) => !(name in ROWS));
  if (unknown.length > 0) {
    process.stderr.write(
      `there is no row ${unknown.join(", ")}; there are ${Object.keys(ROWS).join(", ")}\n`,
    );
    return 64;
  }
  const json = flags.includes("--json");
  const names = wanted.length > 0 ? wanted : Object.keys(ROWS);
  if (!json) process.stdout.write(`${surroundings()}\n`);
  const lines: Line[] = [];
  let failed = false;
  for (const name of names) {
    try {
      // A process for each row: the heap and the compiled code of one would be measured in the next.
      const found = names.length === 1 ? await measure(name, flags) : await measureApart(name, flags);
      lines.push(...found);
      if (!json) for (const line of found) process.stdout.write(`${text(line)}\n`);
    } catch (error) {
      failed = true;
      process.stderr.write(`${name}: ${error instanceof Error ? error.stack : String(error)}\n`);
    }
  }
  if (json) process.stdout.write(`${JSON.stringify(lines)}\n`);
  return failed || lines.some((line) => line.ok === false) ? 1 : 0;
}

async function measure(name: string, flags: readonly string[]): Promise<readonly Line[]> {
  const row = await ROWS[name]?.();
  const option = (key: string, fallback: number) => {
    const given = flags.find((flag) => flag.startsWith(`--${key}=`));
    return given === undefined ? fallback : Number(given.slice(key.length + 3));
  };
  return row ? row(option) : [];
}

function measureApart(name: string, flags: readonly string[]): Promise<readonly Line[]> {
  const self = fileURLToPath(import.meta.url);
  const child = spawn(
    process.execPath,
    [self, name, ...flags.filter((flag) => flag !== "--json"), "--json"],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let out = "";
  child.stdout.on("data", (data: Buffer) => {
    out += data.toString();
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0 || out.startsWith("[{")) resolve(JSON.parse(out) as readonly Line[]);
      else reject(new Error(`ended with ${code}`));
    });
  });
}

function surroundings(): string {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  const load = loadavg().map(short).join(" ");
  return `Node ${process.versions.node}, ${availableParallelism()} × ${model}, load ${load}\n`;
}

/** Two lines for people: the verdict with its numbers, and what the floor is. */
function text(line: Line): string {
  const { name, floorIs, floor, ours, unit, ratio, target, ok, note } = line;
  const verdict = ok === null ? "      " : ok ? "pass  " : "MISS  ";
  const parts = [
    `${short(ours)} ${unit}`,
    ...(floor === null ? [] : [`floor ${short(floor)} ${unit}`]),
    ...(ratio === null ? [] : [`ratio ${short(ratio)}`]),
    ...(target === "" ? [] : [`target ${target}`]),
  ];
  const below = [...(floorIs === "" ? [] : [`floor: ${floorIs}`]), ...(note === "" ? [] : [note])];
  return [`${verdict}${name.padEnd(46)} ${parts.join("   ")}`, ...below.map((l) => `        ${l}`)].join(
    "\n",
  );
}

process.exitCode = await main(process.argv.slice(2));
process.exit();
