/** The first line: what this is, at which revision, on which driver; and how many agents are how. Pure. */
import { counts, type Filter, FILTER_TONES, FILTERS, filterWord } from "../../client/fleet-filter.ts";
import { revision } from "../../client/format.ts";
import { fitLine, type Line, line, lineColumns, type Span, span, spread } from "./line.ts";
import type { World } from "../app/world.ts";

/** What is well or passes by itself makes room first. */
const FEWER: readonly (readonly Filter[])[] = [[], ["working"], ["working", "ready"]];

/** How the agents are is worth more than the version of anything. */
export function headerLine(world: World, width: number): Line {
  const { fleet } = world.model;
  const brand = span("vm-agent", { bold: true });
  if (!fleet) return fitLine(line(" ", brand, span(`  ${world.where}`, "dim")), width);
  const { sandbox, name, version } = fleet.driver;
  const loud = { tone: "warn", inverse: true, bold: true } as const;
  const driver: Span = sandbox
    ? span(" SANDBOX: no virtual machines ", loud)
    : span(`${name} ${version}`, "dim");
  const short: Span = sandbox ? span(" SANDBOX ", loud) : driver;
  const at = `fleet@${revision(fleet.revision)}${fleet.dirty ? "+" : ""}`;
  const port = world.where.replace(/^https?:\/\/[^/]*?(?=:\d+$)/, "");
  const lefts: readonly Line[] = [
    line(" ", brand, ` ${fleet.version}  ${at}  `, driver, `  hub ${port}`),
    line(" ", brand, `  ${at}  `, driver),
    line(" ", brand, `  ${at}  `, short),
    line(` ${at}  `, short),
  ];
  const bare = line(" ", short);
  const totals = counts(fleet.agents);
  const rights = FEWER.map((without) => figures(totals, without));
  for (const right of rights)
    for (const left of lefts)
      if (lineColumns(left) + lineColumns(right) + 2 <= width) return spread(left, right, width);
  for (const right of rights)
    if (lineColumns(bare) + lineColumns(right) + 2 <= width) return spread(bare, right, width);
  return spread(bare, figures(totals, FILTERS.slice(1, 5)), width);
}

function figures(totals: ReturnType<typeof counts>, without: readonly Filter[]): Line {
  const shown = FILTERS.filter(
    (f) => !without.includes(f) && (f === "all" || totals[f] > 0 || (f === "ready" && totals.all > 0)),
  ).map((f) => span(`${totals[f]} ${filterWord(f, totals[f])}`, f === "all" ? {} : FILTER_TONES[f]));
  return [...shown.flatMap((f, i) => (i === 0 ? [f] : [{ text: "  " }, f])), { text: " " }];
}
