/** The page in a real browser, before a real hub: what an operator does on it, and what it must never do. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import {
  findChromium,
  HOW_TO_INSTALL,
  openBrowser,
  type TestBrowser,
} from "../../../ui/web/testing/browser.ts";
import { aChange, aFleet, anAgent, aPlan, drifted } from "../../../ui/web/testing/fleet.ts";
import { createStage, type Stage } from "../../../ui/web/testing/stage.ts";
import { connected } from "../../hub/testing/hub.ts";

const MOUNTS = {
  before: { state: "running", mounts: [] },
  after: { state: "running", mounts: [{ source: "/a", target: "/b" }] },
};

const chromium = findChromium();
/** A deadline, not a pace: everything here waits for what it wants to see. */
const DEADLINE = 40_000;

describe("the page", { skip: chromium === undefined ? HOW_TO_INSTALL : false }, () => {
  let browser: TestBrowser;
  let stage: Stage;
  let page: Page;
  const complaints: string[] = [];
  const addresses: string[] = [];

  before(async () => {
    stage = await createStage(
      aFleet([anAgent("agent-builder"), anAgent("agent-tester"), anAgent("agent-cache")]),
    );
    browser = await openBrowser(chromium ?? "");
    browser.context.setDefaultTimeout(DEADLINE);
  });

  after(async () => {
    await browser?.close();
    await stage?.close();
  });

  const row = (name: string) => page.locator("tbody", { has: page.getByRole("link", { name, exact: true }) });
  const goTo = (view: string) =>
    page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: view }).click();

  test("without the token there is only the sign-in form, and a wrong token is answered with where the right one is", async () => {
    page = await browser.context.newPage();
    page.on("request", (r) => addresses.push(r.url()));
    page.on("pageerror", (e) => complaints.push(e.message));
    page.on("console", (m) => {
      // What the browser says of answers that are meant (401) and of the stopped hub is no complaint of the page.
      if (m.type() === "error" && !m.text().startsWith("Failed to load resource")) complaints.push(m.text());
    });
    await page.goto(stage.url);
    const field = page.getByLabel("Operator token");
    await field.fill("not-the-token-at-all");
    await page.getByRole("button", { name: "Sign in" }).click();
    const alert = page.getByRole("alert");
    await alert.waitFor();
    assert.match(await alert.innerText(), /not the operator token.*operator-token in the state folder/s);
    assert.equal(await page.getByRole("table").count(), 0);
  });

  test("the right token opens the fleet, and stays in the tab only", async () => {
    await page.getByLabel("Operator token").fill(stage.token);
    await page.keyboard.press("Enter");
    await row("agent-builder").waitFor();
    assert.equal(await page.locator("table.fleet tbody").count(), 3);
    assert.match(await row("agent-builder").innerText(), /running.*Running.*Synced.*Healthy/s);
    assert.equal(await page.evaluate("localStorage.length"), 0);
    assert.equal(await page.evaluate("document.cookie"), "");
    await page.reload();
    await row("agent-builder").waitFor();
  });

  test("an agent drifts and heals before one's eyes; the counts filter", async () => {
    stage.put(drifted("agent-tester"));
    stage.bus().emit("agent.drifted", { agent: "agent-tester", message: "stopped outside vm-agent" });
    await row("agent-tester").getByText("Drifted").waitFor();
    assert.match(await row("agent-tester").innerText(), /Stopped.*OutOfSync.*Offline.*start/s);
    await page.getByText("drifted: stopped outside vm-agent").waitFor();

    const filter = page.getByRole("link", { name: "1 drifted" });
    await filter.click();
    await page.locator("a.count[aria-current]", { hasText: "drifted" }).waitFor();
    assert.equal(new URL(page.url()).hash, "#/fleet?show=drifted");
    assert.equal(await page.locator("table.fleet tbody").count(), 1);

    stage.put(anAgent("agent-tester"));
    stage.bus().emit("agent.converged", { agent: "agent-tester" });
    await page.getByText("No agent matches.").waitFor();
    await page.getByRole("button", { name: "Show all 3" }).click();
    await row("agent-tester").getByText("Synced").waitFor();
  });

  test("broken files, a silent Multipass and the sandbox cannot be overlooked", async () => {
    const agents = [anAgent("agent-builder"), anAgent("agent-tester"), anAgent("agent-cache")];
    const driver = { name: "multipass", version: "1.16.3", sandbox: true };
    const errors = ["agents/builder.yaml:7:3 /memroy is not a field of an Agent"];
    const alerts = [
      {
        level: "bad" as const,
        message: "Stored data is lost or damaged: audit entries 12 to 13",
        next: "vm-agent audit verify",
      },
    ];
    stage.show(
      aFleet(agents, { driver, errors, alerts, stale: true, unobservable: "no answer within 10 s" }),
    );
    stage.bus().emit("fleet.read", { hash: "h", revision: null, agents: 3, errors });
    await page.getByText("The last good fleet stays in force.").waitFor();
    await page.getByText("Multipass cannot be observed: no answer within 10 s.").waitFor();
    await page.getByText("Stored data is lost or damaged: audit entries 12 to 13.").waitFor();
    await page.getByText("Next: vm-agent audit verify.").waitFor();
    await page.locator("strong.sandbox", { hasText: "SANDBOX" }).waitFor();
    stage.show(aFleet(agents));
    stage.bus().emit("fleet.read", { hash: "h", revision: null, agents: 3, errors: [] });
    await page.getByText("The last good fleet stays in force.").waitFor({ state: "detached" });
  });

  test("a command runs on an agent and its output comes as it is printed", async () => {
    const runtime = await connected(stage.hub(), "agent-builder");
    runtime.send("health", {
      cpu: 42,
      memory: { percent: 61, used: 2500, total: 4096 },
      disk: { percent: 22 },
    });
    await row("agent-builder").getByRole("link", { name: "agent-builder" }).click();
    await page.getByRole("heading", { name: "agent-builder", level: 1 }).waitFor();
    assert.equal(await page.evaluate("document.activeElement.id"), "main");
    await page.getByText("42 %").waitFor();
    await page.getByRole("textbox", { name: "Command" }).fill("npm test");
    await page.getByRole("button", { name: "Run", exact: true }).click();

    const task = await runtime.next("task");
    assert.equal(task.payload.command, "npm test");
    runtime.accept(task, "running");
    const { taskId, epoch } = task.payload;
    const print = (seq: number, data: string, stream = "stdout") =>
      runtime.send("output", { taskId, epoch, seq, stream, data });
    print(1, "first line\n");
    const output = page.getByRole("log", { name: "Output" });
    await output.getByText("first line").waitFor();
    print(2, "\u001b[31msecond\u001b[0m line\n", "stderr");
    await output.getByText("second line").waitFor();
    const result = { stdout: "", stderr: "", exitCode: 3, signal: null, timedOut: false, cancelled: false };
    runtime.answer(task, { success: false, error: "exit code 3", result });
    await page.getByText("exit code 3").first().waitFor();
    assert.equal(await page.getByText("exit code 3").count(), 1);

    await goTo("Tasks");
    await page.locator("table.tasks").getByText("failed").waitFor();
    await page.locator("table.tasks").getByText("npm test").waitFor();
    runtime.drop();
  });

  test("an agent's page: what differs is marked, an hour is drawn, time has one axis, any kind of task has its form", async () => {
    stage.plan = { ...aPlan(), held: [], changes: [aChange("agent-cache", "update", MOUNTS)] };
    const runtime = await connected(stage.hub(), "agent-cache");
    const { healthHistory } = stage.hub().agent("agent-cache");
    for (let n = 10; n > 0; n--)
      healthHistory.note(
        { cpu: n, memory: { percent: 20 + n }, disk: { percent: 50 } },
        Date.now() - n * 30_000,
      );
    stage.put({ ...drifted("agent-cache"), notes: ["its image is older than a year"] });
    stage.bus().emit("agent.drifted", { agent: "agent-cache", message: "stopped outside vm-agent" });
    stage.bus().emit("step.started", { agent: "agent-cache", step: "start", detail: "" });
    await goTo("Fleet");
    await page.getByRole("link", { name: "agent-cache", exact: true }).first().click();
    const differing = page.locator(".compare tr.differs");
    await differing.getByText("mounts").waitFor();
    assert.match(
      (await differing.allInnerTexts()).join("|"),
      /state.*running.*Stopped.*mounts.*\/a at \/b.*none/s,
    );
    await page.getByText("its image is older than a year").waitFor();
    await page.getByRole("img", { name: /CPU between 1 % and 10 %, Memory between 21 % and 30 %/ }).waitFor();
    const canvas = page.locator(".plot canvas");
    assert.ok(((await canvas.boundingBox())?.width ?? 0) > 200);
    const row = (word: string) =>
      page.locator(".timeline > div", { has: page.getByText(word, { exact: true }) });
    await row("noticed").getByText("drifted: stopped outside vm-agent").waitFor({ state: "attached" });
    await row("steps").getByText("start began").waitFor({ state: "attached" });
    assert.ok((await row("heartbeats").locator(".tick").count()) >= 9);

    await page.getByRole("button", { name: "Restore clean…" }).click();
    await page.getByText('snapshot: "clean"').waitFor();
    await page.getByLabel("Kind of work").selectOption("file:write");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.getByText("Write filePath first.").waitFor();
    await page.getByLabel("File path").fill("/tmp/x");
    await page.getByLabel("Content").fill("a\nb");
    await page.getByText("More", { exact: true }).click();
    await page.getByLabel("Env").fill("A=1");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.getByText("does not run tasks of type file:write").waitFor();
    await page.getByLabel("Kind of work").selectOption("exec");
    await page.getByRole("textbox", { name: "Command" }).fill("true");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    const { payload } = await runtime.next("task");
    assert.deepEqual([payload.type, payload.command, payload.env], ["exec", "true", { A: "1" }]);
    runtime.drop();
    stage.put(anAgent("agent-cache"));
  });

  test("the plan is applied after a yes, and a loss of data needs a second one", async () => {
    stage.plan = aPlan();
    await goTo("Plan");
    await page.getByText("Plan: 1 to create, 2 to change, 1 to snapshot, 0 to destroy, 1 held.").waitFor();
    await page.getByText("Allow this deletion…").click();
    await page.getByLabel(/Type agent-tester-2/).fill("agent-tester-2");
    await page.getByRole("button", { name: "Allow it" }).click();
    await page.getByRole("button", { name: "Apply 4 changes…" }).click();
    const dialog = page.getByRole("dialog");
    const yes = dialog.getByRole("button", { name: "Apply" });
    assert.equal(await yes.isDisabled(), true);
    await dialog.getByLabel(/Data is lost in agent-cache, agent-tester-2/).fill("yes");
    await dialog.getByLabel(/agent-tester-2 destroy/).uncheck();
    // What was typed was for more than this.
    assert.equal(await yes.isDisabled(), true);
    await dialog.getByLabel(/Data is lost in agent-cache\. Type agent-cache/).waitFor();
    await dialog.getByRole("heading", { name: "Apply 3 of 4 changes?" }).waitFor();
    await dialog.getByLabel(/agent-tester-2 destroy/).check();
    assert.equal(stage.applied.length, 0);
    await yes.click();
    await page.getByText("4 changes handed to the loop").waitFor();
    assert.deepEqual(stage.applied, [
      {
        changes: [
          { agent: "agent-builder", action: "restart-update" },
          { agent: "agent-researcher", action: "create" },
          { agent: "agent-cache", action: "replace" },
          { agent: "agent-tester-2", action: "destroy" },
        ],
        allowDelete: ["agent-tester-2"],
      },
    ]);
  });

  test("the hub goes and comes back: both are said, and what happened meanwhile is shown", async () => {
    await goTo("Fleet");
    await stage.stopHub();
    await page.getByText("The hub has been lost").waitFor();
    await row("agent-cache").waitFor();
    stage.show(aFleet([anAgent("agent-builder"), anAgent("agent-cache"), anAgent("agent-newcomer")]));
    await stage.startHub();
    await page.getByText("The hub is back").waitFor();
    await row("agent-newcomer").waitFor();
    await page.getByText("The hub has been lost").waitFor({ state: "detached" });
    stage.bus().emit("agent.converged", { agent: "agent-newcomer" });
    await page.getByText("is in sync").first().waitFor();
    await goTo("Events");
    await page.getByText("events may be missing here: the hub was restarted").waitFor();
    await page.getByText("drifted: stopped outside vm-agent").first().waitFor();
  });

  test("500 agents scroll, a few dozen rows at a time; the filter is in the address and survives a reload", async () => {
    const names = Array.from({ length: 500 }, (_, n) => `agent-${String(n).padStart(3, "0")}`);
    stage.show(aFleet(names.map((n) => (n.endsWith("9") ? { ...drifted(n), work: null } : anAgent(n)))));
    stage.bus().emit("fleet.read", { hash: "h", revision: null, agents: 500, errors: [] });
    await goTo("Fleet");
    await page.getByRole("link", { name: "500 agents" }).waitFor();
    const drawn = page.locator("table.fleet tbody[data-row]");
    const passed = new Set<string>();
    for (let end = false; !end; ) {
      end = Boolean(
        await page.evaluate("innerHeight + scrollY >= document.documentElement.scrollHeight - 2"),
      );
      const shown = await drawn.evaluateAll((rows) => rows.map((r) => r.getAttribute("data-row") ?? ""));
      assert.ok(shown.length > 0 && shown.length < 80, `${shown.length} rows are drawn`);
      for (const name of shown) passed.add(name);
      await page.evaluate(
        "scrollBy(0, innerHeight + 500); new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))",
      );
    }
    assert.equal(passed.size, 500);
    assert.equal(await page.locator("table.fleet").getAttribute("aria-rowcount"), "501");
    await page.getByRole("searchbox").fill("agent-31");
    await page.getByText("10 of 500").waitFor();
    await page.getByRole("link", { name: "50 drifted" }).click();
    await page.getByRole("searchbox").fill("agent-31");
    await page.getByText("1 of 500, drifted").waitFor();
    await page.reload();
    await row("agent-319").waitFor();
    assert.equal(await drawn.count(), 1);
    assert.equal(new URL(page.url()).hash, "#/fleet?show=drifted&q=agent-31");
    stage.show(aFleet([anAgent("agent-builder"), anAgent("agent-cache")]));
    stage.bus().emit("fleet.read", { hash: "h", revision: null, agents: 2, errors: [] });
    await page.getByText("No agent matches.").waitFor();
  });

  test("on a phone nothing is wider than the screen, in any view", async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    const narrow = async (view: string) => {
      const over = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      assert.ok(Number(over) <= 0, `${view} is ${String(over)} pixels too wide`);
    };
    for (const view of ["Plan", "Tasks", "Events", "Commands", "Fleet"]) {
      await goTo(view);
      await page.locator("main").waitFor();
      await narrow(view);
    }
    stage.hub().agent("agent-cache").healthHistory.note({ cpu: 5 }, Date.now());
    await page.getByRole("link", { name: "agent-cache", exact: true }).first().click();
    await page.locator(".plot canvas").waitFor();
    await page.getByText("More", { exact: true }).click();
    await narrow("an agent");
    await goTo("Fleet");
  });

  test("signing out forgets the token; the page asked only its own hub, and never by an address with the token", async () => {
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Operator token").waitFor();
    assert.equal(await page.evaluate("sessionStorage.length"), 0);
    assert.ok(addresses.length > 10);
    assert.deepEqual(
      addresses.filter((a) => !a.startsWith(stage.url) && !a.startsWith("data:")),
      [],
    );
    assert.deepEqual(
      addresses.filter((a) => a.includes(stage.token)),
      [],
    );
    assert.deepEqual(complaints, []);
  });
});
