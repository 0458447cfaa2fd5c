/** Single keys, as in the terminal dashboard, and the list of them. What a key presses says so itself, by `aria-keyshortcuts`. */
/** @jsxImportSource preact */
import { useEffect, useState } from "preact/hooks";
import { Dialog } from "../parts/dialog.tsx";
import { isTyping } from "../parts/use-rows.ts";

/** Whoever speaks to his computer may be heard as single keys: they can be switched off, in this tab. */
const OFF = "vm-agent-keys-off";

const KEYS: readonly { readonly keys: readonly string[]; readonly does: string }[] = [
  { keys: ["1", "2", "3", "4", "5"], does: "fleet, plan, tasks, events, commands" },
  { keys: ["/"], does: "filter what is shown; Escape leaves the filter" },
  { keys: ["↓", "j", "↑", "k"], does: "the next row, the one before" },
  { keys: ["PgDn", "PgUp", "Home", "End"], does: "ten rows further, the first row, the last row" },
  { keys: ["Enter"], does: "open the row" },
  { keys: ["r"], does: "on the plan, on an agent: look again" },
  { keys: ["a"], does: "on the plan: apply it, after a question" },
  { keys: ["?"], does: "this list" },
];

export function Shortcuts() {
  const [help, setHelp] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { key, target } = event;
      if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
      if (key === "Escape" && target instanceof HTMLInputElement && target.type === "search") {
        // What is typed stays: the browser itself empties the field at the first press.
        if (target.value === "") target.blur();
        return;
      }
      if (isTyping(target) || document.querySelector("dialog[open]") || sessionStorage.getItem(OFF)) return;
      if (press(key)) event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return (
    <>
      <button
        type="button"
        class="quiet keys"
        aria-keyshortcuts="?"
        aria-label="Keys"
        onClick={() => setHelp(true)}
      >
        ?
      </button>
      {help && <Help onClose={() => setHelp(false)} />}
    </>
  );
}

/** false: no key of ours. */
function press(key: string): boolean {
  if (key === "j" || key === "ArrowDown") {
    if (key === "ArrowDown" && document.activeElement !== document.body) return false;
    const row = document.querySelector<HTMLElement>("main [data-row] a");
    row?.focus();
    return row !== null;
  }
  const bearer = document.querySelector<HTMLElement>(`[aria-keyshortcuts="${CSS.escape(key)}"]`);
  if (bearer === null) return false;
  if (bearer instanceof HTMLInputElement) bearer.select();
  else bearer.click();
  return true;
}

function Help({ onClose }: { readonly onClose: () => void }) {
  const [on, setOn] = useState(sessionStorage.getItem(OFF) === null);
  const change = (yes: boolean) => {
    if (yes) sessionStorage.removeItem(OFF);
    else sessionStorage.setItem(OFF, "1");
    setOn(yes);
  };
  return (
    <Dialog title="Keys" onClose={onClose}>
      {(close) => (
        <>
          <dl class="pairs keys-list">
            {KEYS.map(({ keys, does }) => (
              <div key={does}>
                <dt>
                  {keys.map((k) => (
                    <kbd key={k}>{k}</kbd>
                  ))}
                </dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
          <label class="check">
            <input type="checkbox" checked={on} onChange={(e) => change(e.currentTarget.checked)} />
            single keys do this, in this tab
          </label>
          <div class="dialog-foot">
            <button type="button" data-first onClick={close}>
              Close
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}

/** Whoever signs out leaves nothing behind. */
export const forgetShortcuts = (): void => sessionStorage.removeItem(OFF);
