/** Makes the command line that people run: `dist/bin/vm-agent.js` and the chunks that its commands load when they are run. */
import { mkdirSync, readdirSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "esbuild";
import { packageRoot } from "./base/paths.ts";

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
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: { "vm-agent": "controller/main.ts" },
    bundle: true,
    splitting: true,
    write: false,
    outdir: "dist/bin",
    chunkNames: "[name]-[hash]",
    platform: "node",
    format: "esm",
    target: "node22.18",
    legalComments: "inline",
    plugins: [onlyBundled],
    banner: {
      // What esbuild makes of CommonJS packages asks for `require`.
      js: 'import{createRequire as vmAgentRequire}from"node:module";const require=vmAgentRequire(import.meta.url);',
    },
  });
  const folder = join(root, "dist", "bin");
  mkdirSync(folder, { recursive: true });
  // The entry last: it names the chunks, and must not be met before them.
  const ordered = [...outputFiles].sort((a, b) => rank(a.path) - rank(b.path));
  for (const { path, contents } of ordered) replace(path, contents);
  removeOld(folder, new Set(outputFiles.map(({ path }) => basename(path))));
  return {
    file: join(folder, ENTRY),
    files: outputFiles.map(({ path }) => path),
    bytes: outputFiles.reduce((sum, { contents }) => sum + contents.length, 0),
  };
}

const ENTRY = "vm-agent.js";
const rank = (path: string): number => (basename(path) === ENTRY ? 1 : 0);

/** Two builds at once, or a command that starts meanwhile, must not meet half a file. */
function replace(file: string, contents: Uint8Array): void {
  const temporary = `${file}.${process.pid}`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(temporary, contents, { mode: rank(file) === 1 ? 0o755 : 0o644 });
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
