/** Schema 3: who sent a waiting message, so that a full queue takes from whoever fills it. */
import type { Migration } from "../migration.ts";

export const messageSenders: Migration = {
  version: 3,
  name: "message-senders",
  sql: `
    ALTER TABLE messages ADD COLUMN sender TEXT NOT NULL DEFAULT '';
    UPDATE messages SET sender = coalesce(json_extract(json, '$.from'), '') WHERE json_valid(json);
    CREATE INDEX messages_by_sender ON messages (recipient, sender, seq);
  `,
};
