/** A program for the kill -9 test: inserts tasks without end, and prints each id only when the store has acknowledged it. */
import { writeSync } from "node:fs";
import { aTask } from "./contract.ts";
import { openStore } from "../sqlite/sqlite.ts";

const [, , path = "", round = ""] = process.argv;
const store = openStore(path);
for (let batch = 0; ; batch++) {
  const ids = Array.from({ length: 20 }, (_, i) => `${round}-${batch}-${i}`);
  await Promise.all([
    ...ids.map((id) => store.tasks.insert(aTask(id)).then(() => writeSync(1, `${id}\n`))),
    store.audit.append({ at: batch, actor: "test", action: "batch", subject: round, detail: {} }),
  ]);
}
