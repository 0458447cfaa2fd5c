/**
 * Upgrades runtimes of another version to the controller's bundle, each hash a limited number of times; the instance is
 * not touched.
 */
import type { Bus } from "../../base/events.ts";
import type { Agent } from "./agent.ts";
import type { Audit } from "../observability/audit.ts";
import { line, type Payload, word } from "./frames.ts";
import type { Limits } from "../limits.ts";
import type { Registry } from "./registry.ts";

/** The expected bundle. */
export interface RuntimeBundle {
  readonly version: string;
  /** SHA-256, hex. */
  readonly hash: string;
  readonly contents: Buffer;
}

export interface UpgradesDeps {
  readonly bundle: RuntimeBundle | null;
  readonly audit: Audit;
  readonly bus: Bus;
  readonly limits: Limits;
  readonly registry: Registry;
}

export type Upgrades = ReturnType<typeof createUpgrades>;

const CHUNK = 48 * 1024;
const STATES = ["staged", "refused", "failed", "inconclusive", "done"] as const;
/** How often one bundle is offered to one agent during this run of the hub. */
const OFFERS = 3;

export function createUpgrades({ bundle, audit, bus, limits, registry }: UpgradesDeps) {
  const offers = new Map<string, number>();

  const tell = (agent: Agent, hash: string, state: string, reason: string): void => {
    const same = agent.upgrade?.state === state && agent.upgrade.hash === hash;
    agent.upgrade = { hash, state, reason };
    if (same) return;
    registry.save(agent);
    bus.emit("runtime.upgrade", { agent: agent.id, hash, state, reason });
  };

  const offer = (agent: Agent, { hash, contents }: RuntimeBundle): void => {
    const connection = agent.ready;
    if (!connection) return;
    for (let offset = 0; offset < contents.length; offset += CHUNK) {
      const data = contents.subarray(offset, offset + CHUNK).toString("base64");
      const { upgradeDeadline: deadlineMs } = limits;
      if (!connection.send("upgrade", { hash, bytes: contents.length, offset, data, deadlineMs })) return;
    }
    tell(agent, hash, "sent", "");
  };

  return {
    /** Checks its bundle after a hello and after a configuration. */
    consider(agent: Agent, cause: "hello" | "config"): void {
      if (!bundle || agent.guest || !agent.config || !agent.ready || agent.ready.firstGeneration) return;
      const { hash, version } = bundle;
      if (!agent.facts || agent.facts.bundleHash === hash) {
        agent.upgrade = null;
        return;
      }
      if (agent.config.paused === true) {
        tell(agent, hash, "paused", "");
        return;
      }
      if (!agent.has("upgrade")) {
        tell(
          agent,
          hash,
          "unsupported",
          `version ${agent.facts.version} cannot take ${version} over its connection`,
        );
        return;
      }
      // Its runtime reports the reason right after its hello.
      if (agent.facts.failedUpgrades.includes(hash)) return;
      if (agent.upgrade?.state === "failed" && agent.upgrade.hash === hash) return;
      const { state = "", hash: about } = agent.upgrade ?? {};
      if (cause === "config" && about === hash && (state === "sent" || state === "staged")) return;
      if (agent.facts.staged === hash) {
        tell(agent, hash, "staged", "");
        return;
      }
      const key = `${agent.id} ${hash}`;
      const count = offers.get(key) ?? 0;
      if (count >= OFFERS) {
        tell(agent, hash, "failed", `it was offered ${OFFERS} times and does not run`);
        return;
      }
      offers.set(key, count + 1);
      offer(agent, bundle);
    },

    /** A runtime's report of an upgrade. */
    async reported(agent: Agent, payload: Payload): Promise<void> {
      const state = STATES.find((known) => known === payload.state);
      const hash = word(payload.hash, 64);
      if (state === undefined || hash === "") return;
      const reason = line(payload.reason, 500);
      tell(agent, hash, state, reason);
      if (state === "done") agent.upgrade = null;
      await audit.record(`runtime:${agent.id}`, "runtime.upgrade", agent.id, { hash, state, reason });
    },
  };
}
