/** Who may import whom: the one table, and a walk over every import of every source file. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

interface Rule {
  /** Files whose path begins so; the longest match counts. A file may always import its own layer. */
  readonly files: string;
  /** Paths below which anything may be imported. */
  readonly from: readonly string[];
  /** The same, for `import type` only: nothing is left of it at run time. */
  readonly types?: readonly string[];
  /** Paths for `await import()` only: loaded by who needs them. */
  readonly dynamic?: readonly string[];
  /** Node's own modules: all, or those named. */
  readonly node?: true | readonly string[];
  /** Packages; with a path after `@ `, only in that file. */
  readonly packages?: readonly string[];
  /** Is its own layer; false: a single file that imports nothing beside it. */
  readonly own?: false;
}

const TYPES = "schemas/types.ts";
const BACKOFF = "schemas/backoff.ts";
const CORE_TYPES = "controller/core/types.ts";
const PRINTABLE = "controller/base/printable.ts";
const STORE = "controller/store/store.ts";
const KEYS = "controller/store/keys.ts";
const DRIVER = "controller/drivers/driver.ts";

/** What every stage of a turn may use. */
const STAGE = ["controller/base/", "controller/core/", "schemas/", "provisioning/", DRIVER, STORE, KEYS];

const TABLE: readonly Rule[] = [
  { files: "schemas/types.ts", from: [], own: false },
  { files: "schemas/", from: [], packages: ["leven"] },
  {
    files: "schemas/generate.ts",
    from: ["schemas/"],
    node: true,
    packages: ["ajv", "json-schema-to-typescript"],
  },
  { files: "schemas/reference.ts", from: ["controller/"], node: true, packages: ["ajv"] },
  { files: "controller/base/", from: [], node: true },
  { files: "controller/core/", from: [BACKOFF], types: [TYPES], packages: ["fast-json-patch"] },
  {
    files: "controller/views/",
    from: ["controller/core/", PRINTABLE],
    packages: ["string-width @ controller/views/text-width.ts"],
  },
  // The parser needs the list of state words itself, not only its type.
  { files: "controller/drivers/", from: ["controller/base/", CORE_TYPES], node: true },
  { files: "controller/sandbox/", from: [], node: true, packages: ["yaml"] },
  { files: "controller/store/", from: ["controller/base/", CORE_TYPES, TYPES], node: true },
  {
    files: "controller/hub/",
    from: ["controller/base/", "controller/core/", "schemas/", STORE],
    node: true,
    packages: ["ws", "prom-client"],
  },
  // The stages of a turn: each may use those above it in this list, never those below.
  {
    files: "controller/fleet/",
    from: [...STAGE, "controller/views/text-width.ts"],
    node: true,
    packages: ["yaml", "chokidar"],
  },
  {
    files: "controller/observe/",
    from: STAGE,
    node: true,
    packages: ["croner @ controller/observe/schedule.ts"],
  },
  { files: "controller/execute/", from: [...STAGE, "controller/observe/"], node: true },
  {
    files: "controller/runtimes/",
    from: [...STAGE, "controller/fleet/trust.ts", "controller/observe/", "controller/execute/"],
    types: ["controller/fleet/", "controller/views/"],
    node: true,
  },
  {
    files: "controller/loop/",
    from: [
      ...STAGE,
      "controller/views/",
      "controller/fleet/",
      "controller/observe/",
      "controller/execute/",
      "controller/runtimes/",
    ],
    node: true,
  },
  {
    files: "controller/http/",
    from: [
      "controller/base/",
      "controller/core/",
      "controller/views/",
      "schemas/",
      "controller/hub/",
      "controller/loop/",
      STORE,
    ],
    node: true,
    packages: ["koa", "@koa/router"],
  },
  {
    files: "controller/cli/",
    from: ["controller/", "provisioning/", "schemas/", "ui/client/"],
    dynamic: ["ui/", "agent/"],
    node: true,
    packages: ["yaml", "commander"],
  },
  { files: "controller/build.ts", from: ["controller/base/"], node: true, packages: ["esbuild"] },
  { files: "controller/main.ts", from: ["controller/base/", "controller/cli/"], node: true },
  {
    files: "agent/",
    from: ["schemas/generated/", "schemas/validate-task.ts", "schemas/validator.ts", BACKOFF],
    types: [TYPES],
    node: true,
    packages: ["ws @ agent/session/channel.ts", "esbuild @ agent/build.ts"],
  },
  { files: "provisioning/", from: [], types: [TYPES, CORE_TYPES], node: true, packages: ["yaml"] },
  { files: "ui/client/", from: [TYPES, PRINTABLE, BACKOFF], packages: ["eventsource-parser"] },
  {
    files: "ui/tui/",
    from: ["ui/client/", TYPES, PRINTABLE, "controller/views/text-width.ts"],
    node: true,
    packages: ["ink", "react"],
  },
  { files: "ui/web/", from: ["ui/client/", TYPES], packages: ["preact", "@preact/signals", "uplot"] },
  { files: "ui/web/build.ts", from: [], node: true, packages: ["esbuild"] },
];

