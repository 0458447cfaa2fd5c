/** What is pushed live to each runtime, with secrets read where the document says; their values go nowhere else. */
import { readFile } from "node:fs/promises";
import type { DesiredAgent } from "../core/types.ts";
import type { RuntimeConfig } from "./ports.ts";

export interface MissingSecret {
  readonly agent: string;
  readonly secret: string;
  /** Where it was looked for; never what was found. */
  readonly message: string;
}

export async function runtimeConfig(
  agent: DesiredAgent,
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly config: RuntimeConfig; readonly missing: readonly MissingSecret[] }> {
  const secrets: Record<string, string> = {};
  const missing: MissingSecret[] = [];
  for (const [name, ref] of Object.entries(agent.secrets)) {
    const value =
      "fromEnv" in ref ? env[ref.fromEnv] : await readFile(ref.fromFile, "utf8").catch(() => undefined);
    if (value !== undefined) secrets[name] = value.replace(/\r?\n$/, "");
    else {
      const where =
        "fromEnv" in ref ? `the environment has no ${ref.fromEnv}` : `cannot read ${ref.fromFile}`;
      missing.push({ agent: agent.name, secret: name, message: `secret ${name} of ${agent.name}: ${where}` });
    }
  }
  const { configHash, type, capabilities, labels, tasks, health, size } = agent;
  return {
    config: {
      hash: configHash,
      type,
      capabilities,
      labels,
      env: agent.env,
      secrets,
      tasks,
      offlineAfter: health.offlineAfter,
      size,
    },
    missing,
  };
}
