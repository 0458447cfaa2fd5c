/** Walks the whole product ownership × want × is of THE TABLE. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cell, type Is, type Ownership, TABLE, type Want, cellOf } from "./actions.ts";
import { INSTANCE_STATES } from "./types.ts";

const OWNERSHIPS: readonly Ownership[] = ["ours", "unproven", "foreign"];
const WANTS: readonly Want[] = ["running", "stopped", "suspended", "absent"];
const STATES: readonly Is[] = [...INSTANCE_STATES, "absent", "unobservable"];

const EVERY: Readonly<Record<Cell, true>> = {
  none: true,
  create: true,
  start: true,
  stop: true,
  suspend: true,
  destroy: true,
  recover: true,
  wait: true,
  settle: true,
  adopt: true,
  "hold-unproven": true,
  forget: true,
  ignore: true,
  "hold-foreign": true,
  "hold-deleted": true,
  "hold-unavailable": true,
  "hold-unobservable": true,
};
/** What touches an instance that is there. */
const TOUCHES: readonly Cell[] = ["start", "stop", "suspend", "destroy", "recover"];
const ACTS: readonly Cell[] = [...TOUCHES, "create"];

const walk = (check: (cell: Cell, ownership: Ownership, want: Want, is: Is) => void): number => {
  let cells = 0;
  for (const ownership of OWNERSHIPS)
    for (const want of WANTS)
      for (const is of STATES) {
        check(cellOf(ownership, want, is), ownership, want, is);
        cells++;
      }
  return cells;
};

test("every cell of the product is filled, and there is none beside it", () => {
  const cells = walk((cell, ...where) => assert.ok(EVERY[cell], `${where.join(" × ")}: ${cell}`));
  assert.equal(cells, 3 * 4 * 12);
  const rows = Object.values(TABLE).flatMap((wants) => Object.values(wants));
  assert.equal(rows.length, 3 * 4);
  for (const row of rows) assert.deepEqual(Object.keys(row).sort(), [...STATES].sort());
});

test("every word of the table is used somewhere", () => {
  const used = new Set<Cell>();
  walk((cell) => used.add(cell));
  assert.deepEqual([...used].sort(), Object.keys(EVERY).sort());
});

test("only ours may be started, stopped, suspended, recovered or destroyed", () => {
  walk((cell, ownership, want, is) => {
    if (TOUCHES.includes(cell)) assert.equal(ownership, "ours", `${ownership} × ${want} × ${is}`);
  });
});

test("what is foreign or unproven is created where it is absent, and nothing else", () => {
  walk((cell, ownership, want, is) => {
    if (ownership === "ours" || !ACTS.includes(cell)) return;
    assert.equal(cell, "create", `${ownership} × ${want} × ${is}`);
    assert.equal(is, "absent");
    assert.notEqual(want, "absent");
  });
});

test("nothing acts on what cannot be seen", () => {
  walk((cell, ownership, want, is) => {
    if (is === "unobservable" || is === "Unavailable" || is === "Unknown")
      assert.ok(!ACTS.includes(cell) && cell !== "forget", `${ownership} × ${want} × ${is}: ${cell}`);
  });
});

test("a creation is for an absent name that is wanted; an instance that is there is never created", () => {
  walk((cell, ownership, want, is) => {
    if (cell === "create") assert.ok(is === "absent" && want !== "absent", `${ownership} × ${want} × ${is}`);
    if (is === "absent" && want !== "absent") assert.equal(cell, "create", `${ownership} × ${want} × ${is}`);
  });
});

test("only undesired instances are destroyed", () => {
  walk((cell, ownership, want, is) => {
    if (cell === "destroy" || cell === "forget") assert.equal(want, "absent", `${ownership} × ${is}`);
  });
});

test("what is as wanted is left alone, and what is on its way is waited for", () => {
  assert.equal(cellOf("ours", "running", "Running"), "none");
  assert.equal(cellOf("ours", "stopped", "Stopped"), "none");
  assert.equal(cellOf("ours", "suspended", "Suspended"), "none");
  for (const want of WANTS)
    for (const is of ["Restarting", "Suspending"] as const) assert.equal(cellOf("ours", want, is), "wait");
});
