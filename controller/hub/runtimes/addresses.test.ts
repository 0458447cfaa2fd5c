/** Advertised addresses, from interface tables of Linux, macOS and Windows. */
import assert from "node:assert/strict";
import type { NetworkInterfaceInfo } from "node:os";
import { test } from "node:test";
import { BIND_BRIDGES, type Interfaces, advertised, bridgeAddresses } from "./addresses.ts";

const v4 = (address: string, internal = false): NetworkInterfaceInfo => ({
  address,
  netmask: "255.255.255.0",
  family: "IPv4",
  mac: "00:00:00:00:00:00",
  internal,
  cidr: `${address}/24`,
});
const v6 = (address: string): NetworkInterfaceInfo => ({
  address,
  netmask: "ffff:ffff:ffff:ffff::",
  family: "IPv6",
  mac: "00:00:00:00:00:00",
  internal: false,
  cidr: `${address}/64`,
  scopeid: 0,
});
const LO = [v4("127.0.0.1", true)];

const CASES: readonly (readonly [string, Interfaces, readonly string[]])[] = [
  ["nothing at all", {}, []],
  ["Linux before the daemon has run", { lo: LO, eth0: [v4("192.168.1.5")], docker0: [v4("172.17.0.1")] }, []],
  ["Linux, QEMU", { lo: LO, eth0: [v4("192.168.1.5")], mpqemubr0: [v4("10.232.2.1")] }, ["10.232.2.1"]],
  [
    "Linux, with the bridges of other programs: Multipass's own alone",
    { virbr0: [v4("192.168.122.1")], lxdbr0: [v4("10.5.5.1")], mpqemubr0: [v4("10.232.2.1")] },
    ["10.232.2.1"],
  ],
  ["Linux, a back end with a bridge of its own", { lo: LO, lxdbr0: [v4("10.5.5.1")] }, ["10.5.5.1"]],
  [
    "several of Multipass's own, in their order",
    { mpbr0: [v4("10.6.6.1")], mpqemubr0: [v4("10.232.2.1")] },
    ["10.232.2.1", "10.6.6.1"],
  ],
  ["macOS before the first instance: only the Thunderbolt bridge, without an address", { bridge0: [] }, []],
  ["macOS", { lo0: LO, en0: [v4("192.168.1.9")], bridge100: [v4("192.168.64.1")] }, ["192.168.64.1"]],
  [
    "macOS, with another program's machines beside",
    { bridge101: [v4("192.168.65.1")], bridge100: [v4("192.168.64.1")] },
    ["192.168.64.1", "192.168.65.1"],
  ],
  ["Windows", { "vEthernet (Default Switch)": [v4("172.20.0.1")] }, ["172.20.0.1"]],
  [
    "IPv6 and addresses of the link alone do not count",
    { mpqemubr0: [v6("fe80::1"), v6("fd42::1"), v4("169.254.3.4")] },
    [],
  ],
  ["both families", { mpqemubr0: [v6("fe80::1"), v4("10.232.2.1")] }, ["10.232.2.1"]],
  ["a bridge without addresses, as Node gives it", { mpqemubr0: undefined }, []],
];

for (const [name, interfaces, expected] of CASES)
  test(`${name}: ${expected.join(", ") || "no bridge"}`, () => {
    assert.deepEqual(bridgeAddresses(interfaces), expected);
    assert.deepEqual(
      advertised("auto", BIND_BRIDGES, 9090, interfaces),
      expected.map((address) => `${address}:9090`),
    );
  });

test("a configured address is advertised unchanged, with the port where it has none", () => {
  const bridge = { mpqemubr0: [v4("10.232.2.1")] };
  const reported = (advertise: string) => advertised(advertise, BIND_BRIDGES, 9090, bridge);
  assert.deepEqual(reported("hub.lan"), ["hub.lan:9090"]);
  assert.deepEqual(reported("hub.lan:7000"), ["hub.lan:7000"]);
  assert.deepEqual(reported("fd42::1"), ["[fd42::1]:9090"]);
});

test("a named address is advertised alone; `auto` lists all, bridges first", () => {
  const table = { eth0: [v4("192.168.1.5")], lo: LO, mpqemubr0: [v4("10.232.2.1")] };
  assert.deepEqual(advertised("auto", "127.0.0.1", 9090, table), ["127.0.0.1:9090"]);
  assert.deepEqual(advertised("auto", "192.168.1.5", 9090, table), ["192.168.1.5:9090"]);
  assert.deepEqual(advertised("auto", "0.0.0.0", 9090, table), [
    "10.232.2.1:9090",
    "192.168.1.5:9090",
    "127.0.0.1:9090",
  ]);
});
