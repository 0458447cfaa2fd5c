/** The page stays current and says so: after a laptop's sleep, a tab in the background, a network that went and came. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { findChromium, HOW_TO_INSTALL } from "../../../ui/web/testing/browser.ts";
import { aFleet, anAgent } from "../../../ui/web/testing/fleet.ts";
import { type Visit, visit } from "../../../ui/web/testing/visit.ts";

const chromium = findChromium();
const agents = (...names: readonly string[]) => aFleet(names.map((n) => anAgent(n)));

describe("the page stays current", { skip: chromium === undefined ? HOW_TO_INSTALL : false }, () => {
  let here: Visit;
  before(async () => {
    here = await visit(chromium ?? "", agents("agent-1"), { clock: true });
    await here.signIn();
    await here.page.locator('tbody[data-row="agent-1"]').waitFor();
  });
  after(() => here?.close());
  const row = (name: string) => here.page.locator(`tbody[data-row="${name}"]`);
  const streamBegins = () => here.page.waitForRequest((r) => new URL(r.url()).pathname === "/events");

  test("after a suspend the page refreshes, reopens its stream and shows that it is current", async () => {
    const { page, stage } = here;
    // No event is sent: the stream is as dead as after a suspend.
    stage.show(agents("agent-1", "agent-2"));
    // It is said for a few seconds only: whoever looks for it looks from the beginning.
    const said = page.getByText("Looked again after a pause: everything is current.").waitFor();
    const begins = streamBegins();
    await page.clock.fastForward("02:00:00");
    await Promise.all([begins, said]);
    await row("agent-2").waitFor();
  });

  test("a tab that was in the background for long does so too", async () => {
    const { page, stage } = here;
    const hide = (hidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, "hidden", { value: ${hidden}, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"))`);
    await hide(true);
    await page.clock.fastForward("00:10:00");
    stage.show(agents("agent-1", "agent-2", "agent-3"));
    const begins = streamBegins();
    await hide(false);
    await begins;
    await row("agent-3").waitFor();
  });

  test("a lost network is shown with its reason, and the page recovers at once when it returns", async () => {
    const { page, stage } = here;
    await page.context().setOffline(true);
    await page.getByText("The hub has been lost: the hub does not answer.").waitFor();
    await page.getByText("This computer says that it has no network.").waitFor();
    await row("agent-3").waitFor();
    stage.show(agents("agent-4"));
    const said = page.getByText("The hub is back; everything is current again.").waitFor();
    await page.context().setOffline(false);
    await said;
    await row("agent-4").waitFor();
    assert.equal(await row("agent-3").count(), 0);
  });

  test("nothing was complained of", () => assert.deepEqual(here.complaints, []));
});
