/** A program for the damage test: stores tasks, results, claims and audit entries without end, and prints what was acknowledged. */
import { writeSync } from "node:fs";
import { aClaim, aTask } from "../../store/testing/contract.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import { detailOf, idOf, outputOf, resultOf, specOf } from "./content.ts";

const [, , path = "", start = "0"] = process.argv;
const store = openStore(path);
const fence = await store.nextFence();
const say = (what: string, n: number) => writeSync(1, `${what} ${n}\n`);

for (let n = Number(start); ; n += 10) {
  const batch = Array.from({ length: 10 }, (_, i) => n + i);
  await Promise.all([
    ...batch.map((i) => store.tasks.insert(aTask(idOf(i), { spec: specOf(i) })).then(() => say("task", i))),
    store.audit
      .append({ at: n, actor: "test", action: "batch", subject: String(n), detail: detailOf(n) })
      .then(() => say("audit", n)),
  ]);
  await store.claims.put({ ...aClaim("agent-1"), bootAt: n }, fence);
  await store.kv.put("size/agent-1", { n });
  // Some are left without a result.
  await Promise.all(
    batch.slice(0, 7).map((i) =>
      store.tasks
        .update(
          aTask(idOf(i), {
            spec: specOf(i),
            state: "succeeded",
            finishedAt: n,
            result: resultOf(i),
            exitCode: 0,
          }),
          [{ taskId: idOf(i), seq: 1, stream: "stdout", data: outputOf(i), at: n, offset: 0, line: 0 }],
        )
        .then(() => say("result", i)),
    ),
  );
}
