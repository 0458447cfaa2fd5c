/** A command that prints 5 MB on each stream and ends in the way that it is asked for, by what every command ends with. */
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { endProcess, ownProcessEnd } from "../../base/process/process-end.ts";
import { createOutput, reportError } from "../../cli/output/output.ts";

/** 5 MB of lines, and the last one says that it is the last. */
export const LINES = 50_000;
export const lineOf = (n: number): string => `${String(n).padStart(8, "0")} ${"x".repeat(91)}`;

const [path] = process.argv.slice(2);
if (path !== undefined && process.argv[1]?.endsWith("exit-paths.js")) {
  ownProcessEnd();
  const output = createOutput({ color: false, json: false });
  for (let n = 1; n <= LINES; n++) {
    output.out(lineOf(n));
    output.err(lineOf(n));
  }
  switch (path) {
    case "normal":
      await endProcess(3);
      break;
    case "error":
      await endProcess(reportError(new Error("it failed"), output, false));
      break;
    case "usage": {
      const parts = { code: "usage", message: "no such option", next: "leave it out", exit: EXIT.usage };
      await endProcess(reportError(new VmAgentError(parts), output, false));
      break;
    }
    case "goes-on": {
      // A command that follows a stream without an end.
      const goOn = (n: number): void => {
        output.out(lineOf(n).padEnd(5000, "x"));
        setImmediate(goOn, n + 1);
      };
      goOn(1);
      break;
    }
    case "crash":
      setImmediate(() => {
        throw new Error("a fault");
      });
      break;
    default:
      // Until a signal comes.
      setInterval(() => {}, 1000);
  }
}
