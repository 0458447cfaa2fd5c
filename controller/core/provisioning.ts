/** Result of a document's provisioning, from the runtime's report. Pure. */
import type { DesiredAgent, RuntimeReading } from "./types.ts";

/** The first line of a failure, with the line of `run` that failed; null: no failure. */
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
