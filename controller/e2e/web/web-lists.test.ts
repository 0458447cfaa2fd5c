/** Long lists: filtered by state, searched, with an address that can be shared; older tasks by the page. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createApi } from "../../../ui/client/api.ts";
import { findChromium, HOW_TO_INSTALL } from "../../../ui/web/testing/browser.ts";
import { aFleet, anAgent, aPlan, everyState } from "../../../ui/web/testing/fleet.ts";
import { becomes, type Visit, visit } from "../../../ui/web/testing/visit.ts";

const chromium = findChromium();
/** More than the page reads by itself. */
const CANCELLED = 225;

describe("the page's lists", { skip: chromium === undefined ? HOW_TO_INSTALL : false }, () => {
  let here: Visit;
  let oldest = "";
  before(async () => {
    here = await visit(chromium ?? "", aFleet(everyState()));
    const { stage } = here;
    // No runtime connects: tasks wait, and a cancel is immediate.
    const api = createApi({ url: stage.url, token: stage.token });
    for (const name of ["agent-builder", "agent-tester-2"]) await api.registerAgent(name);
    const { requests, engine } = stage.hub();
    const give = async (agent: string, command: string) => {
      const { task } = await requests.submit(agent, {
        spec: { type: "exec", command },
        actor: "operator",
        idempotencyKey: null,
      });
      return task.id;
    };
    const giveUp = async (agent: string, command: string) =>
      engine.cancel(await give(agent, command), "cancelled by the test", "operator");
    await giveUp("agent-tester-2", "before all others");
    oldest = await give("agent-builder", "the oldest of all");
    for (let n = 0; n < CANCELLED; n++) await giveUp("agent-builder", `make part-${n}-of-it`);
    await here.signIn();
  });
  after(() => here?.close());
  const hash = () => new URL(here.page.url()).hash;
  const shown = () => here.page.locator("tbody[data-row]");

  test("agents are chosen by sync and health and put in order; the address says it, and opens so elsewhere", async () => {
    const { page } = here;
    await shown().first().waitFor();
    const sync = page.getByLabel("Sync", { exact: true });
    assert.deepEqual(
      (await sync.locator("option").allInnerTexts()).map((t) => t.trim()),
      ["any sync", "Synced (1)", "OutOfSync (2)", "Held (1)", "Paused (1)", "Unknown (1)"],
    );
    await sync.selectOption("OutOfSync");
    await page.getByText("2 of 6, OutOfSync").waitFor();
    await page.getByLabel("Order", { exact: true }).selectOption("trouble");
    await page.locator("tbody[data-row]").first().getByText("agent-cache").first().waitFor();
    await page.getByLabel("Health", { exact: true }).selectOption("Offline");
    await page.getByText("1 of 6, OutOfSync, Offline").waitFor();
    assert.equal(hash(), "#/fleet?sync=OutOfSync&health=Offline&order=trouble");
    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.getByLabel("Operator token").fill(here.stage.token);
    await other.keyboard.press("Enter");
    await other.locator('tbody[data-row="agent-tester"]').waitFor();
    assert.equal(await other.locator("tbody[data-row]").count(), 1);
    await other.close();
    await page.getByRole("searchbox").fill("no-such");
    await page.getByRole("button", { name: "Show all 6" }).click();
    await page.locator('tbody[data-row="agent-builder"]').waitFor();
    assert.equal(hash(), "#/fleet");
  });

  test("older tasks come by the page, each once, until there are no more", async () => {
    const { page } = here;
    await here.open("tasks");
    const rows = page.locator("table.tasks tbody tr");
    await page.getByText("200 newest").waitFor();
    assert.equal(await rows.count(), 200);
    const more = page.getByRole("button", { name: "Show older tasks" });
    await more.click();
    await page.getByText("227 shown").waitFor();
    await more.waitFor({ state: "detached" });
    const words = await page.locator("table.tasks td.what").allInnerTexts();
    assert.equal(new Set(words).size, CANCELLED + 2);
    assert.match(words.at(-1) ?? "", /before all others/);
  });

  test("tasks are found by their words, and what is not finished is shown however old it is", async () => {
    const { page } = here;
    const rows = page.locator("table.tasks tbody tr");
    await page.getByRole("searchbox").fill("cancelled part-217-of-it");
    await becomes(page, "document.querySelectorAll('table.tasks tbody tr').length === 1");
    assert.equal(hash(), "#/tasks?q=cancelled+part-217-of-it");
    await page.getByRole("searchbox").fill("no such words");
    await page.getByText('No task matches "no such words".').waitFor();
    await here.open("fleet");
    await page.goto(`${here.stage.url}#/tasks?show=open`);
    await page.reload();
    await rows.getByText("the oldest of all").waitFor();
    assert.equal(await rows.count(), 1);
    await rows.getByText("agent-builder is offline", { exact: true }).waitFor();
    await page.getByRole("link", { name: oldest.slice(-8) }).click();
    await page.getByText("The task as it was accepted").waitFor();
    await page.getByText("agent-builder is offline", { exact: true }).waitFor();
  });

  test("tasks are gone through with the keys, and who comes back finds the task again", async () => {
    const { page } = here;
    await here.open("tasks?q=part-20");
    await becomes(page, "document.querySelectorAll('table.tasks tbody tr').length > 5");
    const link = (n: number) => page.locator("table.tasks tbody tr").nth(n).getByRole("link").first();
    const third = (await link(2).innerText()).trim();
    await page.keyboard.press("j");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await becomes(page, `document.activeElement.textContent === "${third}"`);
    await page.keyboard.press("Enter");
    await page.getByText("The task as it was accepted").waitFor();
    await page.goBack();
    await becomes(page, `document.activeElement.textContent === "${third}"`);
  });

  test("an agent's page shows its last task, although the fleet's newest are others'", async () => {
    const { page } = here;
    await here.open("agent/agent-tester-2");
    await page.locator("table.tasks").getByText("before all others").waitFor();
    assert.equal(await page.locator("table.tasks tbody tr").count(), 1);
    await page.getByRole("button", { name: "Look again" }).click();
    await page.getByText("The loop looks at it now.").waitFor();
    assert.deepEqual(here.stage.reconciled, [["agent-tester-2"]]);
  });

  test("a plan is found by its agents; what is not shown is not applied, what is left out neither", async () => {
    const { page, stage } = here;
    stage.plan = aPlan();
    const held = [{ reason: "loses-data", message: "its disk would be lost", release: "vm-agent apply" }];
    await here.show(aFleet([anAgent("agent-builder"), anAgent("agent-cache", { held, sync: "Held" })]));
    await here.open("plan?q=agent-cache");
    await page.getByText("3 of it not shown, and not applied from here.").waitFor();
    await page.getByText("holds it: its disk would be lost.").waitFor();
    assert.equal(await page.locator("article.change").count(), 1);
    await page.getByRole("searchbox").fill("");
    await page.getByRole("button", { name: "Apply 3 changes…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel(/agent-cache replace/).uncheck();
    await dialog.getByLabel(/agent-researcher create/).uncheck();
    await dialog.getByRole("button", { name: "Apply" }).click();
    await page.getByText("1 change handed to the loop").waitFor();
    assert.deepEqual(stage.applied, [
      { changes: [{ agent: "agent-builder", action: "restart-update" }], allowDelete: [] },
    ]);
    await here.show(aFleet(everyState()));
  });

  test("events keep their choice in the address too", async () => {
    const { page } = here;
    await here.open("events?kind=task&q=cancelled");
    const lines = page.locator(".events li");
    await lines.first().waitFor();
    assert.equal(
      await page.getByRole("button", { name: "Tasks", exact: true }).getAttribute("aria-pressed"),
      "true",
    );
    assert.equal(await page.getByRole("searchbox").inputValue(), "cancelled");
    for (const line of await lines.allInnerTexts()) assert.match(line, /cancelled/);
    await page.getByLabel("routine too").check();
    await page.getByRole("button", { name: "Agents", exact: true }).click();
    await becomes(page, "location.hash === '#/events?kind=agent&q=cancelled&routine=yes'");
  });

  test("nothing was complained of", () => assert.deepEqual(here.complaints, []));
});
