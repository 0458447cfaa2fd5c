// The first launch of an image fetches it: the figures that Multipass prints meanwhile (recording 030_launch_bad_hash), as fast as a fault wants.
import { existsSync } from "node:fs";
import { writeJson } from "../files.ts";
import { CLEAR, write } from "../frontend/output.ts";
import { inState } from "../paths.ts";
import { sleep } from "../processes.ts";
import { Spinner } from "../frontend/spinner.ts";

/** Figures of one download. */
const FIGURES = 20;

/** `ms`: how long the download takes. */
export async function retrieve(name: string, hash: string, ms: number): Promise<void> {
  const cached = inState("vault", `${hash}.json`);
  if (existsSync(cached)) return;
  const spinner = new Spinner();
  spinner.start(`Creating ${name}`);
  spinner.stop();
  for (let n = 1; n <= FIGURES; n++) {
    write(1, `\nRetrieving image: ${Math.round((100 * n) / FIGURES)}%${CLEAR}`);
    if (ms > 0) await sleep(ms / FIGURES);
  }
  spinner.start("Verifying image: ");
  spinner.stop();
  writeJson(cached, { retrieved: new Date().toISOString() });
}
