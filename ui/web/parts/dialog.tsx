/** A question in front of everything else: the focus stays in it, Escape leaves it, and the focus goes back where it was. */
/** @jsxImportSource preact */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

export interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  /** `close` asks to be closed, as Escape does. */
  readonly children: (close: () => void) => ComponentChildren;
}

export function Dialog({ title, onClose, children }: DialogProps) {
  const box = useRef<HTMLDialogElement>(null);
  const over = useRef(false);
  useEffect(() => {
    const dialog = box.current;
    const opener = document.activeElement;
    dialog?.showModal();
    const first = dialog?.querySelector<HTMLElement>("[data-first]") ?? dialog;
    first?.focus();
    return () => {
      over.current = true;
      // While it is open, nothing behind it can have the focus.
      dialog?.close();
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
      if (document.activeElement === document.body) document.getElementById("main")?.focus();
    };
  }, []);
  return (
    <dialog
      ref={box}
      aria-labelledby="dialog-title"
      onClose={() => {
        if (!over.current) onClose();
      }}
    >
      <h2 id="dialog-title">{title}</h2>
      {children(() => box.current?.close())}
    </dialog>
  );
}
