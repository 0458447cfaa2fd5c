/** Makes the page: `dist/ui/web/app.js` from main.tsx, with index.html and app.css beside it. Same sources, same bytes. */
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface WebBundle {
  /** Absolute path. */
  readonly folder: string;
  readonly bytes: number;
}

/** The project's folder, from `ui/web/` and from `dist/ui/web/` alike. */
function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}

export async function buildWeb(): Promise<WebBundle> {
  const { build } = await import("esbuild");
  const root = projectRoot();
  const folder = join(root, "dist", "ui", "web");
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ["ui/web/app/main.tsx"],
    bundle: true,
    write: false,
    outfile: "dist/ui/web/app.js",
    platform: "browser",
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    minify: true,
    charset: "utf8",
    legalComments: "none",
    banner: {
      js: "/* vm-agent, MIT. Contains Preact, MIT, (c) Jason Miller and contributors; uPlot, MIT, (c) Leon Sorokin. */",
    },
  });
  const contents = outputFiles[0]?.contents;
  if (contents === undefined) throw new Error("esbuild gave no output");
  mkdirSync(folder, { recursive: true });
  replace(join(folder, "app.js"), contents);
  const read = (...path: readonly string[]) => readFileSync(join(root, ...path));
  replace(join(folder, "index.html"), read("ui", "web", "index.html"));
  // The chart library's rules first: ours have the last word.
  const css = [read("node_modules", "uplot", "dist", "uPlot.min.css"), read("ui", "web", "app.css")];
  replace(join(folder, "app.css"), Buffer.concat(css));
  return { folder, bytes: contents.length };
}

/** A hub that reads while this builds must not meet half a file. */
function replace(file: string, contents: Uint8Array): void {
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, contents);
  renameSync(temporary, file);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { folder, bytes } = await buildWeb();
  process.stdout.write(`${join(folder, "app.js")}  ${bytes} bytes\n`);
}
