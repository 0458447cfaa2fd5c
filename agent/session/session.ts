/** The protocol with the hub: hello, credential, configuration, tasks, health; independent of sockets. */
import { randomUUID } from "node:crypto";
import { jittered } from "./backoff.ts";
import { type ActiveConfig, parsePushed } from "../host/config.ts";
import { errorMessage } from "../host/files.ts";
import { readAddresses } from "./gateway.ts";
import type { Outgoing } from "../mail/mailbox.ts";
import { Outbox } from "./outbox.ts";
import { DEFAULT_POLICY, readPolicy } from "./policy.ts";
import { SUPPORTED } from "../tasks/parse-task.ts";
import type { Report } from "../host/upgrade.ts";
import type { SessionDeps } from "./ports.ts";
import {
  CLOSE,
  FEATURES,
  type Frame,
  isRecord,
  type OutputPayload,
  parseFrame,
  type Policy,
  PROTOCOL,
  type ResponsePayload,
  type TaskPayload,
  type TaskRef,
} from "./wire.ts";

/** cloud-init's last stage starts this runtime: its result is reported soon, not one heartbeat later. */
const PROVISIONED_MS = 3000;
const BEATS_WHILE_PROVISIONED = 40;

export class Session {
  readonly #deps: SessionDeps;
  readonly #outbox = new Outbox();
  #active: ActiveConfig;
  #policy: Policy = DEFAULT_POLICY;
  #ready = false;
  #delivering = false;
  #timer: NodeJS.Timeout | null = null;
  #beats = 0;
  /** A credential that the disk refused; tried again with every heartbeat, and acknowledged only then. */
  #unstored: string | null = null;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
    this.#active = deps.initial;
    deps.log.onLine(() => this.#sendLog());
  }

  readonly policy = (): Policy => this.#policy;
  readonly active = (): ActiveConfig => this.#active;

