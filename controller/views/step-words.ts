/** The verb of a step while it runs, shared by all views. */

/** By kind of step; a step without a verb ends at once. */
export const DOING: Readonly<Record<string, string>> = {
  launch: "launching",
  "await-ready": "waiting for its runtime",
  start: "starting",
  stop: "stopping",
  suspend: "suspending",
  recover: "bringing it back from the deleted",
  resize: "resizing",
  snapshot: "taking snapshot",
  "remove-snapshot": "removing snapshot",
  restore: "going back to snapshot",
  mount: "mounting",
  unmount: "unmounting",
  rerun: "provisioning again",
  drain: "waiting for its tasks to end",
  remove: "deleting",
  "restart-runtime": "restarting its runtime",
  "install-runtime": "installing its runtime",
};

/** The current step with its subject. `step`: null before the first. */
export function doingText({
  step,
  detail,
}: {
  readonly step: string | null;
  readonly detail: string;
}): string {
  const what = (step === null ? undefined : DOING[step]) ?? "beginning";
  return detail === "" ? what : `${what} ${detail}`;
}
