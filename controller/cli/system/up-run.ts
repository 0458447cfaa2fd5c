/** `vm-agent up`: the hub, the loop and both dashboards in one process, until Ctrl-C; instances are not touched. */
import { inBackground } from "../../base/background.ts";
import { join } from "node:path";
import { EXIT } from "../../base/errors.ts";
import { endProcess, onSignals } from "../../base/process/process-end.ts";
import { makeHome } from "../../base/home.ts";
import { createApp } from "../../http/app.ts";
import type { ControllerPort } from "../../http/deps.ts";
import { type HttpServer, listenHttp } from "../../http/server.ts";
import { Streams } from "../../http/sse.ts";
import { counted } from "../../core/units.ts";
import { firstFree } from "../../hub/listen.ts";
import type { Desired } from "../../core/types.ts";
import { type GitState, shortRevision } from "../../fleet/git/git.ts";
import { reportErrors } from "../../fleet/report.ts";
import { createLogger, logOptions } from "../../base/log.ts";
import { createApi } from "../../../ui/client/api.ts";
import type { FleetView } from "../../../ui/client/types.ts";
import { provisionFailures } from "../plan/carry-out.ts";
import { controllerPort } from "./controller-port.ts";
import { type Faults, hasTerminal, openDashboard } from "../commands/dash.ts";
import { fetchOf, operatorToken, removeHubFile, writeHubFile } from "./home.ts";
import { portChoice, portsToTry, rememberPort } from "./hub-ports.ts";
import { outputTo } from "../output/output-file.ts";
import { type Output, age, painted, programName, shownPath } from "../output/output.ts";
import { createProgress } from "../output/progress.ts";
import { gitLines, revisionWords } from "../output/revision.ts";
import type { CommandRun, Invocation } from "../command-spec.ts";
import { type System, createSystem } from "./system.ts";
import { firstLine } from "./first-line.ts";

/** Its first line is printed already. */
export const runUp: CommandRun = async (invocation) => {
  const { settings, version, options } = invocation;
  const picture = hasTerminal(invocation.output) && !options.plain;
  // A dashboard has the screen: other output goes to a file.
  const upLog = join(settings.home, "up.log");
  makeHome(settings.home);
  const file = picture ? outputTo(upLog) : null;
  const output = file ?? invocation.output;
  if (file) file.out(firstLine(invocation));
  const log = createLogger({ ...logOptions(process.env), ...(file && { write: file.append }) });
  const faults = new Set<(words: string) => void>();
  let faulty = 0;
  const onError = (error: unknown) => {
    log.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
    faulty += 1;
    for (const tell of faults)
      tell(`${error instanceof Error ? error.message : error}; all of it is in ${shownPath(upLog)}`);
  };
  const started = Date.now();
  const ended = signalled(invocation.output, picture);
  const system = await createSystem(settings, {
    command: "vm-agent up",
    env: process.env,
    watch: true,
    onError,
  });
  const progress = createProgress(output);
  const controller = controllerPort(system, version);
  const subscriptions = [controller.close];
  let servers: Servers | null = null;
  try {
    heading(output, system);
    for (const { message, next } of system.alerts())
      output.err(`${output.paint("bad", "error:")} ${message}\nnext: ${next}`);
    servers = await listen(system, controller);
    const { http, dashboard, urls, view } = servers;
    const tellWhere = () =>
      writeHubFile(settings.home, {
        pid: process.pid,
        startedAt: started,
        run: system.hub.run,
        ...urls,
        agent: system.hub.clientUrl(),
        driver: system.driver.name,
        sandbox: system.driver.sandbox,
        ...(system.hub.settings.tls && { fingerprint: system.hub.settings.tls.fingerprint }),
      });
    tellWhere();
    const moved = portsMoved(system, servers);
    if (moved !== "") output.out(moved);
    subscriptions.push(system.bus.on("hub.listening", tellWhere));
    if (!picture) subscriptions.push(system.bus.onAny((event) => progress.event(event)));
    subscriptions.push(tellFleet(system, output));
    system.loop.start();
    const unprovisioned = () =>
      provisionFailures({ runtimes: system.hub.readings() }, system.source.current().desired, {
        targets: [],
      });
    const ready = system.loop
      .settled(ended.signal)
      .then(() => output.out(readyLine(view(), unprovisioned(), urls, output, Date.now() - started)));
    inBackground(ready, (error) => ended.signal.aborted || onError(error));
    if (picture)
      await showDashboard(invocation, system, urls, ended, (listener) => {
        faults.add(listener);
        return () => void faults.delete(listener);
      });
    await ended.promise;
    if (picture && faulty > 0)
      invocation.output.err(
        `${faulty === 1 ? "an error was" : `${faulty} errors were`} written to ${shownPath(upLog)} meanwhile`,
      );
    invocation.output.out("stopping; the agents stay as they are");
    await Promise.all([http.stop(), dashboard.stop()]);
    return EXIT.done;
  } finally {
    progress.close();
    removeHubFile(settings.home);
    await system.stop();
    for (const unsubscribe of subscriptions) unsubscribe();
  }
};

