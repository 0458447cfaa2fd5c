/** What is printed of a scenario that failed, so that a person far away sees why from the output alone. */
import type { Fixture, Up } from "../support/harness.ts";
import { type Call, listed } from "./call.ts";

const INSIDE = [
  "cat /var/lib/cloud/data/instance-id; uname -a; node --version; ip -4 addr; ip route",
  "cloud-init status --long",
  "sudo systemctl status --no-pager --lines 5 vm-agent.service",
  "sudo journalctl --no-pager --lines 80 --unit vm-agent.service",
  "sudo tail -n 60 /var/log/cloud-init-output.log",
];

export interface Reported {
  readonly call: Call;
  readonly say: (text: string) => void;
  readonly names: readonly string[];
  readonly fixture: Fixture | null;
  readonly up: Up | null;
}

export async function report({ call, say, names, fixture, up }: Reported): Promise<void> {
  const part = async (title: string, text: () => Promise<string> | string) => {
    say(`--- ${title}`);
    try {
      for (const line of (await text()).trimEnd().split("\n")) say(`    ${line}`);
    } catch (error) {
      say(`    (unknown: ${(error as Error).message})`);
    }
  };
  const reported = async (args: readonly string[], deadlineMs: number): Promise<string> => {
    const { exitCode, stdout, stderr, timedOut } = await call(args, deadlineMs);
    const end = timedOut ? `no answer within ${deadlineMs / 1000} s` : `exit code ${exitCode}`;
    return [stdout.trimEnd(), stderr.trimEnd(), end].filter((text) => text !== "").join("\n");
  };
  await part("multipass version", () => reported(["version"], 60_000));
  if (up) {
    await part("what vm-agent up printed, its last 150 lines", () => lastLines(up.output(), 150));
    await part("the hub's last events", async () => {
      const { events } = await up.api.listEvents({ limit: 100 });
      return events.map((event) => JSON.stringify(event)).join("\n");
    });
    await part("the fleet as the controller sees it", async () =>
      JSON.stringify(await up.api.get("/fleet"), null, 1),
    );
  }
  if (fixture && up) {
    for (const name of names) {
      await part(`the runtime's log of ${name}`, async () => {
        const { stdout, stderr } = await fixture.cli("logs", name, "--lines", "80");
        return `${stdout}${stderr}`;
      });
    }
  }
  let states: Readonly<Record<string, string>> = {};
  await part("multipass list --no-ipv4", async () => {
    states = await listed(call);
    return JSON.stringify(states, null, 1);
  });
  for (const name of names.filter((one) => states[one] === "Running")) {
    // `exec` runs in the client and blocks no other call; `info` of an unresponsive guest would wedge the daemon.
    const first = await call(["exec", name, "--no-map-working-directory", "--", "true"], 60_000);
    if (first.exitCode !== 0) {
      say(`--- ${name} is Running and does not answer (${first.stderr.trim() || "no answer within 60 s"})`);
      continue;
    }
    await part(`multipass info ${name}`, () => reported(["info", name], 60_000));
    for (const line of INSIDE) {
      const args = ["exec", name, "--no-map-working-directory", "--", "sh", "-c", line];
      await part(`${name}: ${line}`, () => reported(args, 120_000));
    }
  }
}

const lastLines = (text: string, count: number): string =>
  text.trimEnd().split("\n").slice(-count).join("\n");