/** Modules with one home: spawning and the database (DESIGN section 4, rule 5). */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  // main.ts hands over to the pinned Node before anything else is loaded.
  "node:child_process": ["controller/base/", "controller/sandbox/", "agent/", "controller/main.ts"],
  "node:sqlite": ["controller/store/"],
  "node:test": [],
};

/** What only builds: its packages need not be there at run time. */
const TOOLS = [
  "schemas/generate.ts",
  "schemas/reference.ts",
  "controller/build.ts",
  "agent/build.ts",
  "ui/web/",
];

const root = fileURLToPath(new URL("../../../../", import.meta.url));

interface Import {
  readonly file: string;
  readonly target: string;
  readonly kind: "value" | "type" | "dynamic";
}

/** Tests, what they share and benchmarks may import anything, and nothing else may import them. */
const isTest = (file: string): boolean =>
  /\.test\.tsx?$|\/(testing|simulation)\/|^controller\/(e2e|bench)\//.test(file);

const sources: readonly string[] = ["controller", "agent", "schemas", "ui", "provisioning"]
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((f) => `${folder}/${f}`),
  )
  .filter((f) => /\.tsx?$/.test(f) && !f.endsWith(".d.ts") && !f.includes("node_modules/"))
  .sort();

const texts = new Map(sources.map((file) => [file, readFileSync(join(root, file), "utf8")]));
const product = sources.filter((file) => !isTest(file));

const NAMED = String.raw`\{[^}]*\}|\*(?:\s+as\s+\w+)?|\w+(?:\s*,\s*(?:\{[^}]*\}|\*\s+as\s+\w+))?`;
const STATIC = new RegExp(
  String.raw`^(?:import|export)\s+(type\s+)?(?:(?:${NAMED})\s+from\s+)?"([^"]+)"`,
  "gm",
);
const DYNAMIC = /(typeof\s+)?\bimport\(\s*"([^"]+)"/g;

function importsOf(file: string): readonly Import[] {
  const text = withoutComments(texts.get(file) ?? "");
  const resolve = (target: string) =>
    target.startsWith(".") ? normalize(join(dirname(file), target)).replaceAll("\\", "/") : target;
  return [
    ...[...text.matchAll(STATIC)].map(
      ([, type, target = ""]): Import => ({ file, target: resolve(target), kind: type ? "type" : "value" }),
    ),
    ...[...text.matchAll(DYNAMIC)].map(
      ([, type, target = ""]): Import => ({ file, target: resolve(target), kind: type ? "type" : "dynamic" }),
    ),
  ];
}

