/** Effects inside an instance or across its border: mounts, and provisioning that is rerun. */
import { VmAgentError } from "../base/errors.ts";
import type { Clock } from "../base/clock.ts";
import type { DesiredAgent, Step } from "../core/types.ts";
import type { Driver } from "../drivers/driver.ts";
import { type ClaimDeps, owned, putClaim, assertFence } from "./claims.ts";
import { type MountingRow, mountingKey, mountsKey } from "../store/keys.ts";
import { RERUN_ARGV, RERUN_BUSY, RERUN_ELSEWHERE, outputTail, provisionScript } from "./provision-script.ts";

export interface InsideEffectDeps extends ClaimDeps {
  readonly driver: Driver;
  readonly clock: Clock;
}

export async function changeMount(deps: InsideEffectDeps, step: Step): Promise<void> {
  const { driver, store, clock } = deps;
  const { agent, mount, kind } = step;
  if (!mount) throw new Error("a mount step without a mount");
  await assertFence(deps, agent);
  if (kind === "mount") {
    const row: MountingRow = { nonce: owned(deps, agent).nonce, at: clock.now() };
    await store.kv.put(mountingKey(agent), row);
    await driver.mount(agent, mount);
  } else await driver.unmount(agent, mount.target);
  await store.kv.remove(mountsKey(agent));
}

/** The hash is empty while it runs, so that an interrupted run is repeated, whatever is edited meanwhile. */
export async function rerun(deps: InsideEffectDeps, agent: DesiredAgent, signal: AbortSignal): Promise<void> {
  const { name, provision } = agent;
  await putClaim(deps, name, { provisionHash: "" });
  const script = provisionScript(agent);
  const { exitCode, stdout, stderr } = await deps.driver.exec(name, "Running", RERUN_ARGV, signal, script);
  if (exitCode !== 0) {
    const said = outputTail(`${stdout}\n${stderr}`);
    throw new VmAgentError({
      code: "provision-failed",
      message: `the provision block of "${name}" was run again and failed (exit ${exitCode})${said === "" ? "" : `:\n${said}`}`,
      next: `mend the document, or try it once more: vm-agent reconcile ${name}`,
      transient: exitCode === RERUN_BUSY || exitCode === RERUN_ELSEWHERE,
    });
  }
  await putClaim(deps, name, { provisionHash: provision.hash });
}
