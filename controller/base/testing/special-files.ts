/** Files that are no plain files of a sensible size, made in a folder of their own. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

export const SPECIAL_FILES = ["fifo", "device", "socket", "folder", "loop", "large"] as const;
export type SpecialFile = (typeof SPECIAL_FILES)[number];

const WORDS: Readonly<Record<SpecialFile, RegExp>> = {
  fifo: /is a FIFO, not a plain file/,
  device: /is a device, not a plain file/,
  socket: /is a socket, not a plain file/,
  folder: /is a folder/,
  loop: /ELOOP|leads back to itself/,
  large: /is larger than 1024 KiB/,
};

export async function specialFiles(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-special-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = (kind: SpecialFile): string => (kind === "device" ? "/dev/zero" : join(folder, kind));
  spawnSync("mkfifo", [path("fifo")]);
  const server = createServer().listen(path("socket"));
  await once(server, "listening");
  t.after(() => server.close());
  mkdirSync(path("folder"));
  symlinkSync("loop", path("loop"));
  writeFileSync(path("large"), "");
  // Sparse: it takes no room on the disk.
  truncateSync(path("large"), 100 * 1024 * 1024);
  return { folder, path, words: (kind: SpecialFile): RegExp => WORDS[kind] };
}
