/** Edits of fleet files: what is asked for changes, and not a byte besides. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseAllDocuments } from "yaml";
import { type FieldValue, fieldOf, removeDocument, removeField, setField } from "./edit-yaml.ts";
import { valueText } from "./edit-yaml-value.ts";

const A = { kind: "Agent", name: "a" } as const;

interface Case {
  readonly reason: string;
  readonly before: string;
  readonly after: string;
  /** The field was there before, so removing it does not lead back. */
  readonly oneWay?: true;
}

const PAUSE: readonly Case[] = [
  {
    reason: "a new field comes right after the name",
    before: "kind: Agent\nname: a\ncpu: 2\n",
    after: "kind: Agent\nname: a\npaused: true\ncpu: 2\n",
  },
  {
    reason: "comments stay where they are",
    before: "# head\nkind: Agent # k\nname: a   # the name\n\n# size\ncpu:    2\n# tail\n",
    after: "# head\nkind: Agent # k\nname: a   # the name\npaused: true\n\n# size\ncpu:    2\n# tail\n",
  },
  {
    reason: "flow style",
    before: "{kind: Agent, name: a, labels: {x: y}}  # one line\n",
    after: "{kind: Agent, name: a, paused: true, labels: {x: y}}  # one line\n",
  },
  {
    reason: "flow style with the name last",
    before: "{kind: Agent,\n  name: a }\n",
    after: "{kind: Agent,\n  name: a, paused: true }\n",
  },
  {
    reason: "JSON, which is YAML too",
    before: '{"kind": "Agent", "name": "a", "cpu": 2}\n',
    after: '{"kind": "Agent", "name": "a", "paused": true, "cpu": 2}\n',
  },
  {
    reason: "only the document of this name",
    before: "---\nkind: Profile\nname: a\n---\n# ours\nkind: Agent\nname: a\n---\nkind: Agent\nname: b\n",
    after:
      "---\nkind: Profile\nname: a\n---\n# ours\nkind: Agent\nname: a\npaused: true\n---\nkind: Agent\nname: b\n",
  },
  {
    reason: "line ends of another system",
    before: "kind: Agent\r\nname: a # c\r\ncpu: 2\r\n",
    after: "kind: Agent\r\nname: a # c\r\npaused: true\r\ncpu: 2\r\n",
  },
  {
    reason: "anchors and aliases",
    before: "kind: Agent\nname: &n a\nlabels: {x: *n}\nenv: &e {A: b}\n",
    after: "kind: Agent\nname: &n a\npaused: true\nlabels: {x: *n}\nenv: &e {A: b}\n",
  },
  {
    reason: "no line break at the end",
    before: "kind: Agent\nname: a",
    after: "kind: Agent\nname: a\npaused: true",
  },
  {
    reason: "no line break at the end, on another system",
    before: "kind: Agent\r\nname: a",
    after: "kind: Agent\r\nname: a\r\npaused: true",
  },
  {
    reason: "an indented document",
    before: "  kind: Agent\n  name: a\n  cpu: 2\n",
    after: "  kind: Agent\n  name: a\n  paused: true\n  cpu: 2\n",
  },
  {
    reason: "a name in several lines",
    before: "kind: Agent\nname: >-\n  a\ncpu: 2\n",
    after: "kind: Agent\nname: >-\n  a\npaused: true\ncpu: 2\n",
  },
  {
    reason: "a field that is there is changed in place",
    before: "kind: Agent\npaused:   false  # until Tuesday\nname: a\n",
    after: "kind: Agent\npaused:   true  # until Tuesday\nname: a\n",
    oneWay: true,
  },
  {
    reason: "a field without a value gets one",
    before: "kind: Agent\nname: a\npaused:\ncpu: 2\n",
    after: "kind: Agent\nname: a\npaused: true\ncpu: 2\n",
    oneWay: true,
  },
  {
    reason: "a field without a value and with a comment",
    before: "kind: Agent\nname: a\npaused: # later\n",
    after: "kind: Agent\nname: a\npaused: true # later\n",
    oneWay: true,
  },
  {
    reason: "a field in flow style without a value",
    before: "{kind: Agent, paused: , name: a}\n",
    after: "{kind: Agent, paused: true, name: a}\n",
    oneWay: true,
  },
];

