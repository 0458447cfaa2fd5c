/** The fleet's key and the nonces made with it: known again by name, made once, refused when damaged. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readInGuest, unownedGuest } from "./guest.ts";
import { fleetKeyPath, isNonceOf, makeNonce, readOrCreateFleetKey } from "./nonce.ts";

function home(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-key-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("the key is made once, of 32 bytes, for its owner only, and nothing is left beside it", (t) => {
  const folder = home(t);
  const key = readOrCreateFleetKey(folder);
  assert.equal(key.length, 32);
  assert.equal(statSync(fleetKeyPath(folder)).mode & 0o777, 0o600);
  assert.deepEqual(readOrCreateFleetKey(folder), key);
  assert.deepEqual(readFileSync(fleetKeyPath(folder)), key);
  assert.deepEqual(readdirSync(folder), ["fleet-key"]);
});

test("a damaged key is refused, and not replaced", (t) => {
  const folder = home(t);
  writeFileSync(fleetKeyPath(folder), "short");
  assert.throws(() => readOrCreateFleetKey(folder), /has 5 bytes/);
  assert.equal(readFileSync(fleetKeyPath(folder), "utf8"), "short");
});

test("a nonce is ours for its own name and key, and for nothing else", () => {
  const key = Buffer.alloc(32, 1);
  const nonce = makeNonce(key, "agent-a");
  assert.match(nonce, /^[\w-]{22}\.[\w-]{43}$/);
  assert.notEqual(makeNonce(key, "agent-a"), nonce);
  assert.equal(isNonceOf(key, "agent-a", nonce), true);
  assert.equal(isNonceOf(key, "agent-b", nonce), false);
  assert.equal(isNonceOf(Buffer.alloc(32, 2), "agent-a", nonce), false);
  for (const other of [
    "",
    ".",
    `${nonce}x`,
    `${nonce}.`,
    nonce.replace(".", ""),
    `x${nonce}`,
    nonce.slice(0, -1),
  ])
    assert.equal(isNonceOf(key, "agent-a", other), false, other);
});

const text = (instanceId: string, agent: string, nonce: string) =>
  `${instanceId}\n${JSON.stringify({ agent, nonce, port: 9090 })}\n`;

test("what lies inside is read with and without line ends; anything else is nothing", () => {
  const read = readInGuest(text("a", "a", "n"));
  assert.deepEqual([read?.instanceId, read?.agent, read?.nonce, read?.settings.port], ["a", "a", "n", 9090]);
  assert.equal(readInGuest('a{"agent":"a","nonce":"n"}')?.instanceId, "a");
  for (const bad of ["", "a\n", "a\n{", 'a\n{"agent":"a"}', "a\n[1]"])
    assert.equal(readInGuest(bad), null, bad);
});

test("an unowned instance is recognised by its name, its agent, its nonce", () => {
  const inside = (id: string, agent: string, nonce: string) => {
    const read = readInGuest(text(id, agent, nonce));
    assert.ok(read);
    return unownedGuest("a", read, (n) => n === "n");
  };
  assert.equal(inside("a", "a", "n"), null);
  assert.match(inside("b", "a", "n") ?? "", /calls itself "b"/);
  assert.match(inside("a", "b", "n") ?? "", /clone of "b"/);
  assert.match(inside("a", "a", "x") ?? "", /another fleet/);
  assert.match(unownedGuest("a", { kind: "nothing" }, () => true) ?? "", /nothing of vm-agent/);
});
