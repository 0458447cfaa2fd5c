/** What `--json` of each command is at least, as JSON Schemas: types beside the names that docs/commands.md promises. */
import { Ajv2020 } from "ajv/dist/2020.js";

type Schema = Readonly<Record<string, unknown>>;

const text = { type: "string" };
const number = { type: "number" };
const yes = { type: "boolean" };
const texts = { type: "array", items: text };
const nullable = (type: string): Schema => ({ type: [type, "null"] });
const object = (properties: Readonly<Record<string, Schema>>): Schema => ({
  type: "object",
  required: Object.keys(properties),
  properties,
});
const list = (items: Schema): Schema => ({ type: "array", items });

const held = list(object({ agent: text, reason: text, message: text, release: text }));
const counts = object({ create: number, change: number, destroy: number, snapshot: number, held: number });
const change = object({ agent: text, action: text, patch: { type: "array" } });
const plan = object({
  format: number,
  at: number,
  revision: nullable("string"),
  changes: list(change),
  held,
  notes: { type: "array" },
  totals: nullable("object"),
  counts,
});
const task = object({ id: text, agent: text, type: text, state: text, exitCode: nullable("integer") });
const agent = object({
  name: text,
  type: text,
  wanted: text,
  seen: text,
  sync: text,
  health: text,
  conditions: list(object({ type: text, status: text, since: number, reason: text, message: text })),
});
const done = { held, failed: texts, undone: texts, why: { type: "object" } as const };
const edited = object({ agents: texts, changed: yes, files: texts, ...done });
const paused = object({ agent: text, paused: yes, changed: yes, file: text, inForce: text });
const fleet = object({
  agents: list(agent),
  revision: nullable("string"),
  settled: yes,
  failures: { type: "object" },
});

export const SHAPES: Readonly<Record<string, Schema>> = {
  plan,
  apply: object({ plan, applied: number, ...done }),
  rollback: object({ revision: text, commit: nullable("string") }),
  drift: object({ unobservable: nullable("string"), drifted: { type: "array" } }),
  validate: object({ ok: yes }),
  list: fleet,
  dash: fleet,
  status: { allOf: [agent, object({ hub: nullable("object") })] },
  why: object({ agent, sentences: list(object({ label: text, text })) }),
  create: edited,
  start: edited,
  stop: edited,
  suspend: edited,
  snapshot: edited,
  restore: edited,
  destroy: edited,
  "create --print": object({ file: text, text }),
  pause: paused,
  resume: paused,
  import: object({ agent: text, file: text, changes: list(change), held }),
  task,
  exec: task,
  "task --no-wait": object({ taskId: text, status: { enum: ["sent", "queued"] } }),
  "task --all": object({ tasks: list(task) }),
  tasks: list(task),
  cancel: object({ task }),
  logs: object({ seq: number, at: number, level: text, message: text }),
  history: object({ history: list(object({ seq: number, at: number, result: text })) }),
  reconcile: object({ accepted: yes }),
  audit: object({ entries: list(object({ seq: number, at: number, actor: text, action: text })) }),
  "audit verify": object({ intact: yes, entries: number }),
  "audit acknowledge": object({ losses: { type: "array" } }),
  token: object({ path: text, exists: yes }),
  "token show": object({ path: text, token: text }),
  "token rotate": object({ rotated: yes, running: yes }),
  "token join": object({ token: text, expiresAt: number }),
  backup: object({ file: text, bytes: number, keys: texts }),
  "backup --restore": object({ restored: text, madeAt: number, kept: nullable("string") }),
  doctor: object({ ok: yes, findings: list(object({ check: text, level: text, found: text })) }),
  init: object({ written: texts }),
  "install-service": object({ file: text, scope: { enum: ["user", "system"] }, changed: yes }),
  "install-service --print": object({ file: text, scope: { enum: ["user", "system"] }, text }),
  "uninstall-service": object({ file: text, removed: yes }),
  version: object({ version: text, node: text, platform: text }),
};

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, strictRequired: false });

/** What is wrong with a value; null: it is as it should be. */
export function shapeErrors(command: string, value: unknown): string | null {
  const validate = ajv.compile(SHAPES[command] ?? false);
  return validate(value) ? null : ajv.errorsText(validate.errors);
}
