/** `vm-agent token`: the path of the operator's token, and on request the token. */
import { existsSync } from "node:fs";
import { systemClock } from "../../base/clock.ts";
import { EXIT, VmAgentError, toVmAgentError } from "../../base/errors.ts";
import { makeHome } from "../../base/home.ts";
import {
  operatorTokenPath,
  readOrCreateOperatorToken,
  rotateOperatorToken,
} from "../../hub/auth/operator-token.ts";
import { systemRandom } from "../../hub/random.ts";
import { acquireLock } from "../../store/lock.ts";
import { findHub, needHub } from "../system/home.ts";
import { shownPath } from "../output/output.ts";
import type { CommandRun, Invocation } from "../command-spec.ts";

export const token: CommandRun = async (invocation) => {
  const [verb, name] = invocation.args;
  if (name !== undefined && verb !== "join") throw usage(`"${name}" after ${verb}`);
  switch (verb) {
    case undefined:
      return where(invocation);
    case "show":
      return show(invocation);
    case "rotate":
      return rotate(invocation);
    case "join":
      if (name === undefined) throw usage("join without an agent's name");
      return join(invocation, name);
    default:
      throw usage(`"${verb}"`);
  }
};

function where({ settings, output }: Invocation): number {
  const path = operatorTokenPath(settings.home);
  const exists = existsSync(path);
  if (output.json) output.out(JSON.stringify({ path, exists }));
  else if (exists) output.out(`the operator's token is in ${shownPath(path)}; vm-agent token show prints it`);
  else output.out(`there is no operator's token yet; vm-agent up makes one in ${shownPath(path)}`);
  return EXIT.done;
}

function show({ settings, output }: Invocation): number {
  const path = operatorTokenPath(settings.home);
  if (!existsSync(path)) {
    throw new VmAgentError({
      code: "operator-token-missing",
      message: `there is no operator's token at ${path} yet`,
      next: "vm-agent up makes it; or point VM_AGENT_HOME at the right state folder",
    });
  }
  const value = readOrCreateOperatorToken(settings.home, systemRandom);
  output.out(output.json ? JSON.stringify({ path, token: value }) : value);
  return EXIT.done;
}

/** A running hub does it, so that hub and file never differ. */
async function rotate({ settings, output }: Invocation): Promise<number> {
  const path = operatorTokenPath(settings.home);
  const hub = await findHub(settings);
  if (hub) await hub.api.rotateOperatorToken();
  else if (settings.url !== null) await needHub(settings);
  else rotateAlone(settings.home);
  const there = settings.url === null ? `in ${shownPath(path)}` : `in the hub's state folder`;
  if (output.json) output.out(JSON.stringify({ rotated: true, running: hub !== null }));
  else
    output.out(
      `the new token is ${there}${hub ? ", the running hub takes no other from now on" : ""}; dashboards need the new one`,
    );
  return EXIT.done;
}

/** Under the lock, so that no starting or unresponsive hub keeps the old token. */
function rotateAlone(home: string): void {
  makeHome(home);
  const lock = holdLock(home);
  try {
    rotateOperatorToken(home, systemRandom);
  } finally {
    lock.release();
  }
}

function holdLock(home: string) {
  try {
    return acquireLock(home, {
      pid: process.pid,
      command: "vm-agent token rotate",
      since: systemClock.now(),
    });
  } catch (error) {
    const known = toVmAgentError(error);
    if (known.code !== "locked") throw error;
    throw new VmAgentError({
      code: "hub-unreachable",
      message: `${known.message}, does not answer, and would keep the old token`,
      next: "try again when it answers, or stop it first",
      exit: EXIT.unreachable,
      cause: error,
    });
  }
}

async function join({ settings, output }: Invocation, name: string): Promise<number> {
  const { api } = await needHub(settings);
  const answer = await api.issueJoinToken(name);
  if (output.json) output.out(JSON.stringify(answer));
  else {
    output.out(answer.token);
    output.err(
      `good once, until ${new Date(answer.expiresAt).toISOString()}, for the instance of "${name}" alone: as joinToken in its /etc/vm-agent/runtime.json`,
    );
  }
  return EXIT.done;
}

const usage = (found: string): VmAgentError =>
  new VmAgentError({
    code: "usage",
    message: `${found} is not allowed here`,
    next: "allowed: vm-agent token, token show, token rotate, token join NAME",
    exit: EXIT.usage,
  });
