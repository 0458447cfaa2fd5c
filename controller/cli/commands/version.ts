/** `vm-agent version`: versions of vm-agent and its parts. */
import { EXIT } from "../../base/errors.ts";
import { loadRuntime } from "../../../provisioning/runtime.ts";
import type { CommandRun } from "../command-spec.ts";

export const version: CommandRun = async ({ output, version: own }) => {
  const runtime = loadRuntime();
  const value = {
    version: own,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    runtime: { version: runtime.version, hash: runtime.hash },
  };
  if (output.json) output.out(JSON.stringify(value));
  else {
    output.out(`vm-agent ${own}`);
    output.out(`node ${value.node} on ${value.platform}`);
    output.out(`runtime ${runtime.version} (${runtime.hash.slice(0, 12)}), put into each instance`);
  }
  return EXIT.done;
};
