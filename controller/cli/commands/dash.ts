/** `vm-agent dash`: the terminal dashboard against a running hub; without a terminal, the fleet's table once. */
import { type Api, createApi } from "../../../ui/client/api.ts";
import { isDumb, type Settings } from "../../base/env.ts";
import { EXIT } from "../../base/errors.ts";
import type { Executable } from "../../drivers/multipass/call.ts";
import { fleetOrders } from "../system/fleet-orders.ts";
import { needHub, operatorToken, fetchOf, readHubFile } from "../system/home.ts";
import { list } from "./list.ts";
import type { Output } from "../output/output.ts";
import type { CommandRun } from "../command-spec.ts";
import { openContext } from "../system/command-context.ts";

export const dash: CommandRun = async (invocation) => {
  const { settings, output } = invocation;
  const { api, file } = await needHub(settings);
  if (!hasTerminal(output)) return list({ ...invocation, options: {} });
  // A refused token is reported here, because the dashboard could show nothing.
  await api.getFleet();
  const where = settings.url ?? file?.http ?? "";
  await using world = await openContext(settings, { isDrawn: true });
  await openDashboard({
    settings,
    output,
    api: settings.url === null && file ? wherever(settings, file.http) : api,
    where,
    own: false,
    signal: new AbortController().signal,
    executable: async () => (await world.selection()).executable,
    onQuit: (leave) => leave(),
  });
  return EXIT.done;
};

/** Both ends: keys can be read and the screen can be drawn, which a dumb terminal cannot. */
export const hasTerminal = ({ isTTY, json }: Output): boolean =>
  isTTY && !json && process.stdin.isTTY === true && !isDumb(process.env);

/** Calls the listener with each error, in words; returns the function that unsubscribes. */
export type Faults = (listener: (words: string) => void) => () => void;

export interface OpenDashboard {
  readonly settings: Settings;
  readonly output: Output;
  readonly api: Api;
  readonly where: string;
  readonly hints?: readonly string[];
  /** Closing it stops the hub and the loop. */
  readonly own: boolean;
  readonly signal: AbortSignal;
  readonly executable: () => Promise<Executable>;
  readonly onQuit: (leave: () => void) => void;
  /** An error of this process, in a line; absent: the hub is another process. */
  readonly faults?: Faults;
}

/** Resolves when it is closed. The only place that loads Ink and React. */
export async function openDashboard(options: OpenDashboard): Promise<void> {
  const { settings, output, api, where, hints = [], own, signal, executable, onQuit, faults } = options;
  const { loadDashboard } = await import("../../../ui/tui/app/load.ts");
  const runDashboard = await loadDashboard();
  await runDashboard({
    api,
    where,
    hints,
    own,
    signal,
    onQuit,
    ...(faults && { faults }),
    color: output.color,
    stdin: process.stdin,
    stdout: process.stdout,
    screenReader: process.env.INK_SCREEN_READER === "true",
    orders: fleetOrders({ settings, look: { color: false, width: 200 }, api, executable }),
  });
}

/** A restarted hub may have another port: each call uses its current one. */
function wherever(settings: Settings, first: string): Api {
  const ask: typeof fetch = (input, init) => {
    const asked = new URL(String(input));
    const file = readHubFile(settings.home);
    const there = fetchOf(file?.fingerprint).fetch ?? fetch;
    return there(new URL(`${asked.pathname}${asked.search}`, file?.http ?? first), init);
  };
  return createApi({ url: first, token: () => operatorToken(settings) ?? "", fetch: ask });
}
