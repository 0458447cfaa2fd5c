/** Forms from the real schema, and what is written in them held against the hub's own check. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { describe } from "../../controller/http/openapi.ts";
import { checkTask } from "../../schemas/validate-task.ts";
import { missing, taskForms, toTask } from "./task-form.ts";

const { components } = describe() as { components: { schemas: Readonly<Record<string, unknown>> } };
const forms = taskForms(components.schemas);

test("every type of the schema has its form, with its own fields and the shared ones", () => {
  assert.equal(forms.length, 10);
  const of = (type: string) => forms.find((f) => f.type === type);
  const write = of("file:write");
  assert.deepEqual(
    write?.fields.map((f) => [f.name, f.kind, f.required]),
    [
      ["filePath", "text", true],
      ["content", "long", true],
      ["encoding", "choice", false],
      ["mode", "text", false],
    ],
  );
  assert.deepEqual(
    write?.options.map((f) => [f.name, f.kind]),
    [
      ["timeout", "duration"],
      ["retries", "number"],
      ["env", "pairs"],
      ["cwd", "text"],
      ["sudo", "yes"],
    ],
  );
  assert.ok(forms.every((f) => f.description !== "" && f.fields.every((g) => g.description !== "")));
});

test("what is written with every field filled in is a task that the hub takes, for every type", () => {
  const words: Readonly<Record<string, string>> = {
    sudo: "true",
    env: "A=1\nB=x=y",
    mode: "0600",
    encoding: "utf8",
    credential: "GIT_TOKEN",
  };
  for (const form of forms) {
    const all = [...form.fields, ...form.options];
    const example = (kind: string): string =>
      kind === "number" ? "5" : kind === "duration" ? "90s" : "word";
    const written = Object.fromEntries(
      all.map((f) => [f.name, words[f.name] ?? f.choices[0] ?? example(f.kind)]),
    );
    const task = toTask(form, written);
    assert.deepEqual(checkTask(task), [], `${form.type}: ${JSON.stringify(task)}`);
    assert.deepEqual(missing(form, written), []);
    const needed = form.fields.filter((f) => f.required && f.name !== "content").map((f) => f.name);
    assert.deepEqual(missing(form, {}), needed);
  }
  const exec = forms[0];
  assert.ok(exec);
  assert.deepEqual(toTask(exec, { command: "ls", timeout: "", env: "A=x=y\n\nB" }), {
    type: "exec",
    command: "ls",
    env: { A: "x=y", B: "" },
  });
});
