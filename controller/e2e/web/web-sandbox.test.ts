/** The page before the whole program and real instances of the sandbox: drift that heals, a task's output, the runtime's log, a hub that is killed. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { findChromium, HOW_TO_INSTALL, openBrowser } from "../../../ui/web/testing/browser.ts";
import { createFixture } from "../support/harness.ts";

const chromium = findChromium();
const AGENT = "kind: Agent\nname: agent-1\nstate: running\ncpu: 1\nmemory: 1G\ndisk: 5G\n";

test("the page shows what really happens", { skip: chromium === undefined && HOW_TO_INSTALL }, async (t) => {
  const fixture = await createFixture({ "agent.yaml": AGENT });
  t.after(() => fixture.close());
  let up = await fixture.up();
  const browser = await openBrowser(chromium ?? "");
  t.after(() => browser.close());
  browser.context.setDefaultTimeout(120_000);
  const { dashboard } = JSON.parse(await readFile(join(fixture.home, "hub.json"), "utf8")) as {
    readonly dashboard: string;
  };
  const page = await browser.context.newPage();
  await page.goto(dashboard);
  await page
    .getByLabel("Operator token")
    .fill((await readFile(join(fixture.home, "operator-token"), "utf8")).trim());
  await page.keyboard.press("Enter");
  const row = page.locator('tbody[data-row="agent-1"]');
  await page.locator("strong.sandbox").waitFor();
  await row.getByText("Synced").waitFor();
  await row.getByText("Healthy").waitFor();

  // Every word of the task comes from the form, every word of the output from the instance.
  await row.getByRole("link", { name: "agent-1" }).click();
  await page.locator(".plot canvas").waitFor();
  await page
    .getByRole("textbox", { name: "Command" })
    .fill("echo first; while [ ! -e /tmp/go-on ]; do sleep 0.1; done; echo $WORD");
  await page.getByText("More", { exact: true }).click();
  await page.getByLabel("Env").fill("WORD=second");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  const output = page.getByRole("log", { name: "Output" });
  await output.getByText("first").waitFor();
  assert.doesNotMatch(await output.innerText(), /second/);
  const made = await fixture.multipass("exec", "agent-1", "--", "touch", "/tmp/go-on");
  assert.equal(made.code, 0, made.stderr);
  await output.getByText("second").waitFor();
  await page.locator(".output-head").getByText("succeeded").waitFor();
  await page.locator(".timeline a.bar", { hasText: "echo first" }).first().waitFor();

  await page.getByLabel("Kind of work").selectOption("file:write");
  await page.getByLabel("File path").fill("written.txt");
  await page.getByLabel("Content").fill("by a form");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.locator("table.tasks tbody tr", { hasText: "file:write" }).getByText("succeeded").waitFor();
  assert.equal((await fixture.cli("exec", "agent-1", "--", "cat", "written.txt")).stdout, "by a form");

  const log = page.locator("section:has(#log)");
  await log.getByRole("button", { name: "Follow" }).click();
  await log.getByText("connected to").first().waitFor();

  // Behind vm-agent's back.
  assert.equal((await fixture.multipass("stop", "agent-1")).code, 0);
  await page.locator(".timeline").getByText("drifted: ").first().waitFor({ state: "attached" });
  await page.locator(".timeline").getByText("is in sync").first().waitFor({ state: "attached" });
  await page.locator("h1 + .chips").getByText("Healthy").waitFor();
  assert.deepEqual(await fixture.states(), { "agent-1": "Running" });

  await up.end("SIGKILL");
  await page.getByText("The hub has been lost").waitFor();
  up = await fixture.up({ VM_AGENT_DASHBOARD_PORT: new URL(dashboard).port });
  await page.getByText("The hub is back").waitFor();
  await page.locator("h1 + .chips").getByText("Synced").waitFor();
  await page.getByRole("link", { name: "Tasks" }).click();
  await page.locator("table.tasks").getByText("echo first").waitFor();
  await up.end();
});
