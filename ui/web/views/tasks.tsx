/** Tasks of the whole fleet, newest first, and one task in full with its output as it comes. */
/** @jsxImportSource preact */
import { useEffect, useRef, useState } from "preact/hooks";
import { shortId } from "../../client/event-lines.ts";
import { duration, taskText } from "../../client/format.ts";
import { TASKS_READ } from "../../client/live.ts";
import { isRead } from "../../client/model.ts";
import { isFinalTask, OPEN_STATES, taskMark } from "../../client/tones.ts";
import type { TaskView } from "../../client/types.ts";
import { Ago, Chip, Elapsed, Empty, Problem, problemWords } from "../parts/bits.tsx";
import { agentLink, taskLink, useLive, useModel, useQuery } from "../app/hooks.ts";
import { Output } from "./output.tsx";
import { Search } from "../parts/search.tsx";
import { useRows } from "../parts/use-rows.ts";

export interface TaskTableProps {
  readonly tasks: readonly TaskView[];
  /** Whether each says whose it is. */
  readonly agent: boolean;
  /** The task whose page was left: its row has the focus again. */
  readonly first?: string | null;
}

export function TaskTable({ tasks, agent, first = null }: TaskTableProps) {
  const box = useRef<HTMLTableElement>(null);
  const { onKeyDown } = useRows(
    tasks.map((t) => t.id),
    box,
    first,
  );
  return (
    <table class="tasks" ref={box} onKeyDown={onKeyDown}>
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
          <tr key={t.id} data-row={t.id}>
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
              {t.waits && <small class="tone-warn">{t.waits}</small>}
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
    // Those behind the page that is read by itself may be here one by one.
    const cursor = (tasks.at(-1) ?? newest[TASKS_READ - 1])?.id;
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

/** What is not finished may be older than the newest. */
function useOpenTasks(open: boolean): void {
  const live = useLive();
  useEffect(() => {
    if (!open) return;
    live.api.listTasks({ state: OPEN_STATES, limit: TASKS_READ }).then(
      ({ tasks }) => live.dispatch({ type: "tasks", tasks }),
      // A lost hub is reported elsewhere.
      () => {},
    );
  }, [live, open]);
}

function isFound(task: TaskView, text: string): boolean {
  const { id, agent, type, state, spec } = task;
  const words = `${id} ${agent} ${type} ${state} ${taskText(spec)}`.toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((w) => words.includes(w));
}

function NoTasks({ open, text }: { readonly open: boolean; readonly text: string }) {
  if (text !== "") return <Empty title={`No task matches "${text}".`} />;
  if (open) return <Empty title="Every task is finished." />;
  return (
    <Empty title="No task was given yet.">
      <p>Open an agent of the fleet to run one.</p>
    </Empty>
  );
}

export function TasksView({ from }: { readonly from: string | null }) {
  const live = useLive();
  const known = useModel((m) => m.tasks);
  const tasks = known.filter(isRead);
  const [query, change] = useQuery("tasks");
  const open = query.show === "open";
  const text = query.q ?? "";
  const older = useOlder(tasks);
  useEffect(() => live.watchTasks(), [live]);
  useOpenTasks(open);
  const all = [...tasks, ...older.tasks];
  const unfinished = all.filter((t) => !isFinalTask(t.state));
  const shown = (open ? unfinished : all).filter((t) => isFound(t, text));
  return (
    <>
      <h1>Tasks</h1>
      <div class="toolbar">
        <fieldset class="counts">
          <legend class="sr">Show</legend>
          <button type="button" class="count" aria-pressed={!open} onClick={() => change({ show: "" })}>
            <b>{all.length}</b> {older.tasks.length > 0 ? "shown" : "newest"}
          </button>
          <button type="button" class="count" aria-pressed={open} onClick={() => change({ show: "open" })}>
            <b>{unfinished.length}</b> not finished
          </button>
        </fieldset>
        <Search
          shortcut="/"
          word="Filter by agent, kind, state or words of the task"
          placeholder="Filter: agent, kind, state, words"
          text={text}
          onText={(q) => change({ q })}
        />
      </div>
      {shown.length > 0 ? (
        <TaskTable tasks={shown} agent first={from} />
      ) : (
        <NoTasks open={open} text={text} />
      )}
      {older.error !== "" && <Problem>{older.error}</Problem>}
      {older.more && tasks.length >= TASKS_READ && (
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
      .getTask(id)
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
          {task.waits && <p class="tone-warn">{task.waits}</p>}
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
