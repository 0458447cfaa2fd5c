/** The package as npm makes and installs it: what is in it, what it needs, and the README's tour on the Nodes that it supports. */
import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { isBuiltin } from "node:module";
import { homedir, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, test } from "node:test";
import { packageRoot } from "../../base/paths.ts";
import { runTour } from "../support/tour.ts";

interface Manifest {
  readonly version: string;
  readonly engines: { readonly node: string };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly bundledDependencies?: readonly string[];
}

const root = packageRoot();
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
const folder = mkdtempSync(join(tmpdir(), "vm-agent-package-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const run = (file: string, args: readonly string[], cwd: string, path?: string): SpawnSyncReturns<string> =>
  spawnSync(file, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, ...(path !== undefined && { PATH: `${path}:${process.env.PATH}` }) },
  });

function npm(args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = run("npm", args, cwd);
  assert.equal(status, 0, `npm ${args.join(" ")}: ${stderr}`);
  return stdout;
}

// Without its scripts: they rebuild while other tests run.
const [packed] = JSON.parse(
  npm(["pack", "--ignore-scripts", "--json", "--pack-destination", folder], root),
) as readonly { readonly filename: string; readonly files: readonly { readonly path: string }[] }[];
assert.ok(packed);
const prefix = join(folder, "prefix");
npm(["install", "--global", "--prefix", prefix, join(folder, packed.filename)], folder);
const installed = join(prefix, "lib", "node_modules", "vm-agent");

/** Every file below it, with its size in bytes. */
function files(below: string): readonly { readonly path: string; readonly bytes: number }[] {
  return readdirSync(below, { recursive: true, encoding: "utf8" })
    .map((path) => ({ path, stat: statSync(join(below, path)) }))
    .filter(({ stat }) => stat.isFile())
    .map(({ path, stat }) => ({ path, bytes: stat.size }));
}

const STARTS = ["bin/commands.mjs", "sandbox/main.mjs", "sandbox/worker.mjs", "sandbox/init.mjs"];
const OTHERS = ["bin/vm-agent.cjs", "bin/short.cjs", "bin/licenses.txt"];

interface Reached {
  /** Below `dist/`. */
  readonly files: readonly string[];
  /** What is imported and is neither Node's own nor beside it. */
  readonly foreign: readonly string[];
}

