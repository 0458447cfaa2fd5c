/** Schema 4: where each chunk of output is in the whole, so that what was discarded is a gap in the numbers. */
import type { Migration } from "../migration.ts";

export const outputPlaces: Migration = {
  version: 4,
  name: "output-places",
  sql: `
    ALTER TABLE output ADD COLUMN byte_offset INTEGER NOT NULL DEFAULT -1;
    ALTER TABLE output ADD COLUMN line INTEGER NOT NULL DEFAULT -1;
  `,
};
