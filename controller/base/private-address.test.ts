/** private-address.ts: what is not globally reachable, and how an operator's list is compared. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostOf, isAllowedHost, isPrivate } from "./private-address.ts";

test("addresses of this machine, of its networks and of special use are private; others are not", () => {
  const own =
    "127.0.0.1 127.255.0.1 0.0.0.0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 169.254.169.254 100.64.0.1 224.0.0.1 255.255.255.255 " +
    "::1 :: fe80::1 fc00::1 fd12::1 ff02::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 2002:7f00:1:: name.example";
  for (const address of own.split(" ")) assert.ok(isPrivate(address), address);
  for (const address of "8.8.8.8 172.32.0.1 100.128.0.1 1.1.1.1 2606:4700::1111 2a00::1".split(" "))
    assert.ok(!isPrivate(address), address);
});

test("hosts of addresses are taken as the client will take them", () => {
  assert.equal(hostOf("http://0x7f.1:80/x"), "127.0.0.1");
  assert.equal(hostOf("http://[::1]/"), "::1");
  assert.equal(hostOf("http://user@Example.COM./"), "example.com");
});

test("an allowed name is that name, an allowed network is its addresses", () => {
  assert.ok(isAllowedHost("a.example", ["b", "A.example."]));
  assert.ok(!isAllowedHost("x.a.example", ["a.example"]));
  assert.ok(isAllowedHost("10.1.2.3", ["10.0.0.0/8"]));
  assert.ok(!isAllowedHost("11.1.2.3", ["10.0.0.0/8"]));
  assert.ok(isAllowedHost("::1", ["0:0:0:0:0:0:0:1"]));
  assert.ok(!isAllowedHost("10.0.0.1", ["10.0.0.0/33", "10.0.0.0/x", "::/0", ""]));
});
