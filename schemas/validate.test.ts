import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { packageRoot } from "../controller/base/paths.ts";
import type { Plan } from "../controller/core/types.ts";
import { describe as describeValue, didYouMean } from "./explain.ts";
import type { PatchOperation, Plan as PlanDocument, Task } from "./types.ts";
import { validateDocument } from "./validate.ts";
import { checkPlan } from "./validate-plan.ts";
import { checkTask } from "./validate-task.ts";

const folder = join(packageRoot(), "schemas");
const schemas = readdirSync(folder)
  .filter((file) => file.endsWith(".schema.json"))
  .map((file) => [file, JSON.parse(readFileSync(join(folder, file), "utf8"))] as const);

// fast-json-patch has one operation more (`_get`), which no patch of a plan holds.
type Patched<T> = T extends { readonly patch: unknown }
  ? Omit<T, "patch"> & { readonly patch: readonly PatchOperation[] }
  : T;
type Replaced<T> = T extends { readonly would: infer W }
  ? Omit<T, "would"> & { readonly would: Patched<W> }
  : Patched<T>;
type CorePlan = Omit<Plan, "changes" | "held"> & {
  readonly changes: readonly Patched<Plan["changes"][number]>[];
  readonly held: readonly Replaced<Plan["held"][number]>[];
};
const toCore = (plan: PlanDocument): Plan => plan;
const fromCore = (plan: CorePlan): PlanDocument => plan;

test("the plan's schema and the core's type are the same", () => {
  const plan: Plan = {
    format: 1,
    at: 0,
    revision: null,
    desiredHash: "a",
    observedHash: "b",
    changes: [],
    held: [],
    notes: [{ agent: null, message: "m" }],
    totals: { wanted: { cpu: 0, memory: 0, disk: 0 }, host: null },
    counts: { create: 0, change: 0, destroy: 0, snapshot: 0, held: 0 },
  };
  assert.deepEqual(checkPlan(toCore(fromCore(plan as CorePlan))), []);
  assert.deepEqual(
    checkPlan({ ...plan, format: 2, extra: 1 })
      .map(({ pointer }) => pointer)
      .sort(),
    ["/extra", "/format"],
  );
});

test("the generated parts of docs are fresh", () => {
  execFileSync(process.execPath, [join(folder, "generate.ts"), "--check"], { stdio: "pipe" });
});

test("every schema is valid draft 2020-12, and every property says what it is", () => {
  const ajv = new Ajv2020({ strict: false });
  for (const [file, schema] of schemas) {
    assert.equal(schema.$schema, "https://json-schema.org/draft/2020-12/schema", file);
    assert.ok(ajv.validateSchema(schema), `${file}: ${ajv.errorsText()}`);
    const visit = (node: unknown, path: string): void => {
      if (typeof node !== "object" || node === null) return;
      const { properties, additionalProperties, items } = node as Record<string, unknown>;
      const inner = Object.entries((properties as object | undefined) ?? {});
      if (typeof additionalProperties === "object") inner.push(["*", additionalProperties]);
      if (typeof items === "object") inner.push(["[]", items]);
      for (const [name, value] of inner) {
        assert.equal(
          typeof (value as { description?: unknown }).description,
          "string",
          `${file} ${path}/${name}`,
        );
      }
      for (const [name, value] of Object.entries(node)) visit(value, `${path}/${name}`);
    };
    visit(schema, "");
  }
});

