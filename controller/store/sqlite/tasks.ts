/** Tasks and their output. Usually two writes per task: the insert before the answer, the update with the result. */
import { parseStored } from "../../base/bounded-json.ts";
import type { Touched } from "../protection/commit-log.ts";
import type { Db, Row, SqlValue, Statement, Write } from "./db.ts";
import { storedValueIfWhole } from "./errors.ts";
import type { OutputChunk, TaskFilter, TaskRecord, TaskState, TaskStore } from "../store.ts";

const OPEN = "('queued', 'sent', 'running')";
/** Everything but the result: a runtime's answer may have 4 MB. */
const LISTED = `seq, id, agent, type, spec, body_hash, idempotency_key, created_at, state, epoch, sent_at, accepted_at, started_at,
  finished_at, exit_code, NULL AS result, substr(error, 1, 500) AS error, cancel_reason, dropped_bytes`;

const OUTPUT = { table: "output" };
const PRUNED = { table: "tasks" };
const of = ({ id, state }: TaskRecord): Touched => ({ table: "tasks", task: { id, state } });

export function sqlTasks(db: Db, write: Write): TaskStore {
  const insert = db.prepare(
    `INSERT INTO tasks (id, agent, type, spec, body_hash, idempotency_key, created_at,
       state, epoch, sent_at, accepted_at, started_at, finished_at, exit_code, result, error, cancel_reason, dropped_bytes)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  // A new task has no history yet: half the parameters, a third of the time.
  const insertNew = db.prepare(
    `INSERT INTO tasks (id, agent, type, spec, body_hash, idempotency_key, created_at, state, epoch, sent_at, dropped_bytes)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`,
  );
  const update = db.prepare(
    `UPDATE tasks SET state = ?, epoch = ?, sent_at = ?, accepted_at = ?, started_at = ?, finished_at = ?, exit_code = ?,
       result = ?, error = ?, cancel_reason = ?, dropped_bytes = ? WHERE id = ?`,
  );
  const byId = db.prepare("SELECT * FROM tasks WHERE id = ?");
  const idsWith = db.prepare(
    "SELECT id FROM tasks WHERE substr(id, 1, length(?1)) = ?1 OR substr(id, -length(?1)) = ?1 ORDER BY id DESC LIMIT ?2",
  );
  const byKey = db.prepare("SELECT * FROM tasks WHERE idempotency_key = ? AND agent = ?");
  const byKeyOfAll = db.prepare(
    "SELECT * FROM tasks WHERE idempotency_key = ? OR (idempotency_key >= ? AND idempotency_key < ?) ORDER BY seq",
  );
  const byKeyOfAny = db.prepare("SELECT * FROM tasks WHERE idempotency_key = ? ORDER BY seq LIMIT 1");
  const open = db.prepare(`SELECT * FROM tasks WHERE state IN ${OPEN} ORDER BY seq`);
  const chunk = db.prepare(
    "INSERT OR IGNORE INTO output (task_id, seq, stream, data, encoding, at, byte_offset, line) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const chunks = db.prepare("SELECT * FROM output WHERE task_id = ? AND seq > ? ORDER BY seq");
  const pruned = `SELECT id FROM tasks WHERE state NOT IN ${OPEN} AND (finished_at < ?1
    OR seq <= (SELECT seq FROM tasks ORDER BY seq DESC LIMIT 1 OFFSET ?2))`;
  const pruneOutput = db.prepare(`DELETE FROM output WHERE task_id IN (${pruned})`);
  const pruneTasks = db.prepare(`DELETE FROM tasks WHERE id IN (${pruned})`);
  // By `seq`, the order of acceptance, which is indexed.
  const withOutput = db.prepare(`SELECT id FROM tasks WHERE state NOT IN ${OPEN} AND finished_at < ?
    AND EXISTS (SELECT 1 FROM output WHERE task_id = tasks.id) ORDER BY seq LIMIT ?`);
  const dropOutput = db.prepare("DELETE FROM output WHERE task_id = ?");
  const addChunks = (list: readonly OutputChunk[]) => {
    for (const c of list)
      chunk.run(c.taskId, c.seq, c.stream, c.data, c.encoding ?? null, c.at, c.offset, c.line);
  };
  const lists = new Map<string, Statement>();
  const one = (row: Row | undefined) => (row ? toTask(row) : null);

  return {
    insert: (task) => {
      const spec = JSON.stringify(task.spec);
      const { id, agent, type, bodyHash, idempotencyKey, createdAt, state, epoch, sentAt } = task;
      if (isNew(task)) {
        return write(
          of(task),
          () =>
            void insertNew.run(
              id,
              agent,
              type,
              spec,
              bodyHash,
              idempotencyKey,
              createdAt,
              state,
              epoch,
              sentAt,
            ),
        );
      }
      const values = progress(task);
      return write(
        of(task),
        () => void insert.run(id, agent, type, spec, bodyHash, idempotencyKey, createdAt, ...values),
      );
    },
    update: (task, output) => {
      const values = progress(task);
      return write(of(task), () => {
        update.run(...values, task.id);
        if (output && output.length > 0) addChunks(output);
      });
    },
    get: (id) => one(byId.get(id)),
    idsWith: (part, most) => idsWith.all(part, most).map(({ id }) => String(id)),
    byIdempotencyKey: (agent, key) => one(agent === null ? byKeyOfAny.get(key) : byKey.get(key, agent)),
    allByIdempotencyKey: (key) => byKeyOfAll.all(key, `${key}\u001f`, `${key} `).map(toTask),
    list(filter) {
      const { sql, values } = listSql(filter);
      const statement = lists.get(sql) ?? db.prepare(sql);
      lists.set(sql, statement);
      return statement.all(...values).map(toTask);
    },
    open: () => open.all().map(toTask),
    appendOutput: (list) => (list.length === 0 ? Promise.resolve() : write(OUTPUT, () => addChunks(list))),
    output: (taskId, after) => chunks.all(taskId, after).map(toChunk),
    async prune(finishedBefore, keep) {
      let removed = 0;
      await write(PRUNED, () => {
        pruneOutput.run(finishedBefore, keep);
        removed = Number(pruneTasks.run(finishedBefore, keep).changes);
      });
      return removed;
    },
    async pruneOutput(finishedBefore, most) {
      let of = 0;
      await write(OUTPUT, () => {
        const ids = withOutput.all(finishedBefore, most).map((row) => String(row.id));
        for (const id of ids) dropOutput.run(id);
        of = ids.length;
      });
      return of;
    },
  };
}

function isNew(task: TaskRecord): boolean {
  const { acceptedAt, startedAt, finishedAt, error, cancelReason, droppedBytes } = task;
  const untouched = acceptedAt === null && startedAt === null && finishedAt === null && error === null;
  return untouched && task.result === null && cancelReason === null && droppedBytes === 0;
}

function progress(task: TaskRecord): SqlValue[] {
  return [
    task.state,
    task.epoch,
    task.sentAt,
    task.acceptedAt,
    task.startedAt,
    task.finishedAt,
    task.exitCode,
    task.result === null ? null : JSON.stringify(task.result),
    task.error,
    task.cancelReason,
    task.droppedBytes,
  ];
}

function listSql(filter: TaskFilter): { sql: string; values: SqlValue[] } {
  const where: string[] = [];
  const values: SqlValue[] = [];
  const add = (clause: string, ...more: SqlValue[]) => {
    where.push(clause);
    values.push(...more);
  };
  if (filter.agent !== undefined) add("agent = ?", filter.agent);
  if (filter.type !== undefined) add("type = ?", filter.type);
  if (filter.states !== undefined)
    add(`state IN (${filter.states.map(() => "?").join(", ")})`, ...filter.states);
  if (filter.before !== undefined) add("seq < (SELECT seq FROM tasks WHERE id = ?)", filter.before);
  const condition = where.length === 0 ? "" : ` WHERE ${where.join(" AND ")}`;
  return {
    sql: `SELECT ${LISTED} FROM tasks${condition} ORDER BY seq DESC LIMIT ?`,
    values: [...values, filter.limit ?? 100],
  };
}

const instant = (value: unknown) => (value === null ? null : Number(value));
const text = (value: unknown) => (value === null ? null : String(value));

const DAMAGED = "its record in the database is damaged: what it was, or its result, cannot be read";

function toTask(row: Row): TaskRecord {
  const spec = storedValueIfWhole(row.spec);
  const result = row.result === null ? null : storedValueIfWhole(row.result, parseStored);
  const isDamaged = spec === null || (result === null && row.result !== null);
  return {
    id: String(row.id),
    agent: String(row.agent),
    type: String(row.type),
    spec: spec ?? {},
    state: String(row.state) as TaskState,
    epoch: Number(row.epoch),
    createdAt: Number(row.created_at),
    sentAt: instant(row.sent_at),
    acceptedAt: instant(row.accepted_at),
    startedAt: instant(row.started_at),
    finishedAt: instant(row.finished_at),
    exitCode: instant(row.exit_code),
    result,
    error: isDamaged ? DAMAGED : text(row.error),
    cancelReason: text(row.cancel_reason),
    droppedBytes: Number(row.dropped_bytes),
    idempotencyKey: text(row.idempotency_key),
    bodyHash: String(row.body_hash),
  };
}

function toChunk(row: Row): OutputChunk {
  return {
    taskId: String(row.task_id),
    seq: Number(row.seq),
    stream: row.stream === "stderr" ? "stderr" : "stdout",
    data: String(row.data),
    ...(row.encoding === "base64" ? { encoding: "base64" as const } : {}),
    at: Number(row.at),
    offset: Number(row.byte_offset),
    line: Number(row.line),
  };
}
