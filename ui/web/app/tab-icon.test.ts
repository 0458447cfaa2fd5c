/** The tab tells the worst thing that is so. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyModel } from "../../client/model.ts";
import type { FleetView } from "../../client/types.ts";
import { tabIcon } from "./tab-icon.ts";
import { aFleet, anAgent, drifted } from "../testing/fleet.ts";

const { link } = emptyModel(0);
const of = (fleet: FleetView | null, status: typeof link.status = "live") => {
  const { sign, words } = tabIcon({ link: { ...link, status }, fleet });
  return `${sign} ${words}`.trim();
};
const failing = anAgent("f", { failure: { message: "m", next: "n", count: 1, retryAt: null } });
const held = anAgent("h", { held: [{ reason: "protected", message: "m", release: "r" }] });

test("the worst comes first, what is well says nothing", () => {
  assert.equal(of(null), "·");
  assert.equal(of(aFleet([anAgent("a")])), "✓");
  assert.equal(of(aFleet([anAgent("a"), held])), "? 1 held");
  assert.equal(of(aFleet([held, drifted("d")])), "≠ 1 drifted");
  assert.equal(of(aFleet([held, drifted("d"), failing, failing])), "! 2 failing");
  assert.equal(of(aFleet([failing], { errors: ["e"] })), "! broken files");
  assert.equal(of(aFleet([failing], { unobservable: "no answer" })), "! cannot be seen");
  assert.equal(of(aFleet([failing]), "lost"), "× hub lost");
});

test("each state has its own symbol, so that it does not depend on colour", () => {
  const signs = [
    tabIcon({ link: { ...link, status: "live" }, fleet: aFleet([anAgent("a")]) }),
    tabIcon({ link: { ...link, status: "live" }, fleet: aFleet([drifted("a")]) }),
    tabIcon({ link: { ...link, status: "live" }, fleet: aFleet([failing]) }),
    tabIcon({ link: { ...link, status: "lost" }, fleet: null }),
  ];
  assert.equal(new Set(signs.map((s) => s.sign)).size, signs.length);
});
