/** The fleet table. Pure. */
import { matching } from "../../client/fleet-filter.ts";
import { type Order, ordered } from "../../client/fleet-order.ts";
import { type Body, MARGIN } from "./body.ts";
import { agentLine, chooseColumns, headLine, longestName } from "./fleet-columns.ts";
import { hubTime, type World } from "../app/world.ts";

export function fleetBody(
  world: World,
  options: {
    readonly width: number;
    readonly filter: string;
    readonly order: Order;
    readonly marked: ReadonlySet<string>;
    readonly now: number;
  },
): Body {
  const { model } = world;
  const all = model.fleet?.agents ?? [];
  const agents = ordered(matching(all, "all", options.filter), options.order, model.health);
  const width = options.width - MARGIN;
  const columns = chooseColumns(width, longestName(all));
  const now = hubTime(world, options.now);
  return {
    title: "Fleet",
    head: headLine(columns),
    ids: agents.map((a) => a.name),
    row: (i) => {
      const agent = agents[i];
      if (!agent) return [];
      const { name } = agent;
      const facts = {
        agent,
        health: model.health[name] ?? [],
        registered: model.registered[name] ?? null,
        now,
      };
      return agentLine(columns, facts);
    },
    selectable: true,
    marked: (i) => options.marked.has(agents[i]?.name ?? ""),
    hasRemarks: columns.at(-1)?.title === "",
    total: all.length,
    empty: emptyWords(world, options.filter),
    after: options.filter === "" ? world.hints : [],
  };
}

function emptyWords({ model }: World, filter: string): readonly string[] {
  if (model.fleet === null)
    return [
      model.fleetError === null
        ? "Waiting for the hub's first answer…"
        : `The hub does not say how the fleet is: ${model.fleetError}`,
    ];
  if (model.fleet.agents.length > 0) return [`No agent matches "${filter}".`, "Esc shows all again."];
  if (model.fleet.errors.length > 0)
    return [
      "No agent is in force: what is above is to be mended first; it is read again as soon as it is saved.",
    ];
  return [
    `No agent is written yet in ${model.fleet.fleet}.`,
    "Write a document of kind: Agent there; it is read as soon as it is saved.",
  ];
}
