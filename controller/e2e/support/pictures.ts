/** `npm run pictures`: makes ui/pictures/*.png of both dashboards, before a real fleet of the sandbox. Needs Chromium and tmux. */
import { execFile } from "node:child_process";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { findChromium, HOW_TO_INSTALL, openBrowser } from "../../../ui/web/testing/browser.ts";
import { packageRoot } from "../../base/paths.ts";
import { ansiPage } from "./ansi-page.ts";
import { createFixture, type Fixture, MAIN, until, type Up } from "./harness.ts";

const run = promisify(execFile);
const FOLDER = join(packageRoot(), "ui", "pictures");
/** Points of the charts; one comes every 30 s. */
const HEARTBEATS = Number(process.env.HEARTBEATS ?? 4);

const agent = (name: string, more: string): string =>
  `kind: Agent\nname: agent-${name}\ntype: ${name}\ncapabilities: [${name}]\ncpu: 2\nmemory: 4G\ndisk: 20G\n${more}`;

const FLEET = {
  "agents/builder.yaml": agent("builder", "labels: { team: web }\n"),
  "agents/tester.yaml": agent("tester", "labels: { team: web }\n"),
  "agents/researcher.yaml": agent("researcher", ""),
  "agents/writer.yaml": agent("writer", "state: stopped\n"),
  "agents/cache.yaml": agent("cache", "protect: true\n"),
};

async function prepare(fixture: Fixture, up: Up): Promise<void> {
  await until(
    "the fleet is in sync",
    async () => (await up.api.getFleet()).agents.every((a) => a.sync === "Synced" && a.work === null),
    180_000,
  );
  const give = (name: string, command: string) =>
    up.api.submitTask(`agent-${name}`, { type: "exec", command });
  await give("tester", "echo 41 of 42 tests passed; exit 1");
  await give("tester", "echo 42 of 42 tests passed");
  await give("researcher", "echo three sources were read");
  await give("builder", 'for n in $(seq 1 600); do echo "compiled module $n of 600"; sleep 0.7; done');
  await fixture.remove("agents/cache.yaml");
  await until("what is protected is held", async () => (await up.api.getFleet()).held > 0);
  await until(
    `${HEARTBEATS} heartbeats`,
    async () => {
      const { agents } = await up.api.listHealth();
      const of = (name: string) => agents.find((a) => a.agent === name)?.at.length ?? 0;
      return Math.min(of("agent-builder"), of("agent-tester")) >= HEARTBEATS;
    },
    HEARTBEATS * 35_000 + 60_000,
  );
}

async function shoot(page: Page, name: string): Promise<void> {
  const path = join(FOLDER, `${name}.png`);
  await page.screenshot({ path, animations: "disabled" });
  process.stdout.write(`${path}  ${(await stat(path)).size} bytes\n`);
}

async function webPictures(fixture: Fixture, page: Page): Promise<void> {
  const { dashboard } = JSON.parse(await readFile(join(fixture.home, "hub.json"), "utf8")) as {
    readonly dashboard: string;
  };
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto(dashboard);
  await page
    .getByLabel("Operator token")
    .fill((await readFile(join(fixture.home, "operator-token"), "utf8")).trim());
  await page.keyboard.press("Enter");
  await page.locator('tbody[data-row="agent-builder"] .spark').first().waitFor();
  await fixture.multipass("stop", "agent-tester");
  await page.locator('tbody[data-row="agent-tester"]').getByText("Drifted").waitFor();
  await shoot(page, "web-fleet-light");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto(`${dashboard}#/agent/agent-builder`);
  await page.locator(".plot canvas").waitFor();
  await page.locator(".timeline a.bar").first().waitFor();
  await shoot(page, "web-agent-dark");
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto(`${dashboard}#/plan`);
  await page.locator(".change").first().waitFor();
  await shoot(page, "web-plan-light");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 390, height: 780 });
  await page.goto(`${dashboard}#/fleet`);
  await page.locator('tbody[data-row="agent-builder"] .spark').first().waitFor();
  await shoot(page, "web-phone-dark");
}

async function terminalPicture(fixture: Fixture, page: Page): Promise<void> {
  const socket = `vm-agent-pictures-${process.pid}`;
  const tmux = async (...args: readonly string[]): Promise<string> =>
    (await run("tmux", ["-L", socket, "-f", "/dev/null", ...args])).stdout;
  const env = { VM_AGENT_FLEET: fixture.fleet, VM_AGENT_HOME: fixture.home, VM_AGENT_DRIVER: "sandbox" };
  const assigned = Object.entries({ ...env, COLORTERM: "truecolor", NO_COLOR: "" })
    .filter(([, value]) => value !== "")
    .map(([key, value]) => `${key}=${value}`);
  const command = ["env", "-u", "NO_COLOR", "-u", "CI", ...assigned, process.execPath, MAIN, "dash"];
  try {
    await tmux("new-session", "-d", "-x", "124", "-y", "20", ...command);
    await tmux("set", "-g", "default-terminal", "tmux-256color");
    const screen = await until(
      "the terminal dashboard shows the fleet",
      async () => {
        const shown = await tmux("capture-pane", "-e", "-p");
        return shown.includes("agent-builder") && /\d %|▁|▂|▃/.test(shown) ? shown : null;
      },
      40_000,
    );
    await page.setViewportSize({ width: 1100, height: 600 });
    await page.emulateMedia({ colorScheme: "dark" });
    await page.setContent(ansiPage(screen));
    const path = join(FOLDER, "terminal-fleet.png");
    await page.locator("pre").screenshot({ path });
    process.stdout.write(`${path}  ${(await stat(path)).size} bytes\n`);
  } finally {
    await tmux("kill-server").catch(() => {});
  }
}

const chromium = findChromium();
if (chromium === undefined) throw new Error(HOW_TO_INSTALL);
await mkdir(FOLDER, { recursive: true });
const fixture = await createFixture(FLEET);
const browser = await openBrowser(chromium);
try {
  const up = await fixture.up();
  await prepare(fixture, up);
  const page = await browser.context.newPage();
  await terminalPicture(fixture, await browser.context.newPage());
  await webPictures(fixture, page);
  await up.end();
} finally {
  await browser.close();
  await fixture.close();
}