describe("setField and removeField", () => {
  for (const { reason, before, after, oneWay } of PAUSE) {
    it(reason, () => {
      assert.equal(setField(before, A, "paused", true), after);
      assert.equal(setField(after, A, "paused", true), after);
      if (!oneWay) assert.equal(removeField(after, A, "paused"), before);
    });
  }

  it("removes what spans several lines, and what stands in the middle or at the end of a flow mapping", () => {
    const block = "kind: Agent\nname: a\nmounts:\n  - source: ./x\n    target: /y\n\n# next\ncpu: 2\n";
    assert.equal(removeField(block, A, "mounts"), "kind: Agent\nname: a\n\n# next\ncpu: 2\n");
    assert.equal(removeField("{kind: Agent, cpu: 2, name: a}", A, "cpu"), "{kind: Agent, name: a}");
    assert.equal(removeField("{kind: Agent, name: a, cpu: 2 }", A, "cpu"), "{kind: Agent, name: a }");
    assert.equal(removeField("{kind: Agent, name: a, cpu: 2,}", A, "cpu"), "{kind: Agent, name: a,}");
    assert.equal(removeField("kind: Agent\nname: a\n", A, "cpu"), "kind: Agent\nname: a\n");
  });

  it("replaces a mapping in lines of its own by one on the field's line", () => {
    assert.equal(
      setField("kind: Agent\nname: a\nrestore:\n  snapshot: x\n  token: y\ncpu: 2\n", A, "restore", {
        snapshot: "clean",
        token: "2026-11-22",
      }),
      'kind: Agent\nname: a\nrestore: {snapshot: clean, token: "2026-11-22"}\ncpu: 2\n',
    );
  });

  it("refuses what would change another field, and says so", () => {
    const shared = "kind: Agent\nname: a\npaused: &p false\nprotect: *p\n";
    assert.throws(() => setField(shared, A, "paused", true), { code: "edit-unsafe", message: /an anchor/ });
    assert.throws(() => removeField(shared, A, "paused"), { code: "edit-unsafe" });
    assert.throws(() => setField("kind: [", A, "paused", true), { message: /not valid YAML/ });
    assert.throws(() => setField("kind: Agent\nname: b\n", A, "paused", true), {
      message: /not in the file/,
    });
  });

  it("tells what the document itself says", () => {
    const text = "kind: Agent\nname: a\npaused: true # why\ncpu: 2\n";
    assert.deepEqual(fieldOf(text, A, "paused"), { value: true, commented: true });
    assert.deepEqual(fieldOf(text, A, "cpu"), { value: 2, commented: false });
    assert.equal(fieldOf(text, A, "memory"), null);
  });
});

describe("removeDocument", () => {
  const three = "# file\nkind: Agent\nname: a\n# of a\n---\n# of b\nkind: Agent\nname: b\n---\nkind: Fleet\n";
  it("takes one document out and leaves the others", () => {
    assert.equal(removeDocument(three, A), "# file\n---\n# of b\nkind: Agent\nname: b\n---\nkind: Fleet\n");
    assert.equal(
      removeDocument(three, { kind: "Agent", name: "b" }),
      "# file\nkind: Agent\nname: a\n# of a\n---\nkind: Fleet\n",
    );
    assert.equal(
      removeDocument(three, { kind: "Fleet" }),
      "# file\nkind: Agent\nname: a\n# of a\n---\n# of b\nkind: Agent\nname: b\n",
    );
  });
  it("says when nothing is left", () => {
    assert.equal(removeDocument("# only\n---\nkind: Agent\nname: a\n---\n", A), null);
  });
});

