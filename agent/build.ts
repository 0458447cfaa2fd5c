/** Makes the one file that runs in the guest: `dist/agent/runtime.mjs`, and what it is in `runtime.json` beside it. */
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "esbuild";

export interface RuntimeBundle {
  /** Absolute path. */
  readonly file: string;
  readonly version: string;
  readonly bytes: number;
  /** SHA-256, hex. */
  readonly hash: string;
}

/** The project's folder, from `agent/` and from `dist/agent/` alike. */
function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}

/**
 * Of ws the client alone; and what it needs only for TLS and compression is loaded on first use: on Node 26 that saves
 * 7 of 60 MB resident, which every instance pays.
 */
const slim: Plugin = {
  name: "slim",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^ws$/ }, ({ resolveDir }) => ({
      path: join(findModule(resolveDir), "lib/websocket.js"),
    }));
    onResolve({ filter: /^(https|tls|zlib)$/ }, ({ path }) => ({ path, namespace: "lazy" }));
    onLoad({ filter: /.*/, namespace: "lazy" }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, { get: (_, name) => require("node:${path}")[name] });`,
    }));
  },
};

function findModule(from: string): string {
  return dirname(createRequire(join(from, "x.js")).resolve("ws/package.json"));
}

/** Deterministic: the same sources, version and esbuild give the same bytes. */
export async function buildRuntime(): Promise<RuntimeBundle> {
  const { build } = await import("esbuild");
  const root = projectRoot();
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly version: string;
  };
  const folder = join(root, "dist", "agent");
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ["agent/main.ts"],
    bundle: true,
    write: false,
    outfile: "dist/agent/runtime.mjs",
    platform: "node",
    format: "esm",
    target: "node18",
    minify: true,
    legalComments: "none",
    plugins: [slim],
    external: ["bufferutil", "utf-8-validate"],
    define: {
      RUNTIME_VERSION: JSON.stringify(version),
      // Takes ws's optional native add-ons out of the bundle; Node 18 has both functions itself.
      "process.env.WS_NO_BUFFER_UTIL": '"1"',
      "process.env.WS_NO_UTF_8_VALIDATE": '"1"',
    },
    banner: {
      js: [
        `/* vm-agent runtime ${version}, MIT. Contains ws, MIT, (c) Einar Otto Stangvik, Arnout Kazemier and contributors. */`,
        'import{createRequire as vmAgentRequire}from"node:module";const require=vmAgentRequire(import.meta.url);',
      ].join("\n"),
    },
  });
  const contents = outputFiles[0]?.contents;
  if (contents === undefined) throw new Error("esbuild gave no output");
  const bundle: RuntimeBundle = {
    file: join(folder, "runtime.mjs"),
    version,
    bytes: contents.length,
    hash: createHash("sha256").update(contents).digest("hex"),
  };
  mkdirSync(folder, { recursive: true });
  const about = { version, hash: bundle.hash, bytes: bundle.bytes };
  replace(bundle.file, contents);
  replace(join(folder, "runtime.json"), `${JSON.stringify(about)}\n`);
  return bundle;
}

/** Two builds at once, or a build while a controller reads, must not meet half a file. */
function replace(file: string, contents: Uint8Array | string): void {
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, contents);
  renameSync(temporary, file);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { file, bytes, hash } = await buildRuntime();
  process.stdout.write(`${file}  ${bytes} bytes  ${hash}\n`);
}
