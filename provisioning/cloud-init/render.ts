/** Makes the cloud-init user-data that turns a fresh instance into an agent; pure. */
import { stringify } from "yaml";
import type { DesiredAgent } from "../../controller/core/types.ts";
import { START_PATH, startScript } from "../systemd/start-script.ts";
import { BUNDLE_PATH, runtimeUnit, SETTINGS_PATH, UNIT_PATH } from "../systemd/unit.ts";
import { type CloudConfig, mergeCloudConfig } from "./merge.ts";
import { ENSURE_NODE, runLine, START_AT_EXIT, START_DONE, START_RUNTIME, STATE_FOLDER } from "./shell.ts";

export interface UserDataInput {
  readonly agent: Pick<DesiredAgent, "name" | "provision" | "tasks">;
  readonly nonce: string;
  /** Single use; it leaves the guest's disk when the runtime has its own credential. */
  readonly joinToken: string;
  /** `host:port`, best first; empty: the guest's default gateway at `hubPort`. */
  readonly hubAddresses: readonly string[];
  readonly hubPort: number;
  readonly runtime: {
    /** The bundle, gzipped, in base64. */
    readonly gzipBase64: string;
    readonly version: string;
    /** SHA-256 (hex) of the bundle itself. */
    readonly hash: string;
  };
  /** PEM of the authority behind a `wss://` hub. */
  readonly ca?: string;
}

/** Paths that are ours; an author's file of the same path would silently lose or win. */
const OUR_PATHS: readonly string[] = [BUNDLE_PATH, START_PATH, SETTINGS_PATH, UNIT_PATH];

/** What a document may add. Multipass hands user data on in one message, which gRPC takes up to 4 MiB of; ours is a small part of it. */
const MAX_DOCUMENT_BYTES = 2 * 1024 * 1024;

/** What of an agent its document alone decides. */
type Provisioned = Pick<UserDataInput["agent"], "provision" | "tasks">;

/** What stands in the way of rendering. */
export interface UserDataProblem {
  /** JSON pointer below `provision`; empty: all of it. */
  readonly field: string;
  /** What follows the field in a sentence. */
  readonly message: string;
  readonly next: string;
}

/** Empty: `renderUserData` will not throw. */
export function userDataProblems({ provision, tasks }: Provisioned): readonly UserDataProblem[] {
  const { cloudInit = {}, files } = provision;
  const merged = mergeCloudConfig(cloudInit, documentPart({ provision, tasks }));
  const authored = Array.isArray(cloudInit.write_files) ? cloudInit.write_files.map(pathOf) : [];
  const bytes = merged.ok ? yamlBytes(merged.config) : 0;
  return [
    ...(merged.ok ? [] : merged.problems).map((why) =>
      refused(`does not go with what vm-agent adds: ${why}`),
    ),
    ...authored.filter(isOurs).map((path) => refused(`writes ${path}: vm-agent itself writes that file`)),
    ...files.flatMap(({ path }, i) =>
      isOurs(path)
        ? [
            {
              field: `/files/${i}/path`,
              message: `is ${path}, which vm-agent itself writes`,
              next: "give the file another path",
            },
          ]
        : [],
    ),
    ...(bytes > MAX_DOCUMENT_BYTES ? [tooLarge(bytes)] : []),
  ];
}

const isOurs = (path: string | null): boolean => path !== null && OUR_PATHS.includes(path);

const refused = (message: string): UserDataProblem => ({
  field: "/cloudInit",
  message,
  next: "change the cloud-init file, or take it out of provision",
});

/** Exact where it may matter: YAML takes several times as long to write as JSON, and hardly ever four times as large. */
function yamlBytes(config: CloudConfig): number {
  const bytes = Buffer.byteLength(JSON.stringify(config));
  return bytes * 4 > MAX_DOCUMENT_BYTES ? Buffer.byteLength(yaml(config)) : bytes;
}

/**
 * Order in the guest: our files and the author's, packages, the document's files, the author's runcmd, Node, the
 * document's `run`, and last the runtime: so an agent that says hello has been through its provisioning. What fails of it
 * is told by the runtime, which is started all the same.
 * Throws with all problems when the author's cloud-init cannot be joined with ours.
 */
