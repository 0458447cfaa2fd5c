/** The row "dash": what the terminal dashboard costs while all of 500 agents change ten times a second. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { DashReading } from "./dash-screen.ts";
import { below, type Line, type Row, short } from "./measure.ts";

export const row: Row = async (option) => {
  const agents = option("agents", 500);
  const seconds = option("seconds", 10);
  const floor = await measure("cells", agents, seconds);
  const ours = await measure("dash", agents, seconds);
  const idle = await measure("idle", agents, seconds);
  const rate = ours.bytes / seconds / 1000;
  const line: Line = below(
    {
      name: `dashboard, ${agents} agents changing 10 × a second`,
      floorIs: "writing the same changed cells directly, at the same pace",
      unit: "% of a core",
      note: `160 × 50; ${short(rate)} kB/s written, the floor ${short(floor.bytes / seconds / 1000)}; with nothing changing ${short(idle.cpu)} % and ${idle.bytes} bytes in ${seconds} s`,
    },
    ours.cpu,
    50,
    floor.cpu,
  );
  return [line];
};

async function measure(which: string, agents: number, seconds: number): Promise<DashReading> {
  const script = fileURLToPath(new URL("./dash-screen.js", import.meta.url));
  const child: ChildProcess = fork(script, [which, String(agents), String(seconds)]);
  const [reading] = (await once(child, "message")) as [DashReading];
  child.kill();
  await once(child, "exit");
  return reading;
}
