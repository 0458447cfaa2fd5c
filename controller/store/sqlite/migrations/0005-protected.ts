/** Schema 5: from here on checksums of pages and a log of commits lie beside the file; older versions would not keep them. */
import type { Migration } from "../migration.ts";

export const protectedFile: Migration = { version: 5, name: "protected", sql: "" };