/** Until the dashboard is closed; steps in flight are finished while it is still shown. */
async function showDashboard(
  { settings, output }: Invocation,
  system: System,
  urls: Servers["urls"],
  ended: Ended,
  faults: Faults,
): Promise<void> {
  const closing = new AbortController();
  const shown = openDashboard({
    settings,
    output,
    api: createApi({
      url: urls.http,
      token: () => operatorToken(settings) ?? "",
      ...fetchOf(system.hub.settings.tls?.fingerprint),
    }),
    where: urls.http,
    hints: [
      `Web dashboard  ${urls.dashboard}   its token: ${nextCommand("token show")}`,
      "A first task, in a second terminal:",
      `  ${firstTask(system)}`,
    ],
    own: true,
    signal: closing.signal,
    executable: async () => system.selection.executable,
    onQuit: ended.interrupt,
    faults,
  });
  // It ends by itself only after a fatal error; then the rest ends too.
  shown.then(ended.end, ended.end);
  await ended.promise;
  await system.loop.stop();
  closing.abort();
  await shown;
}

interface Servers {
  /** The current state of the fleet. */
  readonly view: () => FleetView;
  readonly http: HttpServer;
  readonly dashboard: HttpServer;
  readonly urls: { readonly http: string; readonly agent: string; readonly dashboard: string };
}

/** The API on its own port, and the page with the same API on another. */
async function listen(system: System, controller: ControllerPort): Promise<Servers> {
  const { hub, settings, store } = system;
  const written = system.source.current().desired?.settings.hub;
  const bind = settings.bind;
  const host = bind.includes(":") ? `[${bind}]` : bind;
  const listenOn = async (
    use: "API" | "dashboard",
    app: ReturnType<typeof createApp>,
  ): Promise<HttpServer> => {
    const ports = portsToTry(portChoice(use, settings, written, store.kv));
    const server = await firstFree(ports, (port) => listenHttp({ app, hub, bind, port }));
    await rememberPort(store, use, server.port);
    return server;
  };
  // One limit of live streams for both.
  const streams = new Streams(hub.limits);
  const http = await listenOn("API", createApp({ hub, controller, streams }));
  const origins: string[] = [];
  const { page } = await import("../../http/resources/web.ts");
  const dashboard = await listenOn(
    "dashboard",
    createApp({ hub, controller, streams, origins: () => origins, before: [page()] }),
  );
  // The names under which this machine's browser may open the page.
  const names = [host, "localhost", "127.0.0.1", "[::1]"];
  const scheme = hub.settings.tls ? "https" : "http";
  origins.push(...names.map((name) => `${scheme}://${name}:${dashboard.port}`));
  const urls = {
    http: `${scheme}://${host}:${http.port}`,
    agent: `${hub.settings.tls ? "wss" : "ws"}://${host}:${hub.agentPort}`,
    dashboard: `${scheme}://${host}:${dashboard.port}`,
  };
  return { view: () => controller.fleet() as FleetView, http, dashboard, urls };
}

/** Ports that differ from the defaults although none were set; empty: none. */
function portsMoved({ hub, settings, source }: System, { http, dashboard }: Servers): string {
  const written = source.current().desired?.settings.hub;
  const moved = (
    [
      ["agents", hub.agentPort],
      ["API", http.port],
      ["dashboard", dashboard.port],
    ] as const
  ).filter(([use, port]) => {
    const choice = portChoice(use, settings, written, null);
    return choice.written === null && port !== choice.usual;
  });
  if (moved.length === 0) return "";
  const list = moved.map(([use, port]) => `${use} ${port}`).join(", ");
  return `another program has the usual ports; this fleet keeps its own from now on: ${list}`;
}

function heading(output: Output, system: System): void {
  const { driver, selection } = system;
  const { desired, git = null } = system.source.current();
  const at = revisionWords(desired?.revision ?? null, git);
  if (at !== "") output.out(`the fleet${at}`);
  if (!driver.sandbox) output.out(`${driver.name} ${driver.version} (${selection.reason})`);
  else {
    output.out(output.paint("warn", selection.reason));
    output.out(
      "  every agent is a folder and some processes of this machine; it behaves like Multipass, and isolates less" +
        (process.getuid?.() === 0 ? "; tasks run as root, because vm-agent does" : ""),
    );
  }
}

