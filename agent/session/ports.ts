/** What the conversation with the hub needs of the rest of the runtime. */
import type { Bounds } from "./backoff.ts";
import type { ActiveConfig } from "../host/config.ts";
import type { Log } from "../host/log.ts";
import type { LogStore } from "../host/log-store.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import type { Spool } from "../tasks/spool.ts";
import type { TaskRunner } from "../tasks/tasks.ts";
import type { Upgrade } from "../host/upgrade.ts";
import type { PushedConfig } from "./wire.ts";

/** What hello says of the runtime itself. */
export interface Identification {
  readonly nonce: string;
  readonly instanceId: string;
  readonly bootId: string;
  readonly version: string;
  readonly bundleHash: string;
  readonly node: string;
}

export interface Line {
  send(text: string): boolean;
  sent(text: string): Promise<boolean>;
  readonly congested: boolean;
  close(code: number, reason: string): void;
  established(bounds: Bounds): void;
}

/** How the guest's provisioning went, as far as it went. */
export interface Provisioning {
  /** What is not as the document says it should be. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly running: boolean;
}

export interface SessionDeps {
  readonly agent: string;
  readonly line: Line;
  readonly identify: () => Identification;
  readonly storeCredential: (credential: string) => void;
  readonly storeAddresses: (addresses: readonly string[]) => void;
  readonly storeConfig: (config: PushedConfig) => void;
  readonly initial: ActiveConfig;
  readonly configured: (config: PushedConfig) => void;
  readonly runner: () => TaskRunner;
  readonly spool: Spool;
  readonly mailbox: Mailbox;
  readonly logPage: LogStore["page"];
  readonly upgrade: () => Upgrade;
  readonly health: () => Readonly<Record<string, unknown>>;
  readonly provisioning: () => Provisioning;
  readonly log: Log;
  readonly random?: () => number;
}
