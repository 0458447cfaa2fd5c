/** `vm-agent reconcile [NAME]`: have the running loop look again now. */
import { needHub } from "./home.ts";
import type { CommandRun } from "./run.ts";
import { asked } from "./task.ts";

export const reconcile: CommandRun = async ({ settings, output, args }) => {
  const { api } = await needHub(settings);
  const answer = await asked(() => api.post<unknown>("/reconcile", { names: args }));
  output.out(
    output.json ? JSON.stringify(answer) : `looking again${args.length > 0 ? ` at ${args.join(", ")}` : ""}`,
  );
  return 0;
};
