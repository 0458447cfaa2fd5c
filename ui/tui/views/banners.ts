/** What must not be overlooked, above the table: a lost hub, broken files, a Multipass that cannot be seen, held deletions. Pure. */
import { ahead, clock, count, duration } from "../../client/format.ts";
import { type Line, line, span, wrap } from "./line.ts";
import type { World } from "../app/world.ts";

/** For how long it is said that the hub is back. */
const FOUND = 6000;

/** Of broken files that are named each; the rest is counted. */
const ERRORS = 3;

interface Banner {
  readonly glyph: string;
  readonly tone: "bad" | "warn" | "good";
  readonly text: string;
}

export function bannerLines(world: World, now: number, width: number, rows: number): readonly Line[] {
  const most = Math.max(1, Math.floor(rows / 4));
  const lines = banners(world, now).flatMap(({ glyph, tone, text }) =>
    wrap(text, width - 4).map((part, i) =>
      line(span(i === 0 ? ` ${glyph} ` : "   ", tone), span(part, { tone, bold: i === 0 })),
    ),
  );
  if (lines.length <= most) return lines;
  const more = count(lines.length - most + 1, "more line");
  return [...lines.slice(0, most - 1), line(span(`   … ${more}, for which there is no room here`, "dim"))];
}

/** `now`: our own clock. */
export function banners({ model, planError, refused }: World, now: number): readonly Banner[] {
  const { link, fleet, fleetError } = model;
  const found: Banner[] = [];
  if (refused !== "") {
    const age = fleet ? ` What is shown is as of ${clock(fleet.at)}.` : "";
    const text = `STALE: the hub does not let us in any more: ${refused}. It is asked again every 15 s, with the token that is there then.${age}`;
    found.push({ glyph: "✕", tone: "bad", text });
  } else if (link.status === "lost") {
    const age = fleet
      ? ` What is shown is as of ${clock(fleet.at)}, ${seconds(now + model.offset - fleet.at)} ago.`
      : "";
    const next = link.retryAt === null ? "trying to reach it" : `next try ${ahead(link.retryAt, now)}`;
    found.push({
      glyph: "✕",
      tone: "bad",
      text: `STALE: the hub has been lost for ${seconds(now - link.since)} (${link.message}); ${next}.${age}`,
    });
  } else if (link.foundAt !== null && now - link.foundAt < FOUND)
    found.push({ glyph: "✓", tone: "good", text: "The hub is back; everything is current again." });
  else if (fleetError !== null)
    found.push({ glyph: "✗", tone: "bad", text: `The fleet cannot be read: ${fleetError}.` });
  if (planError !== "" && link.status === "live")
    found.push({ glyph: "✗", tone: "bad", text: `The plan cannot be read: ${planError}.` });
  if (!fleet) return found;
  for (const { level, message, next } of fleet.alerts)
    found.push({ glyph: "▲", tone: level, text: `${message}. Next: ${next}.` });
  if (fleet.errors.length > 0) {
    const force = fleet.stale
      ? "The last good fleet stays in force."
      : "There is no good fleet yet, so nothing is done.";
    const rest = fleet.errors.length - ERRORS;
    const shown = fleet.errors.slice(0, rest > 0 ? ERRORS : fleet.errors.length);
    shown.forEach((error, i) => {
      const isLast = i === shown.length - 1;
      const more = rest > 0 ? ` And ${count(rest, "more error")}: vm-agent validate.` : "";
      const said = /[.?!]$/.test(error) ? error : `${error}.`;
      const text = isLast ? `${said}${more} ${force}` : said;
      found.push({ glyph: "✗", tone: "bad", text });
    });
  } else if (fleet.guard)
    found.push({ glyph: "?", tone: "warn", text: `Deletions are held: ${fleet.guard}.` });
  if (fleet.unobservable)
    found.push({
      glyph: "▲",
      tone: "bad",
      text: `Multipass cannot be observed: ${fleet.unobservable}. Nothing is created, changed or destroyed until it answers.`,
    });
  if (fleet.git?.problem)
    found.push({ glyph: "▲", tone: "warn", text: `${fleet.git.problem.message}; ${fleet.git.problem.next}` });
  const { unpushed = 0, follows = "" } = fleet.git ?? {};
  if (unpushed > 0)
    found.push({
      glyph: "?",
      tone: "warn",
      text: `${count(unpushed, "local commit")} not pushed to ${follows}, so not applied.`,
    });
  if (fleet.git?.follows && fleet.git.uncommitted.length > 0)
    found.push({
      glyph: "?",
      tone: "warn",
      text: `Not committed, so not applied: ${fleet.git.uncommitted.slice(0, 3).join(", ")}${fleet.git.uncommitted.length > 3 ? " …" : ""}`,
    });
  return found;
}

/** A clock that changes every few milliseconds is of no use. */
const seconds = (ms: number): string => duration(Math.max(1000, ms));