function tellFleet(system: System, output: Output): () => void {
  let reported = "";
  const tell = () => {
    const { errors, stale, desired, git = null } = system.source.current();
    const lines = gitLines(git, output.isTTY ? output.width : Number.POSITIVE_INFINITY)
      .map((line) => painted(line, output))
      .join("\n");
    if (lines !== reported) {
      reported = lines;
      output.err(lines === "" ? "everything is committed" : lines);
    }
    if (errors.length > 0) {
      output.err(
        reportErrors(errors, {
          color: output.color,
          width: output.width,
          folder: shownPath(system.settings.fleet),
        }),
      );
      output.err(
        `\n${stale ? staysWords(desired, git) : "There is no good fleet yet, so nothing is done."} ` +
          (git?.follows
            ? "Mend the files and commit them."
            : "Mend the files; they are read again as soon as they are saved."),
      );
    } else if (desired?.guard)
      output.err(
        `${output.paint("warn", "warning:")} ${desired.guard.message}; nothing is removed because of that`,
      );
    for (const { message } of system.config.missing())
      output.err(`${output.paint("warn", "warning:")} ${message}`);
  };
  tell();
  return system.bus.on("fleet.read", () => setImmediate(tell));
}

function staysWords(desired: Desired | null, git: GitState | null): string {
  if (!git?.follows || !desired?.revision) return "The last good fleet stays in force.";
  const broken = git.tip ? `The commit ${shortRevision(git.tip)} cannot be used; ` : "";
  return `${broken}${shortRevision(desired.revision)}, the last good one, stays in force.`;
}

/** Counts agents in sync and others by name, so that an absent or failed agent never counts as in sync. */
export function readyLine(
  view: FleetView,
  unprovisioned: ReadonlyMap<string, string>,
  urls: Servers["urls"],
  output: Output,
  ms: number,
): string {
  const failed = view.agents.flatMap((a) => {
    const why = a.failure?.message ?? unprovisioned.get(a.name);
    return why === undefined ? [] : [{ name: a.name, why }];
  });
  const isFailed = (name: string) => failed.some((f) => f.name === name);
  const inSync = view.agents.filter((a) => a.sync === "Synced" && !isFailed(a.name)).length;
  const other = view.agents.length - inSync - failed.length;
  const parts = [
    inSync === view.agents.length
      ? output.paint("good", `${counted(inSync, "agent")} in sync`)
      : `${counted(view.agents.length, "agent")}: ${inSync} in sync`,
    ...(failed.length > 0 ? [output.paint("bad", `${failed.length} failed`)] : []),
    ...(other > 0 ? [output.paint("warn", `${other} held or waiting (vm-agent plan says why)`)] : []),
  ].join(", ");
  const lines = failed.map(
    ({ name, why }) =>
      `\n${output.paint("strong", name)}: ${output.paint("bad", "failed")}: ${why}; vm-agent why ${name}`,
  );
  const first = view.agents.find((a) => a.runtime?.status === "online" && !isFailed(a.name))?.name;
  const next =
    first === undefined
      ? `Next: ${nextCommand("list")}`
      : `Next, in a second terminal: ${nextCommand(`exec ${first} -- echo hello`)}`;
  return `${lines.join("")}\n${parts}, after ${age(ms)}. Hub ${urls.http}, dashboard ${urls.dashboard}. ${next}   (Ctrl-C stops; agents stay)`;
}

const nextCommand = (words: string): string => `${programName(process.env)} ${words}`;

function firstTask(system: System): string {
  const agents = system.source.current().desired?.agents ?? [];
  const first = agents.find((a) => a.state === "running")?.name ?? "NAME";
  return nextCommand(`exec ${first} -- echo hello`);
}

interface Ended {
  readonly promise: Promise<void>;
  readonly signal: AbortSignal;
  /** As Ctrl-C; the second time at once. */
  readonly interrupt: () => void;
  readonly end: () => void;
}

/** Ctrl-C or a service manager's stop; the second time at once. */
function signalled(output: Pick<Output, "err">, isDrawn: boolean): Ended {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => {
    controller.abort();
    resolve();
  };
  const interrupt = () => {
    if (controller.signal.aborted) {
      const say = () => output.err("stopped at once; the next start goes on from here");
      // The dashboard restores the terminal at exit; this text is printed after that.
      if (isDrawn) process.once("exit", say);
      else say();
      void endProcess(130);
      return;
    }
    end();
  };
  onSignals(["SIGINT", "SIGTERM", "SIGHUP"], interrupt);
  return { promise, signal: controller.signal, interrupt, end };
}
