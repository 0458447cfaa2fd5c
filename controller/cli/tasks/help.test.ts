import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkTask } from "../../../schemas/validate-task.ts";
import { packageRoot } from "../../base/paths.ts";
import { parseDuration } from "../../core/desired-values.ts";
import { LIMITS } from "../../hub/limits.ts";
import { TASK_TYPES } from "../../hub/tasks/schema.ts";
import { taskHelp } from "./help.ts";

test("task --help names every type and field, with an example each that the hub takes", () => {
  const help = taskHelp();
  const examples = [...help.matchAll(/vm-agent task NAME '(.*)'/g)].map(
    ([, json = ""]) => JSON.parse(json) as { readonly type: string },
  );
  assert.deepEqual(
    examples.map(({ type }) => type),
    TASK_TYPES,
  );
  for (const example of examples) assert.deepEqual(checkTask(example), [], JSON.stringify(example));
  const { $defs } = JSON.parse(readFileSync(join(packageRoot(), "schemas", "task.schema.json"), "utf8")) as {
    readonly $defs: Readonly<Record<string, { readonly properties: object }>>;
  };
  const fields = new Set(Object.values($defs).flatMap(({ properties }) => Object.keys(properties)));
  fields.delete("type");
  assert.ok(fields.size > 15);
  for (const field of fields) assert.match(help, new RegExp(`^    [* ] ${field}\\b`, "m"), field);
});

test("the defaults of timeouts that the schema names are those of the hub", () => {
  const help = taskHelp();
  const of = (name: string) => parseDuration(new RegExp(`${name} .*default (\\w+)\\)`).exec(help)?.[1] ?? "");
  const { queueTimeout, startTimeout, runTimeout } = LIMITS;
  const named = ["timeouts\\.queue", "timeouts\\.start", "timeouts\\.run", "timeout"].map(of);
  assert.deepEqual(named, [queueTimeout, startTimeout, runTimeout, runTimeout]);
});
