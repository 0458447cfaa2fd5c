/** The page for everybody: with the keyboard alone, by a screen reader, in both themes; axe-core looks at every view and question. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { findChromium, HOW_TO_INSTALL } from "../../../ui/web/testing/browser.ts";
import { aFleet, anAgent, aPlan, drifted, everyState } from "../../../ui/web/testing/fleet.ts";
import { becomes, type Stop, type Visit, visit } from "../../../ui/web/testing/visit.ts";
import { connected } from "../../hub/testing/hub.ts";

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

const chromium = findChromium();
const HUNDREDS = Array.from({ length: 300 }, (_, n) => `agent-${String(n).padStart(3, "0")}`);

describe("the page for everybody", { skip: chromium === undefined ? HOW_TO_INSTALL : false }, () => {
  let here: Visit;
  let page: Page;
  let axe = "";
  before(async () => {
    axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    here = await visit(chromium ?? "", aFleet(everyState()));
    page = here.page;
    await page.evaluate(axe);
  });
  after(() => here?.close());

  /** What does not depend on colours is looked at once. */
  const serious = async (what: string): Promise<void> => {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      const rules = colorScheme === "dark" ? ', runOnly: ["color-contrast"]' : "";
      const { violations } = (await page.evaluate(
        `axe.run({ resultTypes: ["violations"]${rules} })`,
      )) as AxeResult;
      const words = violations
        .filter((v) => v.impact === "serious" || v.impact === "critical")
        .map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" ")}`);
      assert.deepEqual(words, [], `${what}, ${colorScheme}`);
    }
    await page.emulateMedia({ colorScheme: null });
  };
  const focused = () => page.evaluate("document.activeElement.textContent") as Promise<string>;
  const press = (...keys: readonly string[]) =>
    keys.reduce((p, k) => p.then(() => page.keyboard.press(k)), Promise.resolve());
  /** Waits until the focus is where it should be. */
  const focusOn = (words: string) =>
    becomes(page, `document.activeElement.textContent === ${JSON.stringify(words)}`);

  test("the door, also after a wrong token", async () => {
    await serious("the door");
    await page.getByLabel("Operator token").fill("wrong");
    await press("Enter");
    await page.getByRole("alert").waitFor();
    await serious("a wrong token");
    await here.signIn();
  });

  test("every view, and every question in front of it", async () => {
    const { stage } = here;
    stage.plan = aPlan();
    const runtime = await connected(stage.hub(), "agent-builder");
    runtime.send("health", {
      cpu: 42,
      memory: { percent: 61, used: 2500, total: 4096 },
      disk: { percent: 22 },
    });
    const task = await stage.submit("agent-builder", { type: "exec", command: "true" });
    const given = await runtime.next("task");
    runtime.accept(given, "running");
    runtime.send("output", {
      taskId: task,
      epoch: given.payload.epoch,
      seq: 1,
      stream: "stderr",
      data: "words\n",
    });
    const views: readonly Stop[] = [
      ["fleet", "its disk is 97 % full"],
      ["fleet?show=failing&q=no-such", "No agent matches."],
      ["plan", "Plan: 1 to create"],
      ["tasks", "agent-builder"],
      [`tasks/${task}`, "words"],
      ["events", "its runtime"],
      ["commands", "Commands"],
      ["agent/agent-builder", "heartbeat"],
      ["agent/agent-tester-2", "release"],
      ["agent/no-such", "There is no agent"],
    ];
    await here.tour(views, serious);
    runtime.drop();
    await here.open("plan");
    await page.getByRole("button", { name: "Apply 3 changes…" }).click();
    await page.getByRole("dialog", { name: "Apply 3 changes?" }).waitFor();
    await serious("the question before apply");
    await press("Escape");
    await press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await serious("the list of keys");
    await press("Escape");
    const driver = { name: "multipass", version: "1.16.3", sandbox: true };
    await here.show(
      aFleet(everyState(), { driver, errors: ["a.yaml:1:1 /x is unknown"], unobservable: "no answer" }),
    );
    await page.getByText("Multipass cannot be observed").waitFor();
    await serious("banners");
    await here.show(aFleet(everyState()));
  });

  test("a question keeps the focus in it, Escape leaves it, and the focus is where it was", async () => {
    await here.open("plan");
    const opener = page.getByRole("button", { name: "Apply 3 changes…" });
    await opener.focus();
    await press("Enter");
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    // What is to be typed is where the focus is.
    await page.keyboard.type("agent");
    assert.equal(await dialog.getByLabel(/Data is lost/).inputValue(), "agent");
    for (let i = 0; i < 8; i++) {
      await press("Tab");
      assert.equal(
        await page.evaluate(
          "document.activeElement.closest('main') !== null && document.activeElement.closest('dialog') === null",
        ),
        false,
      );
    }
    await press("Escape");
    await dialog.waitFor({ state: "detached" });
    await focusOn("Apply 3 changes…");
    assert.equal(here.stage.applied.length, 0);

    await press("Enter");
    const yes = dialog.getByRole("button", { name: "Apply" });
    await page.keyboard.type("agent-builder");
    await press("Enter");
    assert.equal(await yes.isDisabled(), true);
    await dialog.getByLabel(/Data is lost in agent-cache\. Type agent-cache/).fill("agent-cache");
    await press("Enter");
    await dialog.waitFor({ state: "detached" });
    await page.getByText("3 changes handed to the loop").waitFor();
    await focusOn("Apply 3 changes…");
    assert.equal(here.stage.applied.length, 1);
  });

  test("arrows go through the rows; a row that is scrolled away or changes its place keeps the focus", async () => {
    await here.open("fleet");
    await here.show(aFleet(HUNDREDS.map((n) => anAgent(n))));
    await page.getByRole("link", { name: "agent-000", exact: true }).waitFor();
    await page.getByRole("searchbox").focus();
    await press("Escape", "j");
    await focusOn("agent-000");
    await press("ArrowDown", "j", "ArrowDown", "k");
    await focusOn("agent-002");
    await press("End");
    await focusOn("agent-299");
    await press("ArrowDown", "PageUp");
    await focusOn("agent-289");
    // As far away as it gets.
    await page.evaluate("scrollTo(0, 0)");
    await page.getByRole("link", { name: "agent-000", exact: true }).waitFor();
    assert.equal(await focused(), "agent-289");
    await press("Tab");
    await focusOn("agent-290");
    await page.evaluate("scrollTo(0, 0)");
    await page.getByRole("link", { name: "agent-000", exact: true }).waitFor();
    await press("ArrowUp");
    await focusOn("agent-289");
    // What has the focus is to be seen, and not under the header.
    const box = await page.getByRole("link", { name: "agent-289", exact: true }).boundingBox();
    assert.ok(box && box.y > 50 && box.y < 900, JSON.stringify(box));

    await here.show(
      aFleet(
        HUNDREDS.filter((n) => n !== "agent-289")
          .toReversed()
          .map((n) => anAgent(n)),
      ),
    );
    await page.locator('tbody[data-row="agent-289"]').waitFor({ state: "detached" });
    await becomes(page, "/^agent-\\d+$/.test(document.activeElement.textContent)");
    await press("Home");
    await focusOn("agent-299");
    assert.ok((await page.locator("tbody[data-row]").count()) < 80);
  });

  test("Enter opens a row, and who comes back finds the row again", async () => {
    await press("End", "PageUp");
    await focusOn("agent-010");
    await press("Enter");
    await page.getByRole("heading", { name: "agent-010", level: 1 }).waitFor();
    await becomes(page, "document.activeElement.id === 'main'");
    await page.goBack();
    await focusOn("agent-010");
    const box = await page.getByRole("link", { name: "agent-010", exact: true }).boundingBox();
    assert.ok(box && box.y > 50 && box.y < 900, JSON.stringify(box));
    await here.show(aFleet(everyState()));
    await page.locator('tbody[data-row="agent-builder"]').waitFor();
  });

  test("single keys choose views and filters, are listed, belong to who types, and can be switched off", async () => {
    for (const [key, title] of [
      ["2", "Plan"],
      ["3", "Tasks"],
      ["4", "Events"],
      ["5", "Commands"],
      ["1", "Fleet"],
    ] as const) {
      await press(key);
      await page.getByRole("heading", { name: title, level: 1 }).waitFor();
    }
    await press("/");
    await page.keyboard.type("2?j");
    assert.equal(await page.getByRole("searchbox").inputValue(), "2?j");
    assert.equal(await page.getByRole("dialog").count(), 0);
    await page.getByRole("searchbox").fill("");
    await press("Escape", "?");
    const help = page.getByRole("dialog", { name: "Keys" });
    await help.waitFor();
    await help.getByLabel(/single keys/).uncheck();
    await press("Escape");
    await help.waitFor({ state: "detached" });
    await press("2");
    await page.getByRole("button", { name: "Keys" }).click();
    await help.waitFor();
    assert.equal(new URL(page.url()).hash.startsWith("#/fleet"), true);
    await help.getByLabel(/single keys/).check();
    await help.getByRole("button", { name: "Close" }).click();
    await press("2");
    await page.getByRole("button", { name: "Apply 3 changes…" }).waitFor();
    await press("a");
    await page.getByRole("dialog", { name: "Apply 3 changes?" }).waitFor();
    await press("Escape");
  });

  test("every stop of the Tab key is seen, on every view", async () => {
    for (const place of ["fleet", "plan", "tasks", "events", "agent/agent-builder"]) {
      await here.open(place);
      await page.locator("h1").first().waitFor();
      await page.locator(".skip").focus();
      const seen = new Set<string>();
      for (let i = 0; i < 60; i++) {
        await press("Tab");
        const stop = (await page.evaluate(`(() => {
          const e = document.activeElement;
          if (e === document.body) return null;
          const { outlineStyle, outlineWidth } = getComputedStyle(e);
          const { width, height, top, bottom } = e.getBoundingClientRect();
          const shown = outlineStyle !== "none" && outlineWidth !== "0px" && width > 0 && height > 0 && bottom > 0 && top < innerHeight;
          return { what: e.outerHTML.slice(0, 120), shown };
        })()`)) as { readonly what: string; readonly shown: boolean } | null;
        if (stop === null) break;
        assert.equal(stop.shown, true, `${place}: ${stop.what}`);
        seen.add(stop.what);
      }
      assert.ok(seen.size > 8, `${place}: only ${seen.size} stops`);
    }
  });

  test("what releases a held item is copied; where a page may not copy, it is selected", async () => {
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await here.open("agent/agent-tester-2");
    const button = page.getByRole("button", { name: "Copy vm-agent apply --allow-delete agent-tester-2" });
    await button.click();
    await page.getByText("Copied.").waitFor();
    assert.equal(
      await page.evaluate("navigator.clipboard.readText()"),
      "vm-agent apply --allow-delete agent-tester-2",
    );
    await page.evaluate(
      "Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true })",
    );
    await button.click();
    await page.getByText("Selected: press Ctrl+C.").waitFor();
    assert.equal(
      await page.evaluate("getSelection().toString()"),
      "vm-agent apply --allow-delete agent-tester-2",
    );
    await page.evaluate("delete navigator.clipboard");
    await here.open("plan");
    await page.getByRole("button", { name: "Copy vm-agent apply --allow-delete agent-tester-2" }).waitFor();
  });

  test("a restore's lines are copied whole", async () => {
    await here.show(aFleet([drifted("agent-tester"), anAgent("agent-builder")]));
    await here.open("agent/agent-builder");
    await page.getByRole("button", { name: "Restore clean…" }).click();
    await page.getByRole("button", { name: "Copy the lines" }).click();
    await page.getByText("Copied.").waitFor();
    assert.match(
      String(await page.evaluate("navigator.clipboard.readText()")),
      /^restore:\n {2}snapshot: "clean"\n {2}token: "\d{4}-/,
    );
  });

  test("a lost hub is said once and readably, and what counts on is not read out each second", async () => {
    await here.stage.stopHub();
    const alert = page.getByRole("alert").filter({ hasText: "The hub has been lost" });
    await alert.waitFor();
    await serious("a lost hub");
    assert.doesNotMatch(await alert.innerText(), /\d/);
    await here.stage.startHub();
    await alert.waitFor({ state: "detached" });
  });

  test("nothing was complained of, by the browser's policy neither", () =>
    assert.deepEqual(here.complaints, []));
});
