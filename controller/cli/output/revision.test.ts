/** revision.ts: the words of a heading, and the lines below it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { lineText } from "../../views/lines.ts";
import type { GitState } from "../../fleet/git/git.ts";
import { gitLines, revisionWords } from "./revision.ts";

const REVISION = "3f2c1ab0000000000000000000000000000000000";
const state = (more: Partial<GitState>): GitState => ({
  follows: null,
  tip: REVISION,
  uncommitted: [],
  problem: null,
  ...more,
});
const reported = (git: GitState | null, width: number) => gitLines(git, width).map(lineText);

test("the revision, what is followed, and how much is not committed", () => {
  assert.equal(revisionWords(null, null), "");
  assert.equal(revisionWords(REVISION.slice(0, 40), state({})), " at 3f2c1ab");
  const two = ["a.yaml", "b.yaml"];
  assert.equal(
    revisionWords(REVISION.slice(0, 40), state({ uncommitted: two })),
    " at 3f2c1ab (2 files not committed)",
  );
  assert.equal(
    revisionWords(REVISION.slice(0, 40), state({ follows: "origin/main", uncommitted: ["a.yaml"] })),
    " at 3f2c1ab (follows origin/main; 1 file not committed, not applied)",
  );
  assert.equal(
    revisionWords(REVISION.slice(0, 40), state({ follows: "origin/main", unpushed: 2 })),
    " at 3f2c1ab (follows origin/main; 2 local commits not pushed, not applied)",
  );
});

test("a few files by name, a problem with what to do about it", () => {
  assert.deepEqual(reported(null, 80), []);
  const many = ["a", "b", "c", "d", "e", "f", "g"];
  const problem = { kind: "rewritten", message: "it was rewritten", next: "look" } as const;
  assert.deepEqual(reported(state({ uncommitted: many, problem }), 80), [
    "  not committed: a, b, c, d, e, and 2 more",
    "! it was rewritten",
    "  look",
  ]);
});
