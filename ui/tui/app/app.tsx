/** The one component with hooks: takes keys, hands the terminal over, and shows the lines it is given. */
/** @jsxImportSource react */
import { useApp, useInput, usePaste } from "ink";
import { useEffect, useSyncExternalStore } from "react";
import type { Line } from "../views/line.ts";
import { type Press, pressOf } from "../input/press.ts";
import { Rows } from "../views/rows.tsx";

export interface Stage {
  lines(): readonly Line[];
  subscribe(listener: () => void): () => void;
  press(press: Press): void;
  paste(text: string): void;
  /** Called once, with the function that lends the terminal to another program. */
  onReady(suspend: (work: () => Promise<void>) => Promise<void>): void;
  readonly color: boolean;
}

export function App({ stage }: { readonly stage: Stage }) {
  const lines = useSyncExternalStore(stage.subscribe, stage.lines);
  const { suspendTerminal } = useApp();
  useEffect(() => stage.onReady(suspendTerminal), [stage, suspendTerminal]);
  useInput((input, key) => {
    const press = pressOf(input, key);
    if (press) stage.press(press);
  });
  usePaste(stage.paste);
  return <Rows lines={lines} color={stage.color} />;
}
