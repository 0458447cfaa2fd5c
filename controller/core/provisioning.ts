/** Whether what a document provisions has gone well, by what the runtime reports. Pure. */
import type { DesiredAgent, RuntimeReading } from "./types.ts";

/** Its first line about a failure, with the text of the line of `run` that it names; null: nothing of it failed. */
export function provisionFailure(
  runtime: Pick<RuntimeReading, "problems"> | undefined,
  agent?: Pick<DesiredAgent, "provision">,
): string | null {
  const line = runtime?.problems?.find((one) => /^(provision|runcmd of provision|cloud-init)/.test(one));
  if (line === undefined) return null;
  const index = /^provision\.run\[(\d+)\]/.exec(line)?.[1];
  const text = index === undefined ? undefined : agent?.provision.run[Number(index)];
  return text === undefined
    ? line
    : `${line}: ${text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text}`;
}

const LONGEST = 120;
