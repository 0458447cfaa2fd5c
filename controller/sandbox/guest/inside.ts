// A guest's path on the host: links are followed as the guest would follow them, never out of its tree.
import { lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";

const MAX_LINKS = 40;

/** The host path of a guest path; parts that do not exist are taken as they are. */
export function inGuest(root: string, path: string): string {
  const rest = path.split("/").filter((part) => part !== "" && part !== ".");
  let done: string[] = [];
  let links = 0;
  while (rest.length > 0) {
    const part = rest.shift() ?? "";
    if (part === "..") {
      done.pop();
      continue;
    }
    const target = linkTarget(join(root, ...done, part));
    if (target === undefined) {
      done.push(part);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) throw new Error(`too many links: ${path}`);
    if (target.startsWith("/")) done = [];
    rest.unshift(...target.split("/").filter((it) => it !== "" && it !== "."));
  }
  return join(root, ...done);
}

function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}
