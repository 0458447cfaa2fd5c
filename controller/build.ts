/**
 * Makes the command line that people run, in `dist/bin`: `vm-agent.cjs`, which looks at the arguments; `short.cjs`, one file with
 * the commands that are over in a moment; `commands.mjs` with all of them, in chunks that each loads when it is run; and the
 * sandbox, a program of its own, in `dist/sandbox`. Every package that they use is in them, so an installation needs no other
 * package; `licenses.txt` has the licenses of these packages.
 *
 * Measured in processor time: `plan` 172 ms from 40 chunks, 153 ms from one file, of which 51 and 41 ms pass before Multipass is
 * asked; `status` 69 and 49 ms. One file as an ES module lost (58 ms to that point): what it imports of Node is all loaded first,
 * and a namespace of a module of Node's reads parts of it that are not needed. Hence CommonJS; long-running commands may stay in chunks.
 */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { isBuiltin } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BuildOptions, Metafile, Plugin } from "esbuild";
import { packageRoot } from "./base/paths.ts";
import { SHORT_COMMANDS } from "./cli/short-commands.ts";

export interface CommandLineBundle {
  /** Absolute path of the file to run. */
  readonly file: string;
  readonly files: readonly string[];
  readonly bytes: number;
}

/** Packages that a short command may load: each of them costs every one of these commands its loading time. */
const IN_SHORT: ReadonlySet<string> = new Set([
  "ansi-regex",
  "commander",
  "croner",
  "fast-json-patch",
  "get-east-asian-width",
  "eventsource-parser",
  "leven",
  "string-width",
  "strip-ansi",
  "yaml",
]);

/** Native add-ons that ws loads only where they are installed. */
const OPTIONAL = ["bufferutil", "utf-8-validate"];

/** A chunk of an older build is kept this long for a running `vm-agent up` that may still load it. */
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
      if (kind === "entry-point" || IN_SHORT.has(path) || isBuiltin(path)) return undefined;
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

/** string-width reads Unicode's tables when it is loaded, 27 ms: only once a text has characters that need them. */
const lazyWidth: Plugin = {
  name: "lazy-width",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^string-width$/ }, ({ namespace }) =>
      namespace === "lazy-width" ? undefined : { path: "string-width", namespace: "lazy-width" },
    );
    onLoad({ filter: /./, namespace: "lazy-width" }, () => ({
      contents: `let width; export default (...args) => (width ??= require("string-width").default)(...args);`,
      resolveDir: packageRoot(),
    }));
  },
};

/**
 * Ink's debugger requires a package that is not bundled when DEV=true is in the environment: an empty module instead.
 */
const noDebugger: Plugin = {
  name: "no-debugger",
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]ink[/\\]build[/\\]devtools\.js$/ }, () => ({ contents: "" }));
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
    metafile: true,
    outdir: "dist/bin",
    platform: "node",
    target: "node22.22",
    legalComments: "none",
    external: OPTIONAL,
  } as const satisfies BuildOptions;
  const commonJs = {
    ...common,
    format: "cjs",
    outExtension: { ".js": ".cjs" },
    define: { "import.meta.url": "vmAgentUrl" },
    banner: { js: 'const vmAgentUrl=require("node:url").pathToFileURL(__filename).href;' },
  } as const satisfies BuildOptions;
  const modules = {
    ...common,
    splitting: true,
    chunkNames: "[name]-[hash]",
    format: "esm",
    outExtension: { ".js": ".mjs" },
    // What esbuild makes of CommonJS packages asks for `require`.
    banner: {
      js: 'import{createRequire as vmAgentRequire}from"node:module";const require=vmAgentRequire(import.meta.url);',
    },
  } as const satisfies BuildOptions;
  const built = await Promise.all([
    // Old enough a target that every Node can read it, and say that it is too old.
    build({
      ...commonJs,
      target: "node12",
      entryPoints: { "vm-agent": "controller/main.ts" },
      plugins: [onlyEntry],
    }),
    build({
      ...commonJs,
      entryPoints: { short: "controller/cli/short.ts" },
      plugins: [lazyWidth, onlyShort],
    }),
    build({
      ...modules,
      entryPoints: { commands: "controller/cli/run.ts" },
      plugins: [lazyWidth, noDebugger],
    }),
    build({
      ...modules,
      outdir: "dist/sandbox",
      entryPoints: {
        main: "controller/sandbox/main.ts",
        worker: "controller/sandbox/worker.ts",
        init: "controller/sandbox/guest/init.ts",
      },
    }),
  ]);
  const outputFiles = built.flatMap((result) => result.outputFiles);
  // What names others comes after them, and so is never met before them.
  const ordered = [...outputFiles].sort((a, b) => rank(a.path) - rank(b.path));
  for (const { path, contents } of ordered) replace(path, contents, basename(path) === ENTRY ? 0o755 : 0o644);
  const licenses = join(root, "dist", "bin", "licenses.txt");
  replace(
    licenses,
    licensesOf(
      built.map(({ metafile }) => metafile),
      root,
    ),
  );
  const current = new Set([licenses, ...outputFiles.map(({ path }) => path)]);
  for (const folder of ["bin", "sandbox"]) removeOld(join(root, "dist", folder), current);
  return {
    file: join(root, "dist", "bin", ENTRY),
    files: outputFiles.map(({ path }) => path),
    bytes: outputFiles.reduce((sum, { contents }) => sum + contents.length, 0),
  };
}

/** Name, version and license text of every package whose code is in the bundles. */
function licensesOf(metafiles: readonly Metafile[], root: string): string {
  const folders = new Set(
    metafiles
      .flatMap(({ inputs }) => Object.keys(inputs))
      .flatMap((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
  );
  const parts = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(
      readFileSync(join(root, folder, "package.json"), "utf8"),
    ) as Readonly<Record<"name" | "version" | "license", string>>;
    const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? "" : `\n${readFileSync(join(root, folder, file), "utf8").trim()}\n`;
    return `${name} ${version} (${license})\n${text}`;
  });
  return `vm-agent contains code of these packages.\n\n${parts.join("\n---\n\n")}`;
}

const ENTRY = "vm-agent.cjs";
const LAST: readonly string[] = ["worker.mjs", "init.mjs", "main.mjs", "commands.mjs", "short.cjs", ENTRY];
const rank = (path: string): number => LAST.indexOf(basename(path));

/** Two builds at once, or a command that starts meanwhile, must not meet half a file. */
function replace(file: string, contents: Uint8Array | string, mode = 0o644): void {
  const temporary = `${file}.${process.pid}`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(temporary, contents, { mode });
  renameSync(temporary, file);
}

/**
 * In a checkout `vm-agent` runs on the Node that the checkout brings, whatever `node` is on PATH. A shell that becomes Node, so
 * that there is one process: a Node in between would have to pass on every signal, and a kill -9 of it would orphan the hub.
 */
function linkInCheckout(root: string): void {
  replace(
    join(root, "node_modules", ".bin", "vm-agent"),
    `#!/bin/sh
self=$0
[ -L "$self" ] && self=$(readlink -f "$self")
modules=\${self%/*}/..
exec "$modules/node/bin/node" "$modules/../dist/bin/vm-agent.cjs" "$@"
`,
    0o755,
  );
}

function removeOld(folder: string, current: ReadonlySet<string>): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (current.has(path)) continue;
    if (Date.now() - statSync(path).mtimeMs > KEPT_MS) rmSync(path, { force: true });
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { file, files, bytes } = await buildCommandLine();
  linkInCheckout(packageRoot());
  process.stdout.write(`${file}  ${bytes} bytes in ${files.length} files\n`);
}
