// How a client waits for a boot that goes on without it, outside the daemon's lock.
import { collected, Refusal } from "./failure.ts";
import { bootReport, type Instance, readInstance } from "./instances/instance.ts";
import { write } from "./frontend/output.ts";
import { lives, sleep } from "./processes.ts";
import type { Spinner } from "./frontend/spinner.ts";

const POLL_MS = 5;

/** The exit code: 0, or 5 when the client's own time ran out (said on stderr). */
export async function awaitLaunch(
  instance: Instance,
  spinner: Spinner,
  timeout: number | undefined,
): Promise<number> {
  const { name } = instance;
  const show = phases(spinner, name, instance.image.custom);
  return watch(instance, timeout, "Timed out waiting for instance launch.", show, (it) => it.finished);
}

/** As for a launch, but only until the guest answers. */
export async function awaitStart(instance: Instance, timeout: number | undefined): Promise<number> {
  return watch(
    instance,
    timeout,
    "Timed out waiting for instance to start.",
    () => {},
    (it) => it.up,
  );
}

type Report = NonNullable<ReturnType<typeof bootReport>>;

async function watch(
  instance: Instance,
  timeout: number | undefined,
  complaint: string,
  show: (report: Report | undefined) => void,
  isDone: (report: Report) => boolean,
): Promise<number> {
  const deadline = timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeout * 1000;
  const boot = instance.boot;
  for (;;) {
    const report = bootReport(instance);
    if (report && isDone(report) && !report.gaveUp) return 0;
    show(report);
    if (report?.gaveUp) {
      if (timeout === undefined) throw collected(`${instance.name}: timed out waiting for response`);
      write(2, `${complaint}\n`);
      return 5;
    }
    if (!boot || !lives(boot.process) || readInstance(instance.name)?.boot?.id !== boot.id) {
      throw collected(`${instance.name}: shutdown called while starting`);
    }
    if (performance.now() > deadline) {
      write(2, `${complaint}\n`);
      return 5;
    }
    await sleep(POLL_MS);
  }
}

function phases(spinner: Spinner, name: string, custom: boolean): (report: Report | undefined) => void {
  let shown = "";
  return (report) => {
    const message = phaseMessage(report, name, custom);
    if (message !== shown) spinner.start(message);
    shown = message;
  };
}

function phaseMessage(report: Report | undefined, name: string, custom: boolean): string {
  if (!report) return `Creating ${name}`;
  if (report.phase === "preparing") return custom ? `Preparing image for ${name}` : `Configuring ${name}`;
  return report.phase === "running" ? "Waiting for initialization to complete" : `Starting ${name}`;
}

/** Waits for several boots; the first failure counts, all errors are reported. */
export async function awaitStarts(
  instances: readonly Instance[],
  timeout: number | undefined,
): Promise<number> {
  const results = await Promise.allSettled(instances.map((instance) => awaitStart(instance, timeout)));
  const complaints = results.flatMap((it) => (it.status === "rejected" ? [it.reason] : []));
  const prefix = "The following errors occurred:\n";
  if (complaints.length === 1) throw complaints[0];
  if (complaints.every((it) => it instanceof Refusal) && complaints.length > 0) {
    throw collected(...complaints.map((it) => it.message.replace(prefix, "")));
  }
  if (complaints.length > 0) throw complaints[0];
  return Math.max(0, ...results.map((it) => (it.status === "fulfilled" ? it.value : 0)));
}
