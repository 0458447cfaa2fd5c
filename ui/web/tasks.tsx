/** Tasks of the whole fleet, newest first, and one task in full with its output as it comes. */
/** @jsxImportSource preact */
import { useEffect, useState } from "preact/hooks";
import { shortId } from "../client/event-lines.ts";
import { duration, taskText } from "../client/format.ts";
import { isFinalTask, taskMark } from "../client/tones.ts";
import type { TaskView } from "../client/types.ts";
import { Ago, Chip, Elapsed, Empty, Problem, problemWords } from "./bits.tsx";
import { agentLink, taskLink, useLive, useModel } from "./hooks.ts";
import { Output } from "./output.tsx";

export function TaskTable({
  tasks,
  agent,
}: {
  readonly tasks: readonly TaskView[];
  readonly agent: boolean;
}) {
  return (
    <table class="tasks">
      <thead>
        <tr>
          <th scope="col">Task</th>
          {agent && <th scope="col">Agent</th>}
          <th scope="col">State</th>
          <th scope="col">What</th>
          <th scope="col">Began</th>
          <th scope="col">Took</th>
        </tr>
      </thead>
      <tbody>
        {tasks.map((t) => (
          <tr key={t.id}>
            <th scope="row">
              <a href={taskLink(t.id)} class="mono" title={t.id}>
                {shortId(t.id)}
              </a>
            </th>
            {agent && (
              <td data-label="agent">
                <a href={agentLink(t.agent)}>{t.agent}</a>
              </td>
            )}
            <td data-label="state">
              <Chip mark={taskMark(t.state)} />
              {t.exitCode !== null && t.exitCode !== 0 && <small>exit {t.exitCode}</small>}
            </td>
            <td data-label="what" class="what">
              <b>{t.type}</b> <span class="mono">{taskText(t.spec)}</span>
            </td>
            <td data-label="began">
              <Ago at={t.startedAt ?? t.createdAt} />
            </td>
            <td data-label="took">
              <Took task={t} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Took({ task: { startedAt, finishedAt, state } }: { readonly task: TaskView }) {
  if (startedAt === null) return <>–</>;
  if (finishedAt !== null) return <span class="figure">{duration(finishedAt - startedAt)}</span>;
  return isFinalTask(state) ? <>–</> : <Elapsed since={startedAt} />;
}

const OLDER = 100;

/** What came before the newest that the store keeps, a page at a press. */
function useOlder(newest: readonly TaskView[]) {
  const live = useLive();
  const [tasks, setTasks] = useState<readonly TaskView[]>([]);
  const [more, setMore] = useState(true);
  const [error, setError] = useState("");
  const read = async () => {
    const cursor = (tasks.at(-1) ?? newest.at(-1))?.id;
    try {
      const found = await live.api.listTasks({ limit: OLDER, ...(cursor !== undefined && { cursor }) });
      setTasks([...tasks, ...found.tasks]);
      setMore(found.next !== null);
      setError("");
    } catch (e) {
      setError(problemWords(e));
    }
  };
  const known = new Set(newest.map((t) => t.id));
  return { tasks: tasks.filter((t) => !known.has(t.id)), more, error, read };
}

export function TasksView() {
  const live = useLive();
  const tasks = useModel((m) => m.tasks);
  const [open, setOpen] = useState(false);
  const older = useOlder(tasks);
  useEffect(() => live.watchTasks(), [live]);
  const shown = open ? tasks.filter((t) => !isFinalTask(t.state)) : tasks;
  const running = tasks.filter((t) => !isFinalTask(t.state)).length;
  return (
    <>
      <h1>Tasks</h1>
      <div class="toolbar">
        <fieldset class="counts">
          <legend class="sr">Show</legend>
          <button type="button" class="count" aria-pressed={!open} onClick={() => setOpen(false)}>
            <b>{tasks.length}</b> newest
          </button>
          <button type="button" class="count" aria-pressed={open} onClick={() => setOpen(true)}>
            <b>{running}</b> not finished
          </button>
        </fieldset>
      </div>
      {shown.length === 0 ? (
        <Empty title={open ? "Every task is finished." : "No task was given yet."}>
          {!open && <p>Open an agent of the fleet to run one.</p>}
        </Empty>
      ) : (
        <TaskTable tasks={[...shown, ...older.tasks.filter((t) => !open || !isFinalTask(t.state))]} agent />
      )}
      {older.error !== "" && <Problem>{older.error}</Problem>}
      {older.more && tasks.length > 0 && (
        <button type="button" class="start" onClick={older.read}>
          Show older tasks
        </button>
      )}
    </>
  );
}

export function TaskPage({ id }: { readonly id: string }) {
  const live = useLive();
  const task = useModel((m) => m.tasks.find((t) => t.id === id));
  const [error, setError] = useState("");
  useEffect(() => {
    live.api
      .get<{ readonly task: TaskView }>(`/tasks/${encodeURIComponent(id)}`)
      .then(({ task: found }) => live.dispatch({ type: "task", task: found }))
      .catch((e: unknown) => setError(problemWords(e)));
    return live.watchTasks();
  }, [live, id]);
  return (
    <>
      <nav class="crumbs" aria-label="Where this is">
        <a href="#/tasks">Tasks</a> <span aria-hidden="true">/</span> <span class="mono">{shortId(id)}</span>
      </nav>
      {error !== "" && <Problem>{error}</Problem>}
      {task && (
        <>
          <h1>
            {task.type} on <a href={agentLink(task.agent)}>{task.agent}</a>
          </h1>
          <p class="chips">
            <span>
              took <Took task={task} />
            </span>
            <span class="dim">
              given <Ago at={task.createdAt} />
            </span>
          </p>
          <Output taskId={id} />
          <details>
            <summary>The task as it was accepted</summary>
            <pre class="json">{JSON.stringify(task.spec, null, 2)}</pre>
          </details>
        </>
      )}
    </>
  );
}
