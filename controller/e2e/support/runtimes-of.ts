/** Which runtimes of a fixture's instances live on this machine: for tests of what was doubled or left over. */
import { readdir, readFile } from "node:fs/promises";

/** The first process of every instance below this state folder, by process id. */
export async function runtimesOf(home: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (!/\/(?:guest|sandbox)\/init\.m?js/.test(line)) continue;
    const surroundings = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    if (`${line}${surroundings}`.includes(home)) found.push(pid);
  }
  return found;
}
