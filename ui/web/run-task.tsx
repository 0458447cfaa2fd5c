/** A command for one agent, and what it prints. */
/** @jsxImportSource preact */
import { useState } from "preact/hooks";
import type { AgentView } from "../client/types.ts";
import { Problem, problemWords } from "./bits.tsx";
import { taskLink, useLive } from "./hooks.ts";
import { Output } from "./output.tsx";

export function RunTask({ agent }: { readonly agent: AgentView }) {
  const live = useLive();
  const [command, setCommand] = useState("");
  const [seconds, setSeconds] = useState("");
  const [sudo, setSudo] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const [taskId, setTaskId] = useState("");
  const online = agent.runtime?.status === "online";

  const run = async (event: Event) => {
    event.preventDefault();
    if (command.trim() === "") return setError("Write the command first.");
    setBusy(true);
    setError("");
    try {
      const timeout = Number(seconds) > 0 ? { timeout: Math.round(Number(seconds) * 1000) } : {};
      const task = { type: "exec", command, ...timeout, ...(sudo ? { sudo } : {}) };
      // The same key for the same press: a repeat on the way gives the same task.
      const answer = await live.api.submitTask(
        agent.name,
        task,
        crypto.getRandomValues(new Uint32Array(4)).join("-"),
      );
      setTaskId(answer.taskId);
    } catch (e) {
      setError(problemWords(e));
    } finally {
      setBusy(false);
    }
  };

  return (
    <section class="card" aria-labelledby="run-task">
      <h2 id="run-task">Run a task</h2>
      <form class="run" onSubmit={run}>
        <label class="command">
          Command
          <input
            class="mono"
            name="command"
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            placeholder="npm test"
            value={command}
            onInput={(e) => setCommand(e.currentTarget.value)}
          />
        </label>
        <label>
          At most, seconds
          <input
            type="number"
            min="1"
            max="604800"
            placeholder="no limit"
            value={seconds}
            onInput={(e) => setSeconds(e.currentTarget.value)}
          />
        </label>
        <label class="check">
          <input type="checkbox" checked={sudo} onChange={(e) => setSudo(e.currentTarget.checked)} />
          as root
        </label>
        <button type="submit" class="primary" disabled={busy}>
          {busy ? "Sending…" : "Run"}
        </button>
      </form>
      {!online && (
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
