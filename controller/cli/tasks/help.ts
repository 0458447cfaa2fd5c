/** The task types with their fields, for `vm-agent task --help`: generated from the schema that validates tasks. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TaskField, taskForms } from "../../../ui/client/task-form.ts";
import { packageRoot } from "../../base/paths.ts";

const KINDS: Readonly<Record<TaskField["kind"], string>> = {
  text: "text",
  long: "text",
  number: "number",
  duration: "time",
  yes: "true or false",
  choice: "word",
  list: "list",
  pairs: "object",
};

export function taskHelp(): string {
  const read = (name: string): unknown =>
    JSON.parse(readFileSync(join(packageRoot(), "schemas", `${name}.schema.json`), "utf8"));
  const forms = taskForms({ task: read("task"), common: read("common") }, new Set(["type"]));
  const types = forms.map(({ type, description, fields, example }) =>
    [
      `  ${type}: ${description}`,
      ...fields.map(line),
      `      vm-agent task NAME '${JSON.stringify(example)}'`,
    ].join("\n"),
  );
  const shared = forms[0]?.options ?? [];
  return [
    "Types of task; * is a field that must be there:",
    ...types,
    `  Every type has these fields, too:\n${shared.flatMap((field) => [line(field), ...field.inner.map((inner) => line({ ...inner, name: `${field.name}.${inner.name}` }))]).join("\n")}`,
  ].join("\n\n");
}

function line({ name, required, kind, choices, fallback, allowed, description }: TaskField): string {
  const of = choices.length > 0 ? choices.join(", ") : kind === "duration" ? allowed : KINDS[kind];
  const otherwise = fallback === "" ? "" : `; default ${fallback}`;
  return `    ${required ? "*" : " "} ${name.padEnd(14)} ${description} (${of}${otherwise})`;
}
