/** Effects of a key outside the screen, as values that are carried out elsewhere. */

/** As the API takes it. */
export type AgentOrder = { readonly agent: string; readonly action: string };

/** Names of agents, where a task goes; names of documents, where their files are edited. Never empty. */
type Names = readonly string[];

export type Effect =
  | { readonly type: "quit" }
  | { readonly type: "interrupt" }
  | { readonly type: "redraw" }
  | { readonly type: "refresh" }
  | { readonly type: "reconnect" }
  | { readonly type: "reconcile"; readonly agents: readonly string[] }
  | {
      readonly type: "apply";
      readonly orders: readonly AgentOrder[];
      readonly allowDelete: readonly string[];
    }
  | { readonly type: "task"; readonly agents: Names; readonly body: Readonly<Record<string, unknown>> }
  | { readonly type: "cancel"; readonly id: string }
  | { readonly type: "shell"; readonly agent: string }
  | { readonly type: "state"; readonly agents: Names; readonly state: "running" | "stopped" | "suspended" }
  | { readonly type: "paused"; readonly agents: Names; readonly paused: boolean }
  | { readonly type: "snapshot"; readonly agents: Names; readonly snapshot: string }
  | { readonly type: "restore"; readonly agent: string; readonly snapshot: string }
  | { readonly type: "destroy"; readonly agent: string };
