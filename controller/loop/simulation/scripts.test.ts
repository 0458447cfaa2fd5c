/** What was once wrong, as scripts of moves: each is played with its blow at many edges of calls, so that it stays meaningful. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Blow, EDGES, type Script, play } from "./script.ts";

const AGENT = { name: "a", cpu: 1, memory: "1G", disk: "5G" } as const;
const written = (part: Partial<Script["written"]> = {}): Script["written"] => ({
  agents: [AGENT],
  settings: { prune: true },
  snapshots: [],
  guard: null,
  edit: 1,
  ...part,
});
const CLEAN = { agent: "a", name: "clean" } as const;
const TICK = { agent: "a", name: "tick", schedule: "*/10 * * * *", keep: 1 } as const;
const MOUNT = { source: "/host/work", target: "/work" } as const;

const changed = (part: object, more: Partial<Script["written"]> = {}): Script["written"] =>
  written({ agents: [{ ...AGENT, ...part }], edit: 2, ...more });

/** Where nothing else is said the blow falls while the second fleet is brought about. */
const SCRIPTS: readonly Script[] = [
  { what: "a launch", written: written({ agents: [] }), edited: changed({}) },
  { what: "a stop", written: written(), edited: changed({ state: "stopped" }) },
  { what: "a suspension", written: written(), edited: changed({ state: "suspended" }) },
  { what: "a resize", written: written(), edited: changed({ cpu: 2 }) },
  { what: "a mount", written: written(), edited: changed({ mounts: [MOUNT] }) },
  { what: "a replacement", written: written(), edited: changed({ provision: "p2", onChange: "replace" }) },
  { what: "a removal", written: written(), edited: written({ agents: [], edit: 2 }) },
  {
    what: "a restore",
    written: written({ snapshots: [CLEAN] }),
    edited: changed({ restore: { snapshot: "clean", token: "t" } }, { snapshots: [CLEAN] }),
  },
  {
    what: "a schedule that prunes",
    written: written({ snapshots: [TICK] }),
    edited: written({ snapshots: [TICK], edit: 2 }),
    waits: 25,
  },
  {
    what: "a remedy",
    written: written({ agents: [{ ...AGENT, remediate: ["restart-runtime", "restart-instance"] }] }),
    edited: changed({ remediate: ["restart-runtime", "restart-instance"] }),
    hush: true,
  },
];

const BLOWS: readonly Blow[] = ["crash", "rival", "usurp", "loss"];

/** An instance without a record and without a document is rightly left alone. */
const FORGOTTEN: readonly string[] = ["loss during a removal"];

describe("at edges of calls", () => {
  for (const blow of BLOWS)
    for (const script of SCRIPTS.filter((s) => !FORGOTTEN.includes(`${blow} during ${s.what}`)))
      it(`${blow} during ${script.what}`, async () => {
        let struck = 0;
        for (let edge = 1; edge <= EDGES; edge += 3) {
          const { violations, log, hit } = await play(script, blow, edge);
          assert.deepEqual(violations, [], `edge ${edge}:\n${log.slice(-60).join("\n")}`);
          if (!hit) break;
          struck++;
        }
        assert.ok(struck > 2, `the blow fell ${struck} times`);
      });
});