describe("in any layout", () => {
  const comment = fc.constantFrom("", " # x: {y", "  #  ]");
  const eol = fc.constantFrom("\n", "\r\n");
  const field = fc.constantFrom(
    "cpu: 2",
    'memory: "2G"',
    "labels: {a: b, c: d}",
    "capabilities:\n  - x\n  - y",
    "type: &t web",
    "env:\n  A: |\n    x\n     y",
  );
  const layout = fc.record({
    eol,
    comment,
    fields: fc.uniqueArray(field),
    nameFirst: fc.boolean(),
    last: fc.boolean(),
    others: fc.boolean(),
  });
  it("pausing and resuming leads back to the same bytes, and says what it said", () => {
    fc.assert(
      fc.property(layout, (l) => {
        const head = l.nameFirst
          ? [`name: a${l.comment}`, "kind: Agent"]
          : ["kind: Agent", `name: a${l.comment}`];
        const lines = [...(l.others ? ["kind: Agent", "name: b", "---"] : []), ...head, ...l.fields];
        const text = lines.join("\n").replaceAll("\n", l.eol) + (l.last ? l.eol : "");
        const paused = setField(text, A, "paused", true);
        assert.equal(paused.length - text.length, "paused: true".length + l.eol.length);
        assert.equal(removeField(paused, A, "paused"), text);
      }),
    );
  });
  /** Lines with what people and their editors leave in them. */
  const odd = fc.record({
    bom: fc.constantFrom("", "\uFEFF"),
    eols: fc.array(eol, { minLength: 40, maxLength: 40 }),
    before: fc.constantFrom(
      "",
      "# first\n",
      "kind: Profile\nname: p\n---\n",
      "%YAML 1.2\n---\n",
      "--- # ours\n",
    ),
    after: fc.constantFrom(
      "",
      "---\nkind: Agent\nname: b\n",
      "...\n# after\n",
      "\n\n",
      "--- {kind: Fleet}\n",
    ),
    fields: fc.uniqueArray(
      fc.constantFrom(
        "cpu: 2\t#\ttabs\there",
        "env: &e {A: b} # shared",
        "labels: {x: y, # in between\n  z: w}",
        "# alone",
        "",
        "'memory':  \"2G\"",
        "provision:\n  run:\n    - |\n      a: b # no comment\n",
      ),
    ),
    style: fc.constantFrom("block", "flow", "lines"),
    comment: fc.constantFrom("", " # c", "\t# tab\tin it"),
    isOpen: fc.boolean(),
  });
  const written = ({
    bom,
    eols,
    before,
    after,
    fields,
    style,
    comment,
    isOpen,
  }: typeof odd extends fc.Arbitrary<infer T> ? T : never) => {
    const own = {
      block: `kind: Agent\nname: a${comment}\n${fields.map((f) => `${f}\n`).join("")}`,
      flow: `{kind: Agent, name: a, cpu: 2}${comment}\n`,
      lines: `{\n  kind: Agent, # k\n  name: a,${comment}\n  cpu: 2 # last\n}\n`,
    }[style];
    const lines = `${before}${own}${after}`.split("\n");
    const text = bom + lines.map((l, i) => (i === lines.length - 1 ? l : l + eols[i % eols.length])).join("");
    return isOpen ? text.replace(/(\r?\n)+$/, "") : text;
  };
  /** How many characters two texts share at their beginning and at their end. */
  const shared = (a: string, b: string): number => {
    let from = 0;
    while (from < Math.min(a.length, b.length) && a[from] === b[from]) from++;
    let to = 0;
    while (to < Math.min(a.length, b.length) - from && a.at(-1 - to) === b.at(-1 - to)) to++;
    return from + to;
  };
  const attempt = (edit: () => string): string | null => {
    try {
      return edit();
    } catch (error) {
      assert.match((error as Error).message, /^cannot edit Agent "a" at line \d+ without/);
      return null;
    }
  };

  it("outside the change not a byte changes, or it is refused with the line", () => {
    let edited = 0;
    fc.assert(
      fc.property(odd, (layout) => {
        const text = written(layout);
        const added = attempt(() => setField(text, A, "paused", true));
        if (added !== null) {
          edited++;
          assert.equal(
            shared(text, added),
            text.length,
            "what was there is there, in one piece before and after",
          );
          assert.match(added, /paused: true/);
          assert.equal(
            attempt(() => removeField(added, A, "paused")),
            text,
          );
        }
        const changed = attempt(() => setField(text, A, "cpu", 16));
        if (changed !== null && fieldOf(text, A, "cpu")) assert.equal(shared(text, changed), text.length - 1);
        const removed = attempt(() => removeField(text, A, "cpu"));
        for (const comment of [
          "# k",
          "# c",
          "# tab",
          "# in between",
          "# alone",
          "# after",
          "# first",
          "# shared",
        ])
          if (removed !== null)
            assert.equal(removed.split(comment).length, text.split(comment).length, `${comment} stays`);
      }),
      { numRuns: 300 },
    );
    assert.ok(edited > 150, `${edited} of 300 could be edited`);
  });

  it("a value is read back unchanged", () => {
    const value = fc.letrec<{ v: FieldValue }>((tie) => ({
      v: fc.oneof(
        { maxDepth: 2 },
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.constantFrom("yes", "null", "1.5", "24.04", "a, b", "x: y", "#c", "", "~/x"),
        fc.array(tie("v"), { maxLength: 3 }),
        fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9]*$/), tie("v"), { maxKeys: 3, noNullPrototype: true }),
      ),
    })).v;
    fc.assert(
      fc.property(value, fc.boolean(), (v, json) => {
        const [document] = parseAllDocuments(`x: ${valueText(v, json)}\n`, { version: "1.2" }) as ReturnType<
          typeof parseAllDocuments
        > &
          [];
        assert.deepEqual((document as unknown as { toJS(): { x: unknown } }).toJS().x, v);
      }),
    );
  });
});