export function renderUserData(input: UserDataInput): string {
  const problems = userDataProblems(input.agent);
  if (problems.length > 0) {
    const words = problems.map(({ field, message, next }) => `provision${field} ${message}; ${next}`);
    throw new Error(`cloud-init of ${input.agent.name}: ${words.join("; ")}`);
  }
  const document = documentPart(input.agent);
  const ours: CloudConfig = {
    ...document,
    write_files: [...ourFiles(input), ...(document.write_files as readonly unknown[])],
  };
  const merged = mergeCloudConfig(input.agent.provision.cloudInit ?? {}, ours);
  if (!merged.ok) throw new Error(merged.problems.join("; "));
  if (hasCommands(input.agent.provision.cloudInit)) {
    const commands = merged.config.runcmd as readonly unknown[];
    return yaml({ ...merged.config, runcmd: [START_AT_EXIT, ...commands, START_DONE] });
  }
  return yaml(merged.config);
}

const yaml = (config: CloudConfig): string =>
  `#cloud-config\n${stringify(config, { lineWidth: 0, version: "1.1" })}`;

const tooLarge = (bytes: number): UserDataProblem => ({
  field: "",
  message: `makes ${Math.ceil(bytes / 1024)} KiB of cloud-init, and ${MAX_DOCUMENT_BYTES / 1024} KiB are the most`,
  next: "mount or fetch what is large",
});

/** What depends on the document alone. */
function documentPart({ provision, tasks }: Provisioned): CloudConfig {
  return {
    ...(provision.packages.length > 0 ? { package_update: true, packages: provision.packages } : {}),
    write_files: provision.files.map((file) => documentFile(file, tasks.user)),
    runcmd: [STATE_FOLDER, ENSURE_NODE, ...provision.run.map(runLine), ...START_RUNTIME],
  };
}

const hasCommands = (author: CloudConfig | undefined): boolean =>
  Array.isArray(author?.runcmd) && author.runcmd.length > 0;

function ourFiles({
  agent,
  nonce,
  joinToken,
  hubAddresses,
  hubPort,
  runtime,
  ca,
}: UserDataInput): readonly unknown[] {
  const settings = {
    agent: agent.name,
    nonce,
    joinToken,
    hub: hubAddresses,
    port: hubPort,
    ...(ca ? { ca } : {}),
  };
  return [
    {
      path: BUNDLE_PATH,
      permissions: "0644",
      encoding: "gz+b64",
      content: runtime.gzipBase64,
    },
    {
      path: START_PATH,
      permissions: "0755",
      encoding: "b64",
      content: `${Buffer.from(startScript(), "utf8").toString("base64")}\n`,
    },
    { path: SETTINGS_PATH, permissions: "0600", content: `${JSON.stringify(settings)}\n` },
    { path: UNIT_PATH, permissions: "0644", content: runtimeUnit() },
  ];
}

/**
 * `defer`: written after packages and users exist. Otherwise /home/ubuntu would be made by root before the user, who
 * then lacks both its ownership and the skeleton files. Below the task user's home the file is the user's, or a task
 * could not read what was written for it; elsewhere it is root's.
 */
function documentFile(
  file: { readonly path: string; readonly content: string; readonly mode?: string },
  user: string,
) {
  const owner = file.path.startsWith(`/home/${user}/`) ? { owner: `${user}:${user}` } : {};
  // Four digits, so that it stays octal even without quotes (YAML 1.1, which cloud-init reads).
  const permissions = file.mode === undefined ? {} : { permissions: file.mode.padStart(4, "0") };
  return { path: file.path, ...permissions, ...owner, ...textOrBase64(file.content), defer: true };
}

/**
 * Multipass parses the YAML and writes it anew, and its writer drops the quotes of `"123"` or `"true"`, which cloud-init
 * would then read as a number or a truth value. Text that has letters and spaces cannot be mistaken so; all else is base64.
 */
function textOrBase64(content: string): { readonly content: string; readonly encoding?: string } {
  const plain =
    /[A-Za-z]/.test(content) &&
    /[ \n]/.test(content) &&
    /^[\t\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe]*$/.test(content);
  if (plain) return { content };
  // The newline keeps even base64 of nothing but digits a text; the decoder skips it.
  return { content: `${Buffer.from(content, "utf8").toString("base64")}\n`, encoding: "b64" };
}

function pathOf(file: unknown): string | null {
  if (typeof file !== "object" || file === null || !("path" in file)) return null;
  return typeof file.path === "string" ? file.path : null;
}
