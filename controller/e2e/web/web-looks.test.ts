/** The page at all usual widths: nothing overflows, nothing is left out. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { findChromium, HOW_TO_INSTALL } from "../../../ui/web/testing/browser.ts";
import { aFleet, anAgent, aPlan, drifted, everyState } from "../../../ui/web/testing/fleet.ts";
import { becomes, type Stop, spilled, type Visit, visit } from "../../../ui/web/testing/visit.ts";

const chromium = findChromium();
const WIDTHS = [1920, 1440, 1280, 1181, 1180, 1024, 820, 761, 760, 390, 320] as const;

describe("the page's looks", { skip: chromium === undefined ? HOW_TO_INSTALL : false }, () => {
  let here: Visit;
  before(async () => {
    here = await visit(chromium ?? "", aFleet(everyState()));
    await here.signIn();
  });
  after(() => here?.close());

  test("at no width does anything run out of its box, in any view", async () => {
    const { page, stage } = here;
    stage.plan = aPlan();
    const places: readonly Stop[] = [
      ["fleet", "agent-researcher"],
      ["agent/agent-cache", "Desired and observed"],
      ["plan", "Plan: 1 to create"],
      ["tasks", "Tasks"],
      ["events", "Events"],
    ];
    await here.tour(places, async (place) => {
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 });
        assert.deepEqual(await spilled(page), [], `${place} at ${width}`);
      }
    });
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test("what is wrong in an agent that takes tasks is said in its row and on its page", async () => {
    const { page } = here;
    await here.open("fleet");
    const words = "its disk is 97 % full";
    await page.locator('tbody[data-row="agent-researcher"] .notes').getByText(words).waitFor();
    await page.getByRole("link", { name: "agent-researcher", exact: true }).click();
    await page.locator(".notices").getByText(words).waitFor();
    // An agent that is only offline is shown elsewhere already.
    await here.show(aFleet([drifted("agent-researcher"), anAgent("agent-builder")]));
    await page.locator("h1 + .chips").getByText("Offline").waitFor();
    assert.equal(await page.locator(".notices").getByText(words).count(), 0);
  });

  test("the tab says how the fleet is, while another one is looked at", async () => {
    const { page } = here;
    const icon = () => page.locator('link[rel="icon"]').getAttribute("href");
    await here.show(aFleet([anAgent("agent-builder"), drifted("agent-tester")]));
    await here.open("plan");
    await becomes(page, 'document.title === "1 drifted – Plan – vm-agent"');
    assert.match(decodeURIComponent((await icon()) ?? ""), /≠/);
    await here.show(aFleet([anAgent("agent-builder")]));
    await becomes(page, 'document.title === "Plan – vm-agent"');
    assert.match(decodeURIComponent((await icon()) ?? ""), /✓/);
  });

  test("the first visit is light, and the next one costs next to nothing", async () => {
    const { page } = here;
    // The size that travelled, whatever was kept from before.
    const weight = () =>
      page.evaluate(
        "performance.getEntriesByType('resource').filter((r) => /app\\.(js|css)$/.test(r.name)).reduce((n, r) => n + r.transferSize, 0)",
      ) as Promise<number>;
    const first = await weight();
    assert.ok(first > 10_000 && first < 90_000, `${first} bytes`);
    await page.reload();
    await page.locator("h1").first().waitFor();
    assert.ok((await weight()) < 2000, `${await weight()} bytes`);
  });

  test("nothing was complained of", () => assert.deepEqual(here.complaints, []));
});