  opened(): void {
    this.#send("hello", {
      protocol: [PROTOCOL],
      ...this.#deps.identify(),
      // With secrets outstanding the hash is withheld, so that the hub sends the whole configuration again.
      configHash: this.#active.awaitsSecrets ? null : (this.#active.config?.hash ?? null),
      supports: SUPPORTED,
      features: FEATURES,
      ...this.#deps.upgrade().known(),
      tasks: this.#deps.runner().refs(),
    });
  }

  closed(): void {
    this.#ready = false;
    this.#deps.mailbox.closed();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  received(text: string): void {
    const frame = parseFrame(text);
    if (frame === null) {
      this.#deps.line.close(CLOSE.protocolError, "not a frame");
      return;
    }
    const payload = isRecord(frame.payload) ? frame.payload : {};
    if (frame.type === "hello") {
      this.#hello(payload);
      return;
    }
    this.#dispatch(frame, payload);
  }

  #dispatch(frame: Frame, payload: Readonly<Record<string, unknown>>): void {
    const runner = this.#deps.runner();
    const { taskId } = payload;
    const epoch = typeof payload.epoch === "number" ? payload.epoch : 0;
    switch (frame.type) {
      case "config":
        this.#configure(payload);
        this.#changePace(payload.policy);
        return;
      case "task":
        if (typeof taskId === "string" && taskId !== "") {
          runner.offer({ ...payload, taskId, epoch } as TaskPayload);
        } else this.#remark("no-task-id", "a task without taskId was ignored");
        return;
      case "cancel":
        if (typeof taskId !== "string") return;
        runner.cancel(taskId, epoch, typeof payload.reason === "string" ? payload.reason : "");
        return;
      case "ack":
        if (typeof taskId === "string" && typeof payload.output === "number")
          runner.outputTaken(taskId, epoch, payload.output);
        if (typeof taskId === "string" && payload.stored === true) runner.stored(taskId, epoch);
        if (typeof payload.messageId === "string") this.#messageAnswered(payload.messageId, payload);
        return;
      case "message":
        this.#message(payload);
        return;
      case "upgrade":
        this.#deps.upgrade().receive(payload);
        return;
      case "log":
        this.#answerLog(payload);
        return;
      case "error":
        this.#deps.log.local(`the hub says ${String(payload.code)}: ${String(payload.message)}`);
        return;
      default:
        // Greetings, remarks and messages of other agents: this runtime does not act on them.
        return;
    }
  }

  #answerLog({ request, after, lines }: Readonly<Record<string, unknown>>): void {
    if (typeof request !== "string") return;
    const page = this.#deps.logPage(typeof after === "number" ? after : null, Number(lines) || 100);
    this.#send("log", { request, ...page });
  }

  #message({ deliveryId, ...message }: Readonly<Record<string, unknown>>): void {
    if (typeof deliveryId !== "string") return;
    if (this.#deps.mailbox.receive(deliveryId, message)) this.#send("ack", { deliveryId });
  }

  #messageAnswered(id: string, { delivered, queued, refused }: Readonly<Record<string, unknown>>): void {
    const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
    const reasons = list(refused).map((entry) => (isRecord(entry) ? String(entry.reason) : "refused"));
    this.#deps.mailbox.answered(id, [...list(delivered), ...list(queued)].map(String), reasons);
  }

  /** The result of an upgrade; sent again after the next hello if the hub did not receive it. */
  readonly sendUpgrade = (report: Report): void => {
    if (this.#ready) this.#send("upgrade", report);
  };

  /** A program's message to another agent, in an envelope of ours. */
  readonly sendMessage = ({ id, ...payload }: Outgoing): boolean =>
    this.#ready && !this.#deps.line.congested && this.#send("message", payload, id);

  #hello(payload: Readonly<Record<string, unknown>>): void {
    if (payload.protocol !== PROTOCOL) {
      this.#deps.log.error(
        `the hub chose protocol ${String(payload.protocol)}; this runtime speaks ${PROTOCOL}`,
      );
      this.#deps.line.close(CLOSE.protocolError, "unknown protocol");
      return;
    }
    this.#policy = readPolicy(payload.policy);
    this.#ready = true;
    const { reconnectShortestMs: shortestMs, reconnectLongestMs: longestMs } = this.#policy;
    this.#deps.line.established({ shortestMs, longestMs });
    if (typeof payload.credential === "string" && payload.credential !== "")
      this.#storeCredential(payload.credential);
    if (payload.addresses !== undefined) this.#storeAddresses(payload.addresses);
    if (payload.config !== undefined && payload.config !== null) this.#configure(payload.config);
    this.#heartbeat();
    this.#sendLog();
    this.#deps.runner().resendOutput();
    this.#flushOutput();
    this.#deliverInBackground();
    const features = Array.isArray(payload.features) ? payload.features : [];
    if (features.includes("messages")) this.#deps.mailbox.opened();
    this.#deps.upgrade().established();
  }

  #storeAddresses(value: unknown): void {
    try {
      this.#deps.storeAddresses(readAddresses(value));
    } catch (error) {
      this.#remark("disk", `the hub's addresses cannot be stored: ${errorMessage(error)}`);
    }
  }

  #storeCredential(credential: string): void {
    try {
      this.#deps.storeCredential(credential);
    } catch (error) {
      this.#unstored = credential;
      this.#remark("disk", `the credential cannot be stored: ${errorMessage(error)}`);
      return;
    }
    this.#unstored = null;
    this.#send("ack", { credential: true });
  }

  /** The hub waits for heartbeats as long as the agent's document says, which may have changed. */
  #changePace(policy: unknown): void {
    if (!isRecord(policy)) return;
    const { heartbeatMs } = this.#policy;
    this.#policy = readPolicy({ ...this.#policy, ...policy });
    // The one that is set may be later than the hub now waits for.
    if (this.#policy.heartbeatMs !== heartbeatMs) this.#heartbeat();
  }

  #configure(payload: unknown): void {
    const config = parsePushed(payload, this.#active.config);
    if (config === null) {
      this.#remark("bad-config", "a configuration without hash was ignored");
      return;
    }
    this.#active = { config, awaitsSecrets: false };
    try {
      this.#deps.storeConfig(config);
    } catch (error) {
      this.#remark("disk", `the configuration cannot be stored: ${errorMessage(error)}`);
    }
    this.#send("ack", { configHash: config.hash });
    this.#deps.configured(config);
    this.#deps.runner().reconfigured();
  }

  acknowledge(ref: TaskRef): void {
    if (this.#ready) this.#send("ack", ref);
  }

  /** The response goes after the output that belongs to it; without a connection it waits in the spool. */
  respond(response: ResponsePayload): void {
    this.#flushOutput();
    if (this.#ready) this.#send("response", response);
  }

  output(chunk: OutputPayload, paced: boolean): void {
    if (paced) {
      if (this.#ready) this.#send("output", chunk);
      return;
    }
    if (this.#outbox.empty && this.#sendChunk(chunk)) return;
    this.#outbox.add(chunk);
    this.#flushOutput();
  }

  #flushOutput(): void {
    this.#outbox.flush((chunk) => this.#sendChunk(chunk));
  }

  #sendChunk(chunk: OutputPayload): boolean {
    return this.#ready && !this.#deps.line.congested && this.#send("output", chunk);
  }

  /** Every result that the hub has not confirmed, one at a time to bound memory. */
  async #deliver(): Promise<void> {
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (const taskId of this.#deps.spool.ids()) {
        const response = this.#deps.spool.get(taskId);
        if (response === null) continue;
        if (!this.#ready || !(await this.#deps.line.sent(this.#frame("response", response)))) break;
      }
    } finally {
      this.#delivering = false;
    }
  }

  #deliverInBackground(): void {
    this.#deliver().catch((error: unknown) =>
      this.#deps.log.error(`results cannot be delivered: ${errorMessage(error)}`),
    );
  }

  #heartbeat(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const runner = this.#deps.runner();
    runner.retryDisk();
    this.#deps.mailbox.heartbeat();
    if (this.#unstored !== null) this.#storeCredential(this.#unstored);
    const { problems, warnings, running } = this.#deps.provisioning();
    const soon = running && this.#beats++ < BEATS_WHILE_PROVISIONED;
    const unsaved =
      this.#deps.spool.unsaved > 0 ? [`${this.#deps.spool.unsaved} results only in memory: disk full?`] : [];
    this.#send("health", {
      ...this.#deps.health(),
      currentTasks: runner.runningIds(),
      waitingTasks: runner.waiting(),
      unconfirmedResults: this.#deps.spool.size,
      inboxFull: this.#deps.mailbox.full,
      problems: [...unsaved, ...problems],
      warnings,
      // A cloud-init that hangs is not waited for without end.
      provisioning: soon,
    });
    this.#flushOutput();
    const usual = this.#policy.heartbeatMs;
    const period = jittered(
      soon ? Math.min(usual, PROVISIONED_MS) : usual,
      (this.#deps.random ?? Math.random)(),
    );
    this.#timer = setTimeout(() => {
      this.#heartbeat();
      // An unconfirmed result may have met a hub that could not store it.
      this.#deliverInBackground();
    }, period);
  }

  #sendLog(): void {
    if (!this.#ready) return;
    for (const line of this.#deps.log.take()) this.#send("log", line);
  }

  #remark(code: string, message: string): void {
    this.#deps.log.warn(message);
    if (this.#ready) this.#send("error", { code, message, next: "see the runtime's log" });
  }

  #send(type: string, payload: unknown, id?: string): boolean {
    return this.#deps.line.send(this.#frame(type, payload, id));
  }

  #frame(type: string, payload: unknown, id: string = randomUUID()): string {
    const { agent } = this.#deps;
    return JSON.stringify({ id, from: agent, to: "hub", type, timestamp: Date.now(), payload });
  }
}
