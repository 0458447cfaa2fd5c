// For the replay test: how an answer of ours is compared with the recorded one.

export interface Recording {
  readonly name: string;
  readonly cmd: string;
  readonly rc: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Normalisation {
  readonly why: string;
  readonly apply: (text: string) => string;
}

const swap =
  (pattern: RegExp, text: string): Normalisation["apply"] =>
  (whole) =>
    whole.replace(pattern, text);

/** Applied to both sides, in this order. Whatever differs after it is a failure. */
export const NORMALISATIONS: readonly Normalisation[] = [
  {
    why: "log lines of the url downloader and the blueprint provider tell of the recording host's missing network",
    apply: swap(/^\[[^\]]*\] \[error\] \[(url downloader|blueprint provider)\].*\n?/gm, ""),
  },
  { why: "log lines carry the time", apply: swap(/\[\d{4}-\d\d-\d\dT[\d:.]+\]/g, "[TIME]") },
  {
    why: "the path of the root certificate depends on the installation",
    apply: swap(/'[^']*multipass_root_cert\.pem'/g, "'CERT'"),
  },
  {
    why: "a spinner's message is shown for as many frames as it takes",
    apply: swap(/(\u0008[-\\|/ ])+/g, "~"),
  },
  { why: "a terminal ends lines with CR LF", apply: swap(/\r\n/g, "\n") },
  {
    why: "addresses are given by the network of the machine",
    apply: swap(/\b10\.\d+\.\d+\.\d+ */g, "ADDRESS "),
  },
  {
    why: "machine-id, keys and image hashes are random or depend on the image",
    apply: swap(/\b[0-9a-f]{32,64}\b/g, "HEX"),
  },
  { why: "host keys are random", apply: swap(/AAAA[\w+/=]+/g, "KEY") },
  {
    why: "creation times are times",
    apply: swap(/\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} UTC/g, "CREATED"),
  },
  { why: "random names are random", apply: swap(/\b[a-z]+-[a-z]+(?= {2}~|\n|$)/g, "RANDOM-NAME") },
  { why: "the guest's Node.js is the host's", apply: swap(/^v\d+\.\d+\.\d+$/gm, "NODE") },
  {
    why: "the guest's user is in no further groups: a user namespace maps one group",
    apply: swap(/,4\(adm\),27\(sudo\)/g, ""),
  },
  { why: "uptime and load are measured", apply: swap(/^ \d\d:\d\d:\d\d up .*$/gm, "UPTIME") },
  {
    why: "the default mapping names the user who runs the daemon",
    apply: swap(/\b\d+:default/g, "UID:default"),
  },
  {
    why: "the sandbox says in `version` that it is none of the real thing",
    apply: (text) => withoutMark(text),
  },
  {
    why: "numbers in info's table are measured, and the guest is another system",
    apply: (text) =>
      text.startsWith("Name:")
        ? text.replace(/^(Release|Image hash|Load|Disk usage|Memory usage): +\S.*$/gm, "$1: MEASURED")
        : text,
  },
  {
    why: "a shell's greeting is the guest system's",
    apply: (text) =>
      text
        .replace(/^Linux t1 [\s\S]*permitted by applicable law\.\n/, "GREETING\n")
        .replace(/^Welcome to .*\n/, "GREETING\n"),
  },
];

function withoutMark(text: string): string {
  return text.replace(/,\n {4}"sandbox": true/, "").replace(/^sandbox .*\n/m, "");
}

export function normalise(text: string): string {
  return NORMALISATIONS.reduce((result, { apply }) => apply(result), text);
}

/** The messages of a launch depend on how long each phase takes; its last words do not. */
export function launchWords(text: string): string {
  return text
    .split("\u001b[2K\u001b[0A\u001b[0E")
    .filter(
      (part) => !/^\n?(Creating|Preparing|Configuring|Starting|Waiting|Retrieving|Verifying) /.test(part),
    )
    .filter((part) => part !== "")
    .join("");
}

/** Values in JSON that are compared by type only, each for a reason. */
const MEASURED: Readonly<Record<string, string>> = {
  ipv4: "addresses are given by the network of the machine",
  load: "measured",
  memory: "measured",
  disks: "measured",
  image_hash: "depends on the image",
  release_of_info: "the guest's own name of its system",
  created: "a time",
  networks: "the host's own interfaces",
};

/** JSON of an answer with measured values replaced by their types and lists without order sorted. */
export function canonical(text: string, kind: "info" | "networks" | "other"): unknown {
  const value: unknown = JSON.parse(withoutMark(text));
  return kind === "networks" ? networkShape(value) : walk(value, kind, []);
}

function walk(value: unknown, kind: string, path: readonly string[]): unknown {
  const key = path.at(-1) ?? "";
  if (isMeasured(key, kind, path)) return typesOf(value);
  if (Array.isArray(value)) {
    const items = value.map((item) => walk(item, kind, [...path, "*"]));
    return key === "list"
      ? items.sort((a, b) => (JSON.stringify(nameOf(a)) < JSON.stringify(nameOf(b)) ? -1 : 1))
      : items;
  }
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, walk(item, kind, [...path, name])]),
    );
  }
  return typeof value === "string" ? normalise(value) : value;
}

function isMeasured(key: string, kind: string, path: readonly string[]): boolean {
  if (key === "release") return kind === "info" && path.length === 3;
  return Object.hasOwn(MEASURED, key);
}

/** The same structure, with a word for each value; "" stays, since whether something is known is no measurement. */
function typesOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(typesOf);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, typesOf(item)]));
  }
  return value === "" ? "" : typeof value;
}

function networkShape(value: unknown): unknown {
  const list = (value as { readonly list: readonly unknown[] }).list;
  return { list: [...new Set(list.map((item) => JSON.stringify(typesOf(item))))].slice(0, 1) };
}

const nameOf = (value: unknown): unknown => (value as { readonly name?: unknown } | null)?.name;

/** The words of a command line as Python's shell quoting wrote it. */
export function shellWords(line: string): readonly string[] {
  const words: string[] = [];
  for (const match of line.matchAll(/(?:\\.|'[^']*'|"[^"]*"|[^\s\\'"])+/gs)) {
    words.push(
      match[0].replace(
        /\\(.)|'([^']*)'|"([^"]*)"/gs,
        (_, escaped, single, double) => escaped ?? single ?? double,
      ),
    );
  }
  return words;
}
