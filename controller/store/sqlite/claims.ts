/** Claims; each write checks the fencing token: a controller that lost its lock cannot overwrite its successor. */
import { VmAgentError } from "../../base/errors.ts";
import type { Claim } from "../../core/types.ts";
import type { Db, Write } from "./db.ts";
import { storedValue } from "./errors.ts";
import { createParsedRows } from "./parsed-rows.ts";
import type { ClaimStore } from "../store.ts";

const TOUCHED = { table: "claims" };

export function fenced(fence: number, current: number): VmAgentError {
  return new VmAgentError({
    code: "fenced",
    message: `this controller's lock (epoch ${fence}) was taken over by a newer one (epoch ${current})`,
    next: "stop this process; the newer controller goes on with the work",
  });
}

export function sqlFence(db: Db, write: Write): () => Promise<number> {
  const raise = db.prepare("UPDATE fence SET epoch = epoch + 1 WHERE id = 1 RETURNING epoch");
  return async () => {
    let epoch = 0;
    await write(TOUCHED, () => {
      epoch = Number(raise.get()?.epoch);
    });
    return epoch;
  };
}

export function sqlClaims(db: Db, write: Write): ClaimStore {
  const select = db.prepare("SELECT name, json FROM claims ORDER BY name");
  const byName = db.prepare("SELECT json FROM claims WHERE name = ?");
  const upsert = db.prepare(
    "INSERT INTO claims (name, json) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET json = excluded.json",
  );
  const remove = db.prepare("DELETE FROM claims WHERE name = ?");
  const parsed = createParsedRows<Claim>();
  const epoch = db.prepare("SELECT epoch FROM fence WHERE id = 1");
  const guard = (fence: number) => {
    const current = Number(epoch.get()?.epoch);
    if (fence < current) throw fenced(fence, current);
  };
  return {
    list() {
      const rows = select.all();
      return parsed(
        rows.map((row) => String(row.name)),
        rows.map((row) => String(row.json)),
      );
    },
    get(name) {
      const row = byName.get(name);
      return row && storedValue<Claim>(String(row.json));
    },
    put: (claim, fence) =>
      write(TOUCHED, () => {
        guard(fence);
        upsert.run(claim.name, JSON.stringify(claim));
      }),
    remove: (name, fence) =>
      write(TOUCHED, () => {
        guard(fence);
        remove.run(name);
      }),
  };
}
