/** Reads the built runtime for delivery: the bundle's hash, and the bundle packed for cloud-init. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

export interface RuntimeArtifact {
  /** Absolute path of the bundle. */
  readonly file: string;
  readonly version: string;
  /** SHA-256, hex: what the runtime says as `bundleHash` in its hello. */
  readonly hash: string;
  readonly bytes: number;
  /** The bundle, gzipped, in base64: as cloud-init's `gz+b64` takes it. */
  readonly gzipBase64: string;
}

/** Throws when it was not built or when file and record differ. `folder`: where `runtime.mjs` lies, default `dist/agent`. */
export function loadRuntime(folder: string = runtimeFolder()): RuntimeArtifact {
  const file = join(folder, "runtime.mjs");
  const record = join(folder, "runtime.json");
  if (!existsSync(file) || !existsSync(record)) throw new Error(`${file} is missing: run "npm run build"`);
  const contents = readFileSync(file);
  const { version, hash } = JSON.parse(readFileSync(record, "utf8")) as {
    readonly version: string;
    readonly hash: string;
  };
  const actual = createHash("sha256").update(contents).digest("hex");
  if (actual !== hash)
    throw new Error(`${file} is not the bundle that ${record} describes: run "npm run build"`);
  // Level 9 and no time stamp in the header (Node writes none): the same bundle gives the same user-data.
  return {
    file,
    version,
    hash,
    bytes: contents.length,
    gzipBase64: gzipSync(contents, { level: 9 }).toString("base64"),
  };
}

function runtimeFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return join(folder, "dist", "agent");
}
