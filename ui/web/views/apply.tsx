/** The confirmation before an apply: changes, cost, losses. */
/** @jsxImportSource preact */
import { useState } from "preact/hooks";
import { count } from "../../client/format.ts";
import { actionMark, isDestructive } from "../../client/tones.ts";
import type { ChangeView } from "../../client/types.ts";
import { Problem, problemWords } from "../parts/bits.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { useLive } from "../app/hooks.ts";

export interface ApplyProps {
  readonly changes: readonly ChangeView[];
  readonly allowDelete: readonly string[];
  /** The result to show; empty: nothing was done. */
  readonly onClose: (reported: string) => void;
}

export function Apply({ changes, allowDelete, onClose }: ApplyProps) {
  const live = useLive();
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  // What was read is what is applied, even when the plan behind changes meanwhile.
  const [asked] = useState(changes);
  const [without, setWithout] = useState<readonly ChangeView[]>([]);
  const chosen = asked.filter((c) => !without.includes(c));
  const lossy = [...new Set(chosen.filter((c) => isDestructive(c.action)).map((c) => c.agent))];
  const sure = lossy.length === 0 || typed.trim() === wordFor(lossy);

  const apply = async (event: Event) => {
    event.preventDefault();
    if (busy || !sure || chosen.length === 0) return;
    setBusy(true);
    setError("");
    try {
      const orders = chosen.map(({ agent, action }) => ({ agent, action }));
      const names = new Set(orders.map((o) => o.agent));
      await live.api.apply({ changes: orders, allowDelete: allowDelete.filter((n) => names.has(n)) });
      live.refresh();
      onClose(`${count(orders.length, "change")} handed to the loop; the fleet shows how it goes.`);
    } catch (e) {
      setError(problemWords(e));
      setBusy(false);
    }
  };

  return (
    <Dialog
      title={`Apply ${chosen.length < asked.length ? `${chosen.length} of ` : ""}${count(asked.length, "change")}?`}
      onClose={() => onClose("")}
    >
      {(close) => (
        <form onSubmit={apply}>
          <ul class="apply-list" aria-label="What will be done">
            {asked.map((c) => (
              <Asked
                key={`${c.agent} ${c.action}`}
                change={c}
                chosen={!without.includes(c)}
                onChoose={(yes) => setWithout(yes ? without.filter((w) => w !== c) : [...without, c])}
              />
            ))}
          </ul>
          {asked.length > 5 && (
            <button type="button" class="quiet" onClick={() => setWithout(chosen.length === 0 ? [] : asked)}>
              {chosen.length === 0 ? "Choose all" : "Choose none"}
            </button>
          )}
          {lossy.length > 0 && <Loss names={lossy} typed={typed} onTyped={setTyped} />}
          {error !== "" && <Problem>{error}</Problem>}
          <div class="dialog-foot">
            <button type="button" onClick={close} {...(lossy.length === 0 && { "data-first": true })}>
              Not now
            </button>
            <button type="submit" class="primary" disabled={busy || !sure || chosen.length === 0}>
              {busy ? "Handing over…" : "Apply"}
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

/** One is named; for several no name says it, and the terminal asks for this word too. */
const wordFor = (names: readonly string[]): string => (names.length === 1 ? (names[0] ?? "") : "yes");

interface LossProps {
  readonly names: readonly string[];
  readonly typed: string;
  readonly onTyped: (text: string) => void;
}

function Loss({ names, typed, onTyped }: LossProps) {
  return (
    <label class="loss tone-bad">
      <span>
        <span aria-hidden="true">✗ </span>Data is lost in {names.join(", ")}. Type{" "}
        <code>{wordFor(names)}</code> if you want that.
      </span>
      <input
        class="mono"
        data-first
        value={typed}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        onInput={(e) => onTyped(e.currentTarget.value)}
      />
    </label>
  );
}

interface AskedProps {
  readonly change: ChangeView;
  readonly chosen: boolean;
  readonly onChoose: (yes: boolean) => void;
}

function Asked({ change: { agent, action, consequences }, chosen, onChoose }: AskedProps) {
  const mark = actionMark(action);
  return (
    <li class={`tone-${chosen ? mark.tone : "dim"}`}>
      <label class={chosen ? "" : "dim"}>
        <input type="checkbox" checked={chosen} onChange={(e) => onChoose(e.currentTarget.checked)} />
        <span class="glyph mono" aria-hidden="true">
          {mark.glyph}
        </span>
        <span>
          <b>{agent}</b> {mark.word}
          {consequences.length > 0 && <small>{consequences.join("; ")}</small>}
        </span>
      </label>
    </li>
  );
}
