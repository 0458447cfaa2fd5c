// What the faults do; those that concern a guest's boot or the rows of an answer are carried out where these are made.
import type { Call, CallFault } from "./call.ts";
import { collected, DaemonDown, Exit, logLine, Refusal } from "./failure.ts";
import { cutAnswersShort, write } from "./frontend/output.ts";
import { sleep } from "./processes.ts";

const NOISE =
  "Failed to get https://codeload.github.com/canonical/multipass-blueprints/zip/refs/heads/main: Error";

const INDEX = "https://cloud-images.ubuntu.com/releases/streams/v1/index.json";
const DOWNLOAD = `failed to download from '${INDEX}': Error opening ${INDEX}`;
const LOCKED =
  "Cannot get image info: qemu-img failed (Process returned exit code: 1) with output: qemu-img: Could not open '/var/snap/multipass/common/data/multipassd/vault/instances/other/image.img': Failed to get shared \"write\" lock";

/** Faults of the client itself, before it does anything. */
export async function beforeCommand(call: Call, fault: CallFault): Promise<void> {
  switch (fault.fault) {
    case "exit4":
      throw new Exit(4, fault.message ?? "");
    case "no-root-certificate": {
      const path = "/usr/local/etc/multipassd/multipass_root_cert.pem";
      const what = `Caught an unhandled exception: failed to open file '${path}': No such file or directory(2)`;
      throw new Exit(1, `[error] [client] ${what}\n`);
    }
    case "truncate-json":
      cutAnswersShort();
      return;
    case "noise":
      write(2, `${logLine("url downloader", fault.message ?? NOISE)}\n`);
      return;
    case "wedge":
      await call.request(() => forever(fault.ms));
      return;
    default:
      return;
  }
}

/** Faults of the daemon, when the client's first request arrives. */
export async function beforeRequest(fault: CallFault, command: string): Promise<void> {
  switch (fault.fault) {
    case "slow":
      await sleep(fault.ms);
      return;
    case "hang":
      await forever(fault.ms);
      return;
    case "fail":
      throw fault.message === undefined ? collected("simulated fault") : new Refusal(fault.message);
    case "disk-full":
      throw new Refusal(fault.message ?? "Could not write image: No space left on device");
    case "offline":
      // Nothing but a launch is refused in words of its own when no image host answers.
      throw new Refusal(command === "launch" ? 'Remote "" is unknown or unreachable.' : DOWNLOAD);
    case "image-locked":
      throw new Refusal(LOCKED);
    case "daemon-down":
      throw new DaemonDown();
    default:
      return;
  }
}

/** Faults after the command has done its work. */
export async function afterCommand(fault: CallFault): Promise<void> {
  if (fault.fault === "fail-after") throw new Refusal(fault.message ?? "the connection was lost");
  if (fault.fault === "hang-after") await forever(fault.ms);
}

/** Until the client is killed, or as long as the rule says. */
async function forever(ms: number): Promise<void> {
  await sleep(ms || 2 ** 31 - 1);
}
