/**
 * Makes the command line that people run, in `dist/bin`: `vm-agent.cjs`, which looks at the arguments; `short.cjs`, one file with
 * the commands that are over in a moment; `commands.mjs` with all of them, in chunks that each loads when it is run.
 *
 * Measured in processor time: `plan` 172 ms from 40 chunks, 153 ms from one file, of which 51 and 41 ms pass before Multipass is
 * asked; `status` 69 and 49 ms. One file as an ES module lost (58 ms to that point): what it imports of Node is all loaded first,
 * and a namespace of a module of Node's reads parts of it that nobody wants. Hence CommonJS; what runs long may stay in chunks.
 */
import { mkdirSync, readdirSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "esbuild";
import { packageRoot } from "./base/paths.ts";
import { SHORT_COMMANDS } from "./cli/short-commands.ts";

export interface CommandLineBundle {
  /** Absolute path of the file to run. */
  readonly file: string;
  readonly files: readonly string[];
  readonly bytes: number;
}

/** Packages that a short command needs. Every other one is loaded from node_modules, by the commands that run long. */
const BUNDLED: ReadonlySet<string> = new Set(["commander", "croner", "fast-json-patch", "leven", "yaml"]);

/** A chunk that an older build left is kept this long for a `vm-agent up` that may still load it. */
const KEPT_MS = 60 * 60_000;

/** The other commands are not in `short.cjs`: `main.ts` never asks it for them. */
const onlyShort: Plugin = {
  name: "only-short",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\// }, ({ path, kind, importer }) => {
      if (kind !== "dynamic-import" || !/[/\\]commands(-edits)?\.ts$/.test(importer)) return undefined;
      return SHORT_COMMANDS.has(basename(path, ".ts"))
        ? undefined
        : { path: "./commands.mjs", external: true };
    });
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
      if (kind === "entry-point" || BUNDLED.has(path) || isBuiltin(path)) return undefined;
      if (kind === "dynamic-import") return { path, external: true };
      return { errors: [{ text: `a short command must not load ${path}` }] };
    });
  },
};

/** `main.ts` alone: it names the other two files. */
const onlyEntry: Plugin = {
  name: "only-entry",
  setup({ onResolve }) {
    onResolve({ filter: /\/cli\/run\.ts$/ }, () => ({ path: "./commands.mjs", external: true }));
  },
};

const onlyBundled: Plugin = {
  name: "only-bundled",
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
      const name = path
        .split("/")
        .slice(0, path.startsWith("@") ? 2 : 1)
        .join("/");
      return kind === "entry-point" || BUNDLED.has(name) ? undefined : { path, external: true };
    });
  },
};

/** Deterministic: the same sources and packages give the same bytes. */
export async function buildCommandLine(): Promise<CommandLineBundle> {
  const { build } = await import("esbuild");
  const root = packageRoot();
  const common = {
    absWorkingDir: root,
    bundle: true,
    write: false,
    outdir: "dist/bin",
    platform: "node",
    target: "node22.18",
    legalComments: "inline",
  } as const;
  const commonJs = {
    ...common,
    format: "cjs",
    outExtension: { ".js": ".cjs" },
    define: { "import.meta.url": "vmAgentUrl" },
    banner: { js: 'const vmAgentUrl=require("node:url").pathToFileURL(__filename).href;' },
  } as const;
  const built = await Promise.all([
    build({ ...commonJs, entryPoints: { "vm-agent": "controller/main.ts" }, plugins: [onlyEntry] }),
    build({ ...commonJs, entryPoints: { short: "controller/cli/short.ts" }, plugins: [onlyShort] }),
    build({
      ...common,
      entryPoints: { commands: "controller/cli/run.ts" },
      splitting: true,
      chunkNames: "[name]-[hash]",
      format: "esm",
      outExtension: { ".js": ".mjs" },
      plugins: [onlyBundled],
      banner: {
        // What esbuild makes of CommonJS packages asks for `require`.
        js: 'import{createRequire as vmAgentRequire}from"node:module";const require=vmAgentRequire(import.meta.url);',
      },
    }),
  ]);
  const outputFiles = built.flatMap((result) => result.outputFiles);
  const folder = join(root, "dist", "bin");
  mkdirSync(folder, { recursive: true });
  // What names others comes after them, and so is never met before them.
  const ordered = [...outputFiles].sort((a, b) => rank(a.path) - rank(b.path));
  for (const { path, contents } of ordered) replace(path, contents);
  removeOld(folder, new Set(outputFiles.map(({ path }) => basename(path))));
  return {
    file: join(folder, ENTRY),
    files: outputFiles.map(({ path }) => path),
    bytes: outputFiles.reduce((sum, { contents }) => sum + contents.length, 0),
  };
}

const ENTRY = "vm-agent.cjs";
const LAST: readonly string[] = ["commands.mjs", "short.cjs", ENTRY];
const rank = (path: string): number => LAST.indexOf(basename(path));

/** Two builds at once, or a command that starts meanwhile, must not meet half a file. */
function replace(file: string, contents: Uint8Array): void {
  const temporary = `${file}.${process.pid}`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(temporary, contents, { mode: basename(file) === ENTRY ? 0o755 : 0o644 });
  renameSync(temporary, file);
}

function removeOld(folder: string, current: ReadonlySet<string>): void {
  for (const name of readdirSync(folder)) {
    if (current.has(name)) continue;
    const path = join(folder, name);
    if (Date.now() - statSync(path).mtimeMs > KEPT_MS) rmSync(path, { force: true });
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { file, files, bytes } = await buildCommandLine();
  process.stdout.write(`${file}  ${bytes} bytes in ${files.length} files\n`);
}
