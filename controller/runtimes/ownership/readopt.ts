/**
 * Readopts an owned instance that the store has lost: a new claim with the instance's nonce, and new credentials for
 * its runtime.
 */
import { VmAgentError } from "../../base/errors.ts";
import type { Bus } from "../../base/events.ts";
import type { Claim, DesiredAgent } from "../../core/types.ts";
import type { Store } from "../../store/store.ts";
import { vanishedKey } from "../../store/keys.ts";
import { type Inside, type GuestDeps, SETTINGS_FILE, runInGuest } from "./guest.ts";
import type { RuntimePort } from "../../execute/ports.ts";

type Seen = Extract<Inside, { readonly kind: "seen" }>;

export interface ReadoptDeps extends GuestDeps {
  readonly store: Store;
  readonly bus: Bus;
  readonly runtime: RuntimePort;
  readonly fence: number;
  readonly runtimeHash: string;
  readonly hubPort: () => number;
}

/**
 * The document's image, provisioning and restore count as done: their history is unknown, and repeating them would cost
 * the disk.
 */
const claimAgain = ({ clock, runtimeHash }: ReadoptDeps, agent: DesiredAgent, nonce: string): Claim => ({
  name: agent.name,
  nonce,
  // If interrupted from here on, it is asked again and continued.
  phase: "launching",
  claimedAt: clock.now(),
  bootAt: clock.now(),
  image: agent.image ?? null,
  provisionHash: agent.provision.hash,
  runtimeHash,
  restoreToken: agent.restore?.token ?? null,
  document: agent.document,
  converged: null,
  proven: false,
  protect: agent.protect,
});

/** `known`: the claim of a launch that was begun and not heard of again; absent: no record. */
export async function takeBack(
  deps: ReadoptDeps,
  agent: DesiredAgent,
  known: Claim | undefined,
  inside: Seen,
  signal?: AbortSignal,
): Promise<void> {
  const { store, fence } = deps;
  const claim = known ?? claimAgain(deps, agent, inside.nonce);
  await store.claims.put(claim, fence);
  await enrolAgain(deps, agent.name, inside, signal);
  await store.claims.put({ ...claim, phase: "launched", proven: true }, fence);
  await store.kv.remove(vanishedKey(agent.name));
  if (!known)
    deps.bus.emit("agent.adopted", { agent: agent.name, message: "its nonce is ours: it is taken back" });
}

/** Written beside and renamed, so that an interruption keeps the nonce. */
const REPLACE = 'umask 077 && cat > "$1.new" && mv "$1.new" "$1"';

/** A fresh join token, by standard input; the runtime reads its settings at every attempt, so it is not disturbed. */
export async function enrolAgain(
  deps: ReadoptDeps,
  name: string,
  { settings, nonce }: Seen,
  signal?: AbortSignal,
): Promise<void> {
  const joinToken = await deps.runtime.enrol(name, nonce);
  const fresh = { ...settings, joinToken, hub: deps.runtime.addresses(), port: deps.hubPort() };
  const written = await runInGuest(deps, name, ["sudo", "-n", "sh", "-c", REPLACE, "sh", SETTINGS_FILE], {
    signal,
    input: `${JSON.stringify(fresh)}\n`,
  });
  if (written.exitCode !== 0) {
    throw new VmAgentError({
      code: "not-enrolled",
      message: `the runtime of "${name}" could not be given a new join token: ${written.stderr.trim()}`,
      next: `look inside: vm-agent multipass exec ${name} -- sudo ls -l /etc/vm-agent`,
      transient: true,
    });
  }
}
