/** The question before anything is applied: what will be done, what it costs, what is lost. */
/** @jsxImportSource preact */
import { useEffect, useRef, useState } from "preact/hooks";
import { count } from "../client/format.ts";
import { actionMark, isDestructive } from "../client/tones.ts";
import type { ChangeView } from "../client/types.ts";
import { Problem, problemWords } from "./bits.tsx";
import { useLive } from "./hooks.ts";

export interface ApplyProps {
  readonly changes: readonly ChangeView[];
  readonly allowDelete: readonly string[];
  /** What is to be told; empty: nothing was done. */
  readonly onClose: (told: string) => void;
}

export function Apply({ changes, allowDelete, onClose }: ApplyProps) {
  const live = useLive();
  const dialog = useRef<HTMLDialogElement>(null);
  const [sure, setSure] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  // What was read is what is applied, even when the plan behind changes meanwhile.
  const [asked] = useState(changes);
  useEffect(() => dialog.current?.showModal(), []);
  const lossy = asked.filter((c) => isDestructive(c.action));

  const apply = async () => {
    setBusy(true);
    setError("");
    try {
      const orders = asked.map(({ agent, action }) => ({ agent, action }));
      await live.api.apply({ changes: orders, allowDelete });
      live.refresh();
      onClose(`${count(orders.length, "change")} handed to the loop; the fleet shows how it goes.`);
    } catch (e) {
      setError(problemWords(e));
      setBusy(false);
    }
  };

  return (
    <dialog ref={dialog} aria-labelledby="apply-title" onClose={() => onClose("")}>
      <h2 id="apply-title">Apply {count(asked.length, "change")}?</h2>
      <ul class="apply-list">
        {asked.map((c) => {
          const mark = actionMark(c.action);
          return (
            <li key={`${c.agent} ${c.action}`} class={`tone-${mark.tone}`}>
              <span class="glyph mono" aria-hidden="true">
                {mark.glyph}
              </span>
              <span>
                <b>{c.agent}</b> {mark.word}
                {c.consequences.length > 0 && <small>{c.consequences.join("; ")}</small>}
              </span>
            </li>
          );
        })}
      </ul>
      {lossy.length > 0 && (
        <label class="check tone-bad">
          <input type="checkbox" checked={sure} onChange={(e) => setSure(e.currentTarget.checked)} />
          <span>✗ Data is lost in {lossy.map((c) => c.agent).join(", ")}. I want that.</span>
        </label>
      )}
      {error !== "" && <Problem>{error}</Problem>}
      <div class="dialog-foot">
        <button type="button" onClick={() => dialog.current?.close()}>
          Not now
        </button>
        <button type="button" class="primary" disabled={busy || (lossy.length > 0 && !sure)} onClick={apply}>
          {busy ? "Handing over…" : "Apply"}
        </button>
      </div>
    </dialog>
  );
}
