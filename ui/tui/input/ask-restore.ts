/** Going back to a snapshot: first which one, then what it costs and the name, typed. Pure. */
import { findAgent } from "../../client/model.ts";
import { type Asked, costs, unwritten } from "./asks.ts";
import { typed } from "./typing.ts";
import type { World } from "../app/world.ts";

/** `snapshot`: empty where it is still to be chosen. */
export function askRestore(world: World, name: string, snapshot: string): Asked {
  const agent = findAgent(world.model, name);
  if (!agent) return { refusal: `There is no agent "${name}".` };
  const refusal = unwritten(world, [name]);
  if (refusal) return { refusal };
  const known = agent.snapshots;
  if (snapshot === "") {
    if (known === null) return { refusal: `The snapshots of ${name} have not been read yet; r looks again.` };
    if (known.length === 0) return { refusal: `${name} has no snapshot to go back to; S takes one.` };
    const index = known.length - 1;
    return {
      dialog: {
        kind: "choose",
        title: `Restore ${name} to which snapshot?`,
        agent: name,
        options: known,
        index,
      },
    };
  }
  if (known !== null && !known.includes(snapshot))
    return { refusal: `${name} has no snapshot "${snapshot}"; there is: ${known.join(", ") || "none"}.` };
  const { document } = agent;
  return {
    dialog: {
      kind: "typed",
      title: `Restore ${document} to ${snapshot}?`,
      lines: [
        "What its disk holds since then is lost, but for a snapshot that is taken before.",
        "It is stopped for it and started again, if it is to run.",
        ...costs(world, [name]),
      ],
      word: document,
      typing: typed(""),
      problem: "",
      effect: { type: "restore", agent: document, snapshot },
    },
  };
}
