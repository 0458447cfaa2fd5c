/** A task for one agent: a form made from the schema by which the hub checks it, and what the task prints. */
/** @jsxImportSource preact */
import { useEffect, useState } from "preact/hooks";
import type { Api } from "../../client/api.ts";
import { missing, type TaskForm, taskForms, toTask } from "../../client/task-form.ts";
import type { AgentView } from "../../client/types.ts";
import { Problem, problemWords } from "../parts/bits.tsx";
import { taskLink, useLive } from "../app/hooks.ts";
import { Output } from "./output.tsx";
import { Field } from "./task-fields.tsx";

export function RunTask({ agent }: { readonly agent: AgentView }) {
  const { forms, failed } = useForms();
  const [type, setType] = useState("exec");
  const [written, setWritten] = useState<Readonly<Record<string, string>>>({});
  const { send, fail, busy, error, taskId } = useSend(agent.name);
  const form = forms.find((f) => f.type === type) ?? forms[0];
  const field = (f: TaskForm["fields"][number]) => (
    <Field
      key={`${type} ${f.name}`}
      field={f}
      value={written[f.name] ?? ""}
      onValue={(value) => setWritten({ ...written, [f.name]: value })}
    />
  );
  return (
    <section class="card" aria-labelledby="run-task">
      <h2 id="run-task">Run a task</h2>
      {failed !== "" && <Problem>{failed}</Problem>}
      {form && (
        <form
          class="run"
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            send(form, written).catch(fail);
          }}
        >
          <div class="field field-type">
            <label for="field-type">Kind of work</label>
            <select
              name="type"
              id="field-type"
              value={type}
              aria-describedby="hint-type"
              onChange={(e) => setType(e.currentTarget.value)}
            >
              {forms.map((f) => (
                <option key={f.type} value={f.type}>
                  {f.type}
                </option>
              ))}
            </select>
            <small id="hint-type">{form.description}</small>
          </div>
          {form.fields.filter((f) => f.required).map(field)}
          <div class="run-more">
            <button type="submit" class="primary" disabled={busy}>
              {busy ? "Sending…" : "Run"}
            </button>
            <details>
              <summary>More</summary>
              <div class="run-options">
                {form.fields.filter((f) => !f.required).map(field)}
                {form.options.map(field)}
              </div>
            </details>
          </div>
        </form>
      )}
      {agent.runtime?.status !== "online" && (
        <p class="dim">Its runtime is not online: the task waits until it is. Nothing else takes it over.</p>
      )}
      {error !== "" && <Problem>{error}</Problem>}
      {taskId !== "" && (
        <>
          <Output key={taskId} taskId={taskId} />
          <p>
            <a href={taskLink(taskId)}>Task {taskId}</a>
          </p>
        </>
      )}
    </section>
  );
}

function useSend(agent: string) {
  const live = useLive();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const [taskId, setTaskId] = useState("");
  const send = async (form: TaskForm, written: Readonly<Record<string, string>>) => {
    const open = missing(form, written);
    if (open.length > 0) return setError(`Write ${open.join(" and ")} first.`);
    setBusy(true);
    setError("");
    try {
      // The same key for the same press: a repeat on the way gives the same task.
      const key = crypto.getRandomValues(new Uint32Array(4)).join("-");
      setTaskId((await live.api.submitTask(agent, toTask(form, written), key)).taskId);
    } finally {
      setBusy(false);
    }
  };
  const fail = (e: unknown) => setError(problemWords(e));
  return { send, fail, busy, error, taskId };
}

/** A hub's schemas do not change while it runs. */
const known = new WeakMap<Api, Promise<readonly TaskForm[]>>();

interface Description {
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

function useForms() {
  const { api } = useLive();
  const [forms, setForms] = useState<readonly TaskForm[]>([]);
  const [failed, setFailed] = useState("");
  useEffect(() => {
    const reading =
      known.get(api) ??
      api.get<Description>("/openapi.json").then(({ components }) => taskForms(components.schemas));
    known.set(api, reading);
    reading.then(setForms, (e: unknown) => {
      known.delete(api);
      setFailed(problemWords(e));
    });
  }, [api]);
  return { forms, failed };
}
