/** Path of a program on PATH. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { EnvRecord } from "../../base/env.ts";

export function spawnable(name: string, env: EnvRecord): string | null {
  for (const folder of (env.PATH ?? "").split(delimiter).filter((f) => f !== "")) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not here.
    }
  }
  return null;
}
