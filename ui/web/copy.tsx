/** Text for another window: shown whole, and copied by a button where the browser lets a page copy. */
/** @jsxImportSource preact */
import { useRef, useState } from "preact/hooks";

export function Copy({ text, what }: { readonly text: string; readonly what: string }) {
  const box = useRef<HTMLPreElement>(null);
  const [told, setTold] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setTold("Copied.");
    } catch {
      // Without TLS no page may copy; what is selected, a person can.
      if (box.current) getSelection()?.selectAllChildren(box.current);
      setTold("Selected: press Ctrl+C.");
    }
  };
  return (
    <div class="copy">
      <pre ref={box}>{text}</pre>
      <button type="button" onClick={copy} aria-label={`Copy ${what}`}>
        Copy
      </button>
      <span role="status" class="dim">
        {told}
      </span>
    </div>
  );
}
