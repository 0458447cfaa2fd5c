/** Every field of a fleet that names a file, and the files themselves, against what is no plain file of a sensible size. */
import assert from "node:assert/strict";
import { NOTHING_ALLOWED } from "../base/env.ts";
import { mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { packageRoot } from "../base/paths.ts";
import { SPECIAL_FILES, type SpecialFile, specialFiles } from "../base/testing/special-files.ts";
import { errorLine } from "./errors.ts";
import { createCommitReader } from "./git/commits.ts";
import { createFleetReader, loadFleet } from "./load.ts";
import { createRuntimeConfigs } from "../runtimes/config.ts";
import { agentOf } from "../core/testing/build.ts";
import { repositoryOf } from "./git/testing/repository.ts";

const agent = (more: string, name = "a") => `kind: Agent\nname: ${name}\n${more}\n`;

/** By field, as the schemas call it: the document that names the file, and where its error points. */
const FIELDS: Readonly<Record<string, { readonly of: (path: string) => string; readonly place: RegExp }>> = {
  "provision/cloudInit": {
    of: (path) => agent(`provision: {cloudInit: ${path}}`),
    place: /^x\.yaml:3:\d+ \/provision\/cloudInit /,
  },
  "secrets/fromFile": {
    of: (path) => agent(`secrets:\n  S: {fromFile: ${path}}`),
    place: /^x\.yaml:4:\d+ \/secrets\/S\/fromFile /,
  },
  "mounts/source": {
    of: (path) => agent(`mounts: [{source: ${path}, target: /work}]`),
    place: /^x\.yaml:3:\d+ \/mounts\/0\/source /,
  },
  image: {
    of: (path) => agent(`image: file://${path}`),
    place: /^x\.yaml:3:\d+ \/image /,
  },
};
/** A mount is a folder, an image may be large, and a link to nowhere may lead somewhere later. */
const isFine = (field: string, kind: SpecialFile): boolean =>
  (field === "mounts/source" && kind === "folder") ||
  (field === "image" && kind === "large") ||
  (field !== "provision/cloudInit" && kind === "loop");

for (const [field, { of, place }] of Object.entries(FIELDS)) {
  for (const profile of [false, true]) {
    test(`${field}${profile ? " of a profile" : ""}: what is no plain file is refused at its place`, async (t) => {
      const { path, words, folder } = await specialFiles(t);
      const fleet = join(folder, "fleet");
      mkdirSync(fleet);
      for (const kind of SPECIAL_FILES) {
        const text = of(path(kind));
        writeFileSync(join(fleet, "x.yaml"), profile ? text.replace("Agent", "Profile") : text);
        const read = await loadFleet(fleet);
        if (isFine(field, kind)) {
          assert.ok(read.ok || read.errors.length === 0, `${kind} ${JSON.stringify(read)}`);
          continue;
        }
        const lines = read.ok ? [] : read.errors.map(errorLine);
        assert.equal(lines.length, 1, kind);
        assert.match(lines[0] ?? "", place, kind);
        assert.match(lines[0] ?? "", field === "mounts/source" ? /is not a folder/ : words(kind), kind);
      }
    });
  }
}

test("the table has every field of the schemas that names a file of the host", () => {
  const found = new Set<string>();
  const walk = (node: unknown, path: readonly string[]) => {
    if (typeof node !== "object" || node === null) return;
    const { $ref, pattern, properties, items, additionalProperties } = node as Record<string, unknown>;
    if (String($ref).endsWith("/hostPath") || /file:\/\//.test(String(pattern))) found.add(path.join("/"));
    for (const [key, value] of Object.entries((properties ?? {}) as object)) walk(value, [...path, key]);
    walk(items, path);
    walk(additionalProperties, path);
  };
  for (const name of ["agent", "profile", "snapshot", "fleet"]) {
    const schema = readFileSync(join(packageRoot(), "schemas", `${name}.schema.json`), "utf8");
    walk(JSON.parse(schema), []);
  }
  assert.deepEqual([...found].sort(), Object.keys(FIELDS).sort());
});

test("fleet files themselves, and files behind links", async (t) => {
  const { path, words, folder } = await specialFiles(t);
  for (const kind of SPECIAL_FILES) {
    const fleet = join(folder, `fleet-${kind}`);
    mkdirSync(fleet);
    symlinkSync(path(kind), join(fleet, "x.yaml"));
    const read = await loadFleet(fleet);
    const lines = read.ok ? [] : read.errors.map(errorLine);
    assert.equal(lines.length, 1, kind);
    assert.match(lines[0] ?? "", /^x\.yaml /);
    assert.match(lines[0] ?? "", words(kind), kind);
  }
});

test("what was refused is taken once it is a plain file, without an edit of the document", async (t) => {
  const { path, folder } = await specialFiles(t);
  const fleet = join(folder, "fleet");
  mkdirSync(fleet);
  writeFileSync(join(fleet, "x.yaml"), FIELDS["secrets/fromFile"]!.of(path("fifo")));
  const reader = createFleetReader(fleet);
  assert.equal((await reader.read()).ok, false);
  rmSync(path("fifo"));
  writeFileSync(path("fifo"), "value");
  assert.equal((await reader.read()).ok, true);
});

test("a secret's file that became something else since: held, with the reason", async (t) => {
  const { path, words } = await specialFiles(t);
  const configs = createRuntimeConfigs({
    env: {},
    trust: () => ({ allow: NOTHING_ALLOWED, restricted: false }),
    key: Buffer.from("k"),
  });
  for (const kind of SPECIAL_FILES) {
    const a = { ...agentOf({ name: "a" }), secrets: { S: { fromFile: path(kind) } } };
    const { missing } = await configs.read(a);
    assert.match(missing[0]?.message ?? "", kind === "loop" ? /cannot read/ : words(kind));
  }
});

test("git: a document, a cloud-init file and links of any size are bounded, and not read", async (t) => {
  const w = repositoryOf(t);
  await w.init();
  w.write("fleet/a.yaml", agent("provision: {cloudInit: ../big.cfg}"));
  w.write("fleet/big.yaml", "");
  w.write("big.cfg", "");
  truncateSync(join(w.fleet, "big.yaml"), 100 * 1024 * 1024);
  truncateSync(join(w.top, "big.cfg"), 100 * 1024 * 1024);
  symlinkSync("loop.yaml", join(w.fleet, "loop.yaml"));
  const commit = await w.commit();
  const read = createCommitReader(w.fleet, {});
  const before = process.memoryUsage().rss;
  const result = await read(await w.found(), commit);
  const grown = process.memoryUsage().rss - before;
  assert.ok(!result.ok);
  assert.deepEqual(result.errors.map(errorLine), [
    `a.yaml:3:24 /provision/cloudInit is "../big.cfg"; ${join(w.top, "big.cfg")} is larger than 1024 KiB; name a cloud-init file`,
    "big.yaml is larger than 1024 KiB",
    "loop.yaml is a link that leads nowhere",
  ]);
  assert.ok(grown < 90 * 1024 * 1024, `${grown} bytes more in memory`);
});
