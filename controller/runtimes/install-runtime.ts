/**
 * Installs the runtime through the driver: where there is none, or where it can no longer be upgraded over its
 * connection.
 */
import {
  INSTALL_ARGV,
  INSTALL_ELSEWHERE,
  INSTALL_NO_NODE,
  installScript,
} from "../../provisioning/install-script.ts";
import { VmAgentError } from "../base/errors.ts";
import { type Inside, type GuestDeps, lookInGuest, runInGuest } from "./ownership/guest.ts";
import type { RuntimePort } from "../execute/ports.ts";

export interface InstallDeps extends GuestDeps {
  readonly runtime: Pick<RuntimePort, "enrol" | "addresses">;
  readonly hubPort: () => number;
  /** The bundle, gzipped, in base64. */
  readonly runtimeBundle: string;
  /** True for a nonce that this fleet derived for this name. */
  readonly isOwned: (name: string, nonce: string) => boolean;
}

/** A guest without Node installs the distribution's package over its network. Milliseconds. */
export const INSTALL_DEADLINE_MS = 10 * 60_000;

/**
 * The caller has a claim of this name with this nonce, and a list has just shown the instance as Running: `exec` would
 * start any other. The guest is checked first, and a runtime of another fleet is left alone. Idempotent, and safe to
 * interrupt.
 */
export async function installRuntime(
  deps: InstallDeps,
  name: string,
  nonce: string,
  signal?: AbortSignal,
): Promise<void> {
  const inside = await lookInGuest(deps, name, signal);
  const foreignState = stateOf(deps, name, nonce, inside);
  const settings = {
    agent: name,
    nonce,
    joinToken: await deps.runtime.enrol(name, nonce),
    hub: deps.runtime.addresses(),
    port: deps.hubPort(),
  };
  const { exitCode, stdout, stderr } = await runInGuest(deps, name, INSTALL_ARGV, {
    signal,
    input: installScript({ name, bundle: deps.runtimeBundle, settings, foreignState }),
    deadlineMs: INSTALL_DEADLINE_MS,
  });
  if (exitCode !== 0) throw failed(name, exitCode, `${stdout}\n${stderr}`);
}

/** True: the runtime inside belonged to another instance of this fleet. Throws where it must not be replaced. */
function stateOf(deps: InstallDeps, name: string, nonce: string, inside: Inside): boolean {
  switch (inside.kind) {
    case "nothing":
      return false;
    case "silent":
      throw new VmAgentError({
        code: "runtime-not-installed",
        message: `the runtime of "${name}" is not installed: it cannot be asked what is inside: ${inside.why}`,
        next: "nothing to do, it is tried again; vm-agent doctor looks at Multipass itself",
        transient: true,
      });
    case "seen": {
      if (inside.agent === name && inside.nonce === nonce) return false;
      if (deps.isOwned(inside.agent, inside.nonce)) return true;
      throw new VmAgentError({
        code: "runtime-of-another",
        message: `the runtime of "${name}" is not installed: one of another fleet is inside ("${inside.agent.slice(0, 63)}")`,
        next: `take it from that fleet first, then: vm-agent multipass exec ${name} -- sudo rm /etc/vm-agent/runtime.json`,
        transient: true,
      });
    }
    default: {
      const never: never = inside;
      return never;
    }
  }
}

const noNode = (said: string): string => {
  if (!said.startsWith("no Node"))
    return "there is no Node 18 or newer in it, and the distribution's package brings none";
  return said.includes("apt has only") ? said : `${said}, and the distribution's package brings none`;
};

function failed(name: string, exitCode: number, said: string): VmAgentError {
  const last = said.trim().split("\n").at(-1) ?? "";
  const why =
    exitCode === INSTALL_NO_NODE
      ? noNode(last)
      : exitCode === INSTALL_ELSEWHERE
        ? "inside it has another name"
        : last || `the script ended with ${exitCode}`;
  return new VmAgentError({
    code: "runtime-not-installed",
    message: `the runtime of "${name}" is not installed: ${why}`,
    next:
      exitCode === INSTALL_NO_NODE
        ? `bring one into it (vm-agent shell ${name}), such as: sudo snap install node --classic --channel=22; it is tried again`
        : `it is tried again; look inside: vm-agent multipass exec ${name} -- cloud-init status --long`,
    transient: true,
  });
}
