/** Makes the cloud-init user-data that turns a fresh instance into an agent; pure. */
import type { DesiredAgent } from "../../controller/core/types.ts";
import { START_PATH, startScript } from "../systemd/start-script.ts";
import { BUNDLE_PATH, runtimeUnit, SETTINGS_PATH, UNIT_PATH } from "../systemd/unit.ts";
import { authorConfig, authorProblems, authorScript, base64, octal } from "./author.ts";
import { type CloudConfig, type Merged, mergeCloudConfig } from "./merge.ts";
import { cloudConfigText } from "./scalars.ts";
import {
  AUTHOR_SCRIPT_PATH,
  ENSURE_NODE,
  EXIT_AS_AUTHOR,
  ownFolders,
  RUN_AUTHOR_SCRIPT,
  runLine,
  START_RUNTIME,
  STATE_FOLDER,
} from "./shell.ts";

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
const OUR_PATHS: readonly string[] = [BUNDLE_PATH, START_PATH, SETTINGS_PATH, UNIT_PATH, AUTHOR_SCRIPT_PATH];

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
  // Where the file is read they are reported with their line; what was read before that check existed is refused here.
  const unfit = authorProblems(cloudInit).map(({ pointer, message, next }) => ({
    field: "/cloudInit",
    message: `has ${pointer}, which ${message}`,
    next,
  }));
  if (unfit.length > 0) return unfit;
  const merged = merge({ provision, tasks }, []);
  const authored = Array.isArray(cloudInit.write_files) ? cloudInit.write_files.map(pathOf) : [];
  const bytes = merged.ok ? yamlBytes(merged.config) : 0;
  return [
    ...(merged.ok ? [] : merged.problems).map((why) =>
      refused(`does not go with what vm-agent adds: ${why}`),
    ),
    ...authored.filter(isOwned).map((path) => refused(`writes ${path}: vm-agent itself writes that file`)),
    ...files.flatMap(({ path }, i) =>
      isOwned(path)
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

const isOwned = (path: string | null): boolean => path !== null && OUR_PATHS.includes(path);

const refused = (message: string): UserDataProblem => ({
  field: "/cloudInit",
  message,
  next: "change the cloud-init file, or take it out of provision",
});

/** Exact where it may matter: YAML takes several times as long to write as JSON, and hardly ever four times as large. */
function yamlBytes(config: CloudConfig): number {
  const bytes = Buffer.byteLength(JSON.stringify(config));
  return bytes * 4 > MAX_DOCUMENT_BYTES ? Buffer.byteLength(cloudConfigText(config)) : bytes;
}

/**
 * Order in the guest: our files, the author's, packages, the document's files, the author's runcmd, Node, the document's
 * `run`, and last the runtime: so an agent that says hello has been through its provisioning. What fails of it is reported by
 * the runtime, which is started all the same.
 * Throws with all problems when the author's cloud-init cannot be joined with ours.
 */
export function renderUserData(input: UserDataInput): string {
  const problems = userDataProblems(input.agent);
  if (problems.length > 0) {
    const words = problems.map(({ field, message, next }) => `provision${field} ${message}; ${next}`);
    throw new Error(`cloud-init of ${input.agent.name}: ${words.join("; ")}`);
  }
  const merged = merge(input.agent, ourFiles(input));
  if (!merged.ok) throw new Error(merged.problems.join("; "));
  return cloudConfigText(merged.config);
}

const tooLarge = (bytes: number): UserDataProblem => ({
  field: "",
  message: `makes ${Math.ceil(bytes / 1024)} KiB of cloud-init, and ${MAX_DOCUMENT_BYTES / 1024} KiB are the most`,
  next: "mount or fetch what is large",
});

/**
 * `first`: files that do not depend on the document. They are written before the author's, so that the runtime and its unit
 * are in place whatever the author's part does.
 */
function merge({ provision, tasks }: Provisioned, first: readonly unknown[]): Merged {
  const { cloudInit = {}, packages, files, run } = provision;
  const script = authorScript(cloudInit.runcmd);
  const lists = Array.isArray(cloudInit.runcmd) ? {} : { runcmd: cloudInit.runcmd };
  const ours: CloudConfig = {
    ...(packages.length > 0 ? { package_update: true, packages } : {}),
    write_files: files.map((file) => documentFile(file, tasks.user)),
    runcmd: [
      STATE_FOLDER,
      ...ownFolders(foldersInHome(files, tasks.user), tasks.user),
      ...(script === null ? [] : [RUN_AUTHOR_SCRIPT]),
      ENSURE_NODE,
      ...run.map(runLine),
      ...START_RUNTIME,
      ...(script === null ? [] : [EXIT_AS_AUTHOR]),
    ],
  };
  const merged = mergeCloudConfig({ ...authorConfig(cloudInit), ...lists }, ours);
  if (!merged.ok) return merged;
  const commands = script === null ? [] : [scriptFile(script)];
  const written = merged.config.write_files as readonly unknown[];
  return { ok: true, config: { ...merged.config, write_files: [...first, ...commands, ...written] } };
}

const scriptFile = (script: string) => ({
  path: AUTHOR_SCRIPT_PATH,
  permissions: "0700",
  ...base64(script),
});

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
 * could not read its own files; elsewhere it is root's.
 */
function documentFile(
  file: { readonly path: string; readonly content: string; readonly mode?: string },
  user: string,
) {
  const owner = file.path.startsWith(homeOf(user)) ? { owner: `${user}:${user}` } : {};
  const mode = octal(file.mode);
  const permissions = mode === null ? {} : { permissions: mode };
  return { path: file.path, ...permissions, ...owner, ...base64(file.content), defer: true };
}

const homeOf = (user: string): string => `/home/${user}/`;

/** Folders between the user's home and the files in it, outermost first. */
function foldersInHome(files: readonly { readonly path: string }[], user: string): readonly string[] {
  const home = homeOf(user);
  const folders = new Set<string>();
  for (const { path } of files)
    if (path.startsWith(home))
      for (let end = path.indexOf("/", home.length); end > 0; end = path.indexOf("/", end + 1))
        folders.add(path.slice(0, end));
  return [...folders];
}

function pathOf(file: unknown): string | null {
  if (typeof file !== "object" || file === null || !("path" in file)) return null;
  return typeof file.path === "string" ? file.path : null;
}
