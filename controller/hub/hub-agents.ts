/** Operations of loop and HTTP on single agents: enrol, configure, drain, remove, register. */
import { isReservedName } from "../../schemas/reserved-names.ts";
import type { Clock } from "../base/clock.ts";
import type { Bus } from "../base/events.ts";
import type { Store } from "../store/store.ts";
import type { Agent, AgentConfig } from "./runtimes/agent.ts";
import type { Audit } from "./observability/audit.ts";
import type { RuntimeAuth } from "./auth/auth.ts";
import { CLOSE, type Payload } from "./runtimes/frames.ts";
import { readMetadata } from "./runtimes/guest-input.ts";
import type { Limits } from "./limits.ts";
import type { Messages } from "./messages/messages.ts";
import { refuse } from "./refusals.ts";
import type { Registry } from "./runtimes/registry.ts";
import { pushed } from "./runtimes/session.ts";
import type { TaskEngine } from "./tasks/engine.ts";
import type { Upgrades } from "./runtimes/upgrades.ts";

export interface HubAgentsDeps {
  readonly auth: RuntimeAuth;
  readonly audit: Audit;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly engine: TaskEngine;
  readonly limits: Limits;
  readonly messages: Messages;
  readonly registry: Registry;
  readonly store: Store;
  readonly upgrades: Upgrades;
}

export function createHubAgents(deps: HubAgentsDeps) {
  const { auth, audit, bus, clock, engine, limits, messages, registry, store, upgrades } = deps;
  return {
    agent(id: string): Agent {
      const agent = registry.named(id);
      if (!agent) throw refuse.unknownAgent(id);
      return agent;
    },

    async enrol(id: string, nonce: string): Promise<string> {
      const token = await auth.enrol(id, nonce);
      registry.ensure(id).guest = false;
      await audit.record("hub", "runtime.enrol", id, {});
      return token;
    },

    configure(id: string, config: AgentConfig): void {
      const agent = registry.ensure(id);
      const changed =
        agent.config?.hash !== config.hash || agent.config?.offlineAfter !== config.offlineAfter;
      agent.configure(config);
      registry.called(id, config.calledAs);
      if (changed) registry.save(agent);
      const isOtherPace = agent.heartbeatSent !== agent.heartbeat(limits.heartbeat);
      if (agent.ready && !agent.ready.firstGeneration && (agent.configHash !== config.hash || isOtherPace)) {
        const policy = { heartbeatMs: agent.sentHeartbeat(limits.heartbeat) };
        agent.ready.send("config", { ...pushed(agent), policy });
      }
      upgrades.consider(agent, "config");
      engine.pump(agent);
    },

    async drain(id: string, ms: number, signal?: AbortSignal): Promise<void> {
      const agent = registry.get(id);
      if (!agent) return;
      agent.queue.draining = true;
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          forget();
          signal?.removeEventListener("abort", done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        signal?.addEventListener("abort", done, { once: true });
        let forget = () => {};
        forget = agent.queue.onIdle(done);
        if (signal?.aborted) done();
      });
    },

    undrain(id: string): void {
      const agent = registry.get(id);
      if (!agent) return;
      agent.queue.draining = false;
      engine.pump(agent);
    },

    enrolled: (): readonly string[] => [...registry.all()].filter((a) => !a.guest).map((a) => a.id),

    /** The returned function restores access with the former credential; tasks and messages have ended for good. */
    async revoke(id: string): Promise<(() => Promise<void>) | null> {
      const credential = store.credentials.get(id);
      await store.credentials.remove(id);
      const agent = registry.get(id);
      if (!agent) return null;
      const row = agent.toRow();
      agent.queue.draining = true;
      for (const task of [...engine.live()].filter((t) => t.record.agent === id)) {
        await engine.end(task, "revoked", `the agent "${id}" was removed`);
      }
      agent.connection?.close(CLOSE.unauthorised, "this agent was removed");
      await messages.removed(id);
      await registry.remove(id);
      await audit.record("hub", "runtime.revoke", id, {});
      bus.emit("runtime.offline", { agent: id, reason: "removed", expected: true });
      if (!credential) return null;
      return async () => {
        // A newer enrolment wins.
        if (store.credentials.get(id)) return;
        await store.credentials.put(credential);
        const back = registry.ensure(id);
        back.restore(row);
        if (agent.config) back.configure(agent.config);
        registry.save(back);
        await audit.record("hub", "runtime.let-in-again", id, {});
      };
    },

    /** A join token for a runtime that lost its credential; only the instance of the current claim can use it. */
    async joinAgain(id: string): Promise<{ readonly token: string; readonly expiresAt: number }> {
      const nonce = store.credentials.get(id)?.nonce ?? "";
      if (nonce === "") throw refuse.notEnrolled(id);
      const token = await auth.enrol(id, nonce);
      await audit.record("operator", "runtime.enrol", id, {});
      return { token, expiresAt: clock.now() + limits.joinTokenLife };
    },

    /** First-generation registration: a credential at once, for clients without a document. */
    async register(
      id: string,
      metadata: Payload,
    ): Promise<{ readonly agent: Payload; readonly token: string }> {
      if (!/^[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(id)) throw refuse.badName(id);
      if (isReservedName(id)) throw refuse.reservedName(id);
      const record = store.credentials.get(id);
      if (record !== null && record.nonce !== "") throw refuse.agentDeclared(id);
      const token = await auth.issueDirect(id);
      const agent = registry.ensure(id);
      agent.guest = true;
      agent.metadata = readMetadata({ ...agent.metadata, ...metadata });
      registry.save(agent);
      await audit.record("operator", "agent.register", id, {});
      return { agent: agent.toObject(), token };
    },
  };
}