test("validators import nothing", () => {
  for (const file of readdirSync(join(folder, "generated"))) {
    if (file.endsWith(".js"))
      assert.doesNotMatch(readFileSync(join(folder, "generated", file), "utf8"), /\brequire\(|^import /m);
  }
});

const tasks: readonly Task[] = [
  { type: "exec", command: "ls -la", cwd: "/path/to/dir", timeout: 30000, sudo: false },
  { type: "script", script: "console.log('Hello')", args: ["arg1", "arg2"], cwd: "/path/to/dir" },
  { type: "file:read", filePath: "/path/to/file" },
  { type: "file:write", filePath: "/path/to/file", content: "" },
  { type: "git:clone", repo: "https://github.com/user/repo", destination: "/path/to/clone", branch: "main" },
  { type: "git:pull", repoPath: "/path/to/repo" },
  { type: "git:push", repoPath: "/path/to/repo", remote: "origin", branch: "main" },
  { type: "build", command: "npm run build", cwd: "/path/to/project" },
  { type: "test", command: "npm test", cwd: "/path/to/project" },
  {
    type: "deploy",
    command: "npm run deploy",
    retries: 2,
    timeouts: { queue: 1000, start: 1000, run: 1000 },
    env: { A: "1" },
    idempotencyKey: "k",
  },
];
for (const task of tasks) {
  test(`task ${task.type}`, () => {
    assert.deepEqual(checkTask(task), []);
    const [unknown] = checkTask({ ...task, comand: "x" });
    assert.equal(unknown?.message, `is not a field of a task of type ${task.type}`);
  });
}

test("tasks that are refused, and the words", () => {
  const words = (value: unknown) =>
    checkTask(value).map(
      ({ pointer, message, suggestion }) =>
        `${pointer} ${message}${suggestion === null ? "" : `; ${suggestion}`}`,
    );
  assert.deepEqual(words({ type: "exec" }), ["/command is missing; a task of type exec must have it"]);
  assert.deepEqual(words({ type: "exec", command: ["ls"] }), [
    "/command is a list; allowed: a command such as ls -la",
  ]);
  assert.deepEqual(words({ type: "exce", command: "ls" }), [
    '/type is "exce"; allowed: exec, script, file:read, file:write, git:clone, git:pull, git:push, build, test, deploy; did you mean "exec"?',
  ]);
  assert.deepEqual(words({ command: "ls" }), ["/type is missing; a task must have it"]);
  assert.deepEqual(words("ls"), [' is "ls"; allowed: a task such as {"type": "exec", "command": "ls -la"}']);
  assert.deepEqual(words({ type: "git:clone", repo: "--upload-pack=x", destination: "/d" }), [
    '/repo is "--upload-pack=x"; allowed: the address of a repository such as https://github.com/user/repo',
  ]);
  assert.deepEqual(words({ type: "exec", command: "ls", timeout: "30s" }), []);
  assert.deepEqual(words({ type: "exec", command: "ls", timeout: "30 s" }), [
    '/timeout is "30 s"; allowed: milliseconds from 1 to 604800000, or a duration such as 90s, 10m or 1h',
  ]);
});

test("values under secrets are never reported", () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.constantFrom("secrets", "secrets/K", "secrets/K/fromEnv"),
      (value, where) => {
        const marked = JSON.parse(JSON.stringify(value), (_key, item) =>
          typeof item === "object" ? item : `s3cr3t ${item}`,
        );
        const document: Record<string, unknown> = { kind: "Agent", name: "a", secrets: marked };
        if (where === "secrets/K") document.secrets = { K: marked };
        if (where === "secrets/K/fromEnv") document.secrets = { K: { fromEnv: marked } };
        const reported = validateDocument(document);
        assert.doesNotMatch(JSON.stringify(reported), /s3cr3t/);
      },
    ),
    { numRuns: 500 },
  );
});

test("any value gives an answer in words", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom("Agent", "Snapshot", "Profile", "Fleet"), (value, kind) => {
      for (const subject of [value, { kind, name: "a", ...(value as object) }]) {
        for (const problem of validateDocument(subject)) {
          assert.match(problem.pointer, /^(?:\/(?:[^~/]|~[01])*)*$/);
          assert.doesNotMatch(problem.message, /undefined|\[object|\.$/);
        }
      }
    }),
    { numRuns: 1000 },
  );
});

test("did you mean", () => {
  assert.equal(didYouMean("memroy", ["name", "memory"]), 'did you mean "memory"?');
  assert.equal(didYouMean("Memory", ["memory"]), 'did you mean "memory"?');
  // Letters that changed places, before another word that is as near by its letters.
  assert.equal(didYouMean("stauts", ["start", "status"]), 'did you mean "status"?');
  assert.equal(didYouMean("xyz", ["memory", "cpu"]), null);
  assert.equal(describeValue("x".repeat(100)).length, 62);
});

test("what Multipass or YAML 1.2 does not know is named, with what to write instead", () => {
  const agent = { kind: "Agent", name: "a", "<<": { cpu: 1 }, memory: "1T", disk: "1.5 TiB" };
  const problems = new Map(validateDocument(agent).map((p) => [p.pointer, p]));
  assert.match(problems.get("/<<")?.message ?? "", /merge key.*not supported.*kind: Profile/);
  assert.match(problems.get("/memory")?.message ?? "", /a size in K, M or G/);
  assert.equal(problems.get("/memory")?.suggestion, "Multipass has no unit T; write 1024G");
  assert.equal(problems.get("/disk")?.suggestion, "Multipass has no unit T; write 1536G");
});
