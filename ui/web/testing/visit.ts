/** A browser on the page of a scripted hub, and what no visit may end with: complaints of the browser, text that runs out of its box. */
import type { Page } from "playwright-core";
import type { FleetView } from "../../client/types.ts";
import { openBrowser } from "./browser.ts";
import { createStage, type Stage } from "./stage.ts";

/** A deadline, not a pace: whoever waits here waits for what it wants to see. */
const DEADLINE = 30_000;

export type Stop = readonly [place: string, text: string];

export interface Visit {
  readonly stage: Stage;
  readonly page: Page;
  /** What the browser said against the page: errors of scripts, and what its policy forbids. */
  readonly complaints: readonly string[];
  signIn(): Promise<void>;
  /** Shows another fleet, and waits until the page has read it. */
  show(fleet: FleetView): Promise<void>;
  open(place: string): Promise<void>;
  /** Opens one place after the other; looks at each as soon as its text is there. */
  tour(places: readonly Stop[], look: (place: string) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** `clock`: the page's clock can be moved on by hand. */
export async function visit(
  chromium: string,
  fleet: FleetView,
  { clock = false }: { readonly clock?: boolean } = {},
): Promise<Visit> {
  const stage = await createStage(fleet);
  const browser = await openBrowser(chromium);
  browser.context.setDefaultTimeout(DEADLINE);
  const page = await browser.context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (e) => complaints.push(e.message));
  page.on("console", (m) => {
    // What the browser says of answers that are meant (401) and of a hub that is stopped is no complaint of the page.
    if (m.type() === "error" && !m.text().startsWith("Failed to load resource")) complaints.push(m.text());
  });
  if (clock) await page.clock.install();
  await page.goto(stage.url);
  const open = async (place: string): Promise<void> => {
    await page.evaluate(`location.hash = ${JSON.stringify(`#/${place}`)}`);
    await page.locator("main").waitFor();
  };
  return {
    stage,
    page,
    complaints,
    async signIn() {
      await page.getByLabel("Operator token").fill(stage.token);
      await page.keyboard.press("Enter");
      await page.getByRole("navigation", { name: "Views" }).waitFor();
    },
    async show(next) {
      stage.show(next);
      const read = page.waitForResponse((r) => new URL(r.url()).pathname === "/fleet");
      stage.bus().emit("fleet.read", {
        hash: "h",
        revision: null,
        agents: next.agents.length,
        errors: next.errors,
      });
      await read;
    },
    open,
    async tour(places, look) {
      for (const [place, text] of places) {
        await open(place);
        await page.locator("main").getByText(text).first().waitFor();
        await look(place);
      }
    },
    async close() {
      await browser.close();
      await stage.close();
    },
  };
}

/** Boxes whose text runs out of them, and how much wider than the screen the page is. */
export async function spilled(page: Page): Promise<readonly string[]> {
  return (await page.evaluate(`(() => {
    const out = [];
    const over = document.documentElement.scrollWidth - innerWidth;
    if (over > 0) out.push("the page is " + over + " pixels too wide");
    for (const box of document.querySelectorAll("main td, main th, main dd, header dd, main h2, dialog li")) {
      if (box.closest(".space, .timeline") || box.clientWidth === 0) continue;
      const hidden = box.closest("thead") && getComputedStyle(box.closest("thead")).position === "absolute";
      if (!hidden && box.scrollWidth > box.clientWidth + 1) out.push(box.textContent + ": " + box.scrollWidth + " in " + box.clientWidth);
    }
    // A name that is broken letter by letter is no name.
    for (const link of document.querySelectorAll("main table a, main table .chip")) {
      const lines = Math.round(link.getBoundingClientRect().height / 20);
      if (lines > 1 && link.textContent.length / lines < 8) out.push(link.textContent + " is " + lines + " lines high");
    }
    return out;
  })()`)) as readonly string[];
}

/** Waits until this is true in the page. (The page's policy forbids what the browser's driver would wait with.) */
export async function becomes(page: Page, expression: string): Promise<void> {
  const end = Date.now() + DEADLINE;
  while (!(await page.evaluate(`Boolean(${expression})`))) {
    if (Date.now() > end) throw new Error(`it never became true: ${expression}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