function withoutComments(text: string): string {
  return text.replace(/^\s*\/\*[\s\S]*?\*\//gm, "").replace(/^\s*\/\/.*$/gm, "");
}

const imports = new Map(sources.map((file) => [file, importsOf(file)]));

const isLocal = (target: string): boolean => /^(controller|agent|schemas|ui|provisioning)\//.test(target);
const isNode = (target: string): boolean => target.startsWith("node:");
const packageOf = (target: string): string =>
  target
    .split("/")
    .slice(0, target.startsWith("@") ? 2 : 1)
    .join("/");

function ruleOf(file: string): Rule | undefined {
  return TABLE.filter((r) => file.startsWith(r.files)).sort((a, b) => b.files.length - a.files.length)[0];
}

function allowed({ file, target, kind }: Import, rule: Rule): boolean {
  const below = (paths: readonly string[] | undefined) => paths?.some((p) => target.startsWith(p)) ?? false;
  if (isNode(target)) return rule.node === true || (rule.node?.includes(target) ?? false);
  if (!isLocal(target)) {
    const name = packageOf(target);
    return (
      (rule.packages ?? []).some((p) => p === name || p === `${name} @ ${file}`) ||
      typeOfPatch(file, name, kind)
    );
  }
  const layer = rule.files.endsWith("/") ? rule.files : `${dirname(rule.files)}/`;
  if (rule.own !== false && target.startsWith(layer)) return true;
  if (below(rule.from)) return true;
  return (kind === "type" && below(rule.types)) || (kind === "dynamic" && below(rule.dynamic));
}

/** The words of the core are JSON: their one foreign type is an operation of a patch. */
const typeOfPatch = (file: string, name: string, kind: Import["kind"]): boolean =>
  file === CORE_TYPES && name === "fast-json-patch" && kind === "type";

test("every product file belongs to a layer of the table", () => {
  assert.ok(product.length > 50, `only ${product.length} files were found`);
  assert.deepEqual(
    product.filter((file) => !ruleOf(file)),
    [],
  );
});

test("every import is allowed by the table", () => {
  const wrong = product.flatMap((file) => {
    const rule = ruleOf(file);
    return (imports.get(file) ?? [])
      .filter((i) => rule && !allowed(i, rule))
      .map((i) => `${file} imports ${i.target} (${i.kind})`);
  });
  assert.deepEqual(wrong, []);
});

test("modules with one home are imported there only", () => {
  const wrong = product.flatMap((file) =>
    (imports.get(file) ?? [])
      .filter((i) => i.kind !== "type" && HOMES[i.target]?.every((home) => !file.startsWith(home)))
      .map((i) => `${file} imports ${i.target}`),
  );
  assert.deepEqual(wrong, []);
});

test("nothing that ships imports a test or what only tests use", () => {
  const wrong = product.flatMap((file) =>
    (imports.get(file) ?? [])
      .filter((i) => isLocal(i.target) && isTest(i.target))
      .map((i) => `${file} imports ${i.target}`),
  );
  assert.deepEqual(wrong, []);
});

test("every package that is bundled is named in package.json, by its exact version", () => {
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  const wrong = product
    .filter((file) => !TOOLS.some((tool) => file.startsWith(tool)))
    .flatMap((file) =>
      (imports.get(file) ?? [])
        .filter((i) => i.kind !== "type" && !isNode(i.target) && !isLocal(i.target))
        .filter((i) => !/^\d+\.\d+\.\d+$/.test(devDependencies[packageOf(i.target)] ?? ""))
        .map((i) => `${file} imports ${i.target}`),
    );
  assert.deepEqual(wrong, []);
});

test("the core is pure: it does not wait, read a clock, draw lots, print or end the process", () => {
  const impure =
    /\b(async|await|Promise|setTimeout|setInterval|queueMicrotask|process|console|fetch|performance|globalThis)\b(?!["'])|\bMath\.random\b|\bDate\b|\bcrypto\b/;
  const wrong = product
    .filter((file) => file.startsWith("controller/core/"))
    .flatMap((file) =>
      withoutComments(texts.get(file) ?? "")
        // Words in sentences are not code.
        .replace(/"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g, '""')
        .replace(/\/\/.*$/gm, "")
        .split("\n")
        .filter((line) => impure.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
  assert.deepEqual(wrong, []);
});
