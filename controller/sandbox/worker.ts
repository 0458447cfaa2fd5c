// The process that copies trees for the daemon: takes the lock, does one piece of work, says how it went.
import { openCall } from "./daemon.ts";
import { Refusal } from "./failure.ts";
import { write } from "./frontend/output.ts";

export type Work =
  | {
      readonly kind: "snapshot";
      readonly instance: string;
      readonly name: string | undefined;
      readonly comment: string;
    }
  | {
      readonly kind: "restore";
      readonly instance: string;
      readonly snapshot: string;
      readonly saveFirst: boolean;
    }
  | { readonly kind: "clone"; readonly instance: string; readonly name: string | undefined };

export type WorkResult = { readonly done: string } | { readonly refusal: string };

process.on("SIGHUP", () => {});
process.on("SIGINT", () => {});

const work = JSON.parse(process.argv[2] ?? "null") as Work;
let result: WorkResult;
try {
  result = { done: await openCall(work.kind, undefined).request(() => perform()) };
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  result = { refusal: error.message };
}
write(1, JSON.stringify(result));

async function perform(): Promise<string> {
  switch (work.kind) {
    case "snapshot":
      return (await import("./instances/snapshots.ts")).takeSnapshot(work.instance, work.name, work.comment);
    case "restore":
      return (await import("./instances/snapshots.ts")).restoreSnapshot(
        work.instance,
        work.snapshot,
        work.saveFirst,
      );
    case "clone":
      return (await import("./instances/cloning.ts")).cloneInstance(work.instance, work.name);
  }
}