/** Followed from its start, because a build keeps the chunks of the builds before it for a while. */
function reachedFrom(start: string): Reached {
  const below = join(installed, "dist", dirname(start));
  const reached = new Set([basename(start)]);
  const foreign: string[] = [];
  for (const file of reached) {
    const text = readFileSync(join(below, file), "utf8");
    for (const [, name = ""] of text.matchAll(/^(?:import|export)\b[^;"']*?(?:\bfrom\s*)?"([^"]+)";$/gm)) {
      if (name.startsWith("./")) reached.add(basename(name));
      else if (!isBuiltin(name)) foreign.push(`${file} imports ${name}`);
    }
    for (const [, name = ""] of text.matchAll(/\bimport\("\.\/([^"]+)"\)/g)) reached.add(name);
  }
  return { files: [...reached].map((file) => `${dirname(start)}/${file}`), foreign };
}

test("the package holds what runs: no tests, no fixtures, no sources, no other packages", () => {
  const paths = packed.files.map(({ path }) => path);
  const foreign = paths.filter(
    (path) =>
      /\.test\.|testdata|testing|golden|fixture|\.tsx?$|(?:^|\/)node_modules\//.test(path) ||
      !/^(?:dist\/(?:bin|sandbox)\/[^/]+\.(?:mjs|cjs|txt)|dist\/agent\/runtime\.(?:mjs|json)|dist\/ui\/web\/(?:app\.js|app\.css|index\.html)|schemas\/\w+\.schema\.json|provisioning\/grafana\/\w+\.(?:json|yaml)|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/.test(
        path,
      ),
  );
  assert.deepEqual(foreign, []);
  assert.deepEqual(Object.keys(manifest.dependencies ?? {}), []);
  assert.deepEqual(manifest.bundledDependencies ?? [], []);
  const current = new Set([...STARTS.flatMap((start) => reachedFrom(start).files), ...OTHERS]);
  const bytes = files(installed)
    .filter(({ path }) => !/^dist\/(?:bin|sandbox)\//.test(path) || current.has(path.slice("dist/".length)))
    .reduce((sum, file) => sum + file.bytes, 0);
  assert.ok(bytes < 15 * 1024 * 1024, `${bytes} bytes installed`);
});

test("the licenses of the packages whose code is bundled are in it", () => {
  const licenses = readFileSync(join(installed, "dist", "bin", "licenses.txt"), "utf8");
  for (const name of [
    "yaml",
    "chokidar",
    "fast-json-patch",
    "ws",
    "koa",
    "@koa/router",
    "ink",
    "prom-client",
  ])
    assert.match(licenses, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(`, "m"));
});

test("every program in it imports nothing but Node's own modules and files beside it", () => {
  for (const start of STARTS) {
    const { foreign } = reachedFrom(start);
    assert.deepEqual(foreign, []);
  }
  assert.ok(reachedFrom("bin/commands.mjs").files.length > 50);
});

/** `engines` is `^22.22 || >=24.8`: the oldest of each line, in that order. */
const oldest = [...manifest.engines.node.matchAll(/(\d+)\.(\d+)/g)].map(
  ([, major, minor]) => `${major}.${minor}`,
);

test("engines, the guard and the README name the same Nodes", () => {
  assert.match(manifest.engines.node, /^\^\d+\.\d+ \|\| >=\d+\.\d+$/);
  const words = `Node ${oldest.join(" or ")}`;
  const guard = run(
    process.execPath,
    ["--import", olderNode("20.20.2"), join(installed, "dist", "bin", "vm-agent.cjs"), "--version"],
    folder,
  );
  assert.equal(guard.status, 1);
  assert.match(guard.stderr, new RegExp(`^error: vm-agent needs ${words} or newer; this is 20.20.2\n`));
  assert.ok(readFileSync(join(root, "README.md"), "utf8").includes(words), `the README says ${words}`);
  const between = oldest.flatMap((version) => {
    const [major = 0, minor = 0] = version.split(".").map(Number);
    return [
      { version: `${major}.${minor - 1}.0`, runs: false },
      { version: `${major}.${minor}.0`, runs: true },
    ];
  });
  for (const { version, runs } of [
    ...between,
    { version: "23.9.0", runs: false },
    { version: "30.0.0", runs: true },
  ])
    assert.equal(
      run(
        process.execPath,
        ["--import", olderNode(version), join(installed, "dist", "bin", "vm-agent.cjs"), "--version"],
        folder,
      ).status,
      runs ? 0 : 1,
      version,
    );
});

/** A module that makes this process's Node report another version. */
const olderNode = (version: string): string =>
  `data:text/javascript,Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } })`;

/** A Node from the npm registry, kept outside the checkout; null where it cannot be had. */
function fetchNode(version: string): string | null {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "vm-agent-tests");
  const place = join(cache, `node-${version}`);
  const name = `node-${process.platform}-${process.arch}`;
  const node = join(place, "node_modules", name, "bin", "node");
  if (existsSync(node)) return node;
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(join(cache, "fetching-"));
  // The package `node` only chooses among these.
  const args = ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", fresh];
  const fetched = run("npm", [...args, `${name}@${version}`], fresh);
  try {
    if (fetched.status === 0 && !existsSync(place)) renameSync(fresh, place);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return existsSync(node) ? node : null;
}

for (const version of [...oldest.map((v) => `${v}.0`), null]) {
  const node = version === null ? process.execPath : fetchNode(version);
  const title = version ?? process.versions.node;
  const skip = node === null ? `Node ${title} cannot be had from the npm registry here` : false;
  test(`installed from its package, the README's tour runs on Node ${title}`, { skip }, async (t) => {
    assert.ok(node);
    const version = run(node, ["--version"], folder).stdout.trim();
    assert.equal(version, `v${title}`);
    const first = run(join(prefix, "bin", "vm-agent"), ["--version"], folder, dirname(node));
    assert.deepEqual([first.stdout, first.stderr], [`vm-agent ${manifest.version}\n`, ""]);
    const plain = run(
      join(prefix, "bin", "vm-agent"),
      ["doctor", "--home", join(folder, basename(node), "home")],
      folder,
      dirname(node),
    );
    assert.doesNotMatch(plain.stderr, /Warning/);
    await runTour(t, { bin: join(prefix, "bin"), node });
  });
}
