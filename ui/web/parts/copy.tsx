/** Text for another window: shown whole, and copied by a button where the browser lets a page copy. */
/** @jsxImportSource preact */
import type { RefObject } from "preact";
import { useRef, useState } from "preact/hooks";
import { commandOf } from "../../client/plan-view.ts";

interface ButtonProps {
  readonly text: string;
  /** What is copied, in words. */
  readonly what: string;
  /** Where it stands, to be selected when it cannot be copied. */
  readonly box: RefObject<HTMLElement | null>;
}

function CopyButton({ text, what, box }: ButtonProps) {
  const [reported, setReported] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setReported("Copied.");
    } catch {
      // Without TLS no page may copy; what is selected, a person can.
      if (box.current) getSelection()?.selectAllChildren(box.current);
      setReported("Selected: press Ctrl+C.");
    }
  };
  return (
    <>
      <button type="button" onClick={copy} aria-label={`Copy ${what}`}>
        Copy
      </button>
      <span role="status" class="dim">
        {reported}
      </span>
    </>
  );
}

export function Copy({ text, what }: { readonly text: string; readonly what: string }) {
  const box = useRef<HTMLPreElement>(null);
  return (
    <div class="copy">
      <pre ref={box}>{text}</pre>
      <CopyButton text={text} what={what} box={box} />
    </div>
  );
}

/** What lets through what is held; the command in it can be taken along. */
export function Release({ text }: { readonly text: string }) {
  const box = useRef<HTMLElement>(null);
  const command = commandOf(text);
  if (command === null) return <>{text}</>;
  return (
    <span class="release">
      <span>
        <code ref={box}>{command}</code>
        {text.slice(command.length)}
      </span>
      <CopyButton text={command} what={command} box={box} />
    </span>
  );
}
