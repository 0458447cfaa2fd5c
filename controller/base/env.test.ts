/** env.ts: flag before environment before default, paths made absolute, and wrong values named with what is allowed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type EnvRecord,
  type Flags,
  NOTHING_ALLOWED,
  positiveNumber,
  readSettings,
  wantsColor,
} from "./env.ts";
import { EXIT, VmAgentError } from "./errors.ts";

const read = (env: EnvRecord = {}, flags: Flags = {}) => readSettings(flags, env, "/somewhere");

test("defaults", () => {
  assert.deepEqual(read(), {
    fleet: "/somewhere/fleet",
    home: "/somewhere/.vm-agent",
    driver: null,
    multipass: null,
    httpPort: null,
    wsPort: null,
    dashboardPort: null,
    bind: "127.0.0.1",
    url: null,
    token: null,
    allow: NOTHING_ALLOWED,
    tls: null,
  });
});

test("the environment comes before the default, and a flag before the environment", () => {
  const env = { VM_AGENT_FLEET: "env-fleet", VM_AGENT_HOME: "env-home", VM_AGENT_DRIVER: "sandbox" };
  const { fleet, home, driver } = read(env);
  assert.deepEqual([fleet, home, driver], ["/somewhere/env-fleet", "/somewhere/env-home", "sandbox"]);
  const flags = { fleet: "../f", home: "/h", driver: "multipass" };
  const given = read(env, flags);
  assert.deepEqual([given.fleet, given.home, given.driver], ["/f", "/h", "multipass"]);
});

test("the state folder lies beside the fleet folder, wherever that was named", () => {
  assert.equal(read({}, { fleet: "/srv/my/fleet" }).home, "/srv/my/.vm-agent");
  assert.equal(read({ VM_AGENT_FLEET: "deep/fleet" }).home, "/somewhere/deep/.vm-agent");
});

test("an executable that is named by a path is that file, wherever it is called from; a bare name is left to PATH", () => {
  const multipass = (value: string) => read({ VM_AGENT_MULTIPASS: value }).multipass;
  assert.equal(multipass("bin/multipass"), "/somewhere/bin/multipass");
  assert.equal(multipass("/snap/bin/multipass"), "/snap/bin/multipass");
  assert.equal(multipass("multipass"), "multipass");
});

test("an empty variable is one that is not set", () => {
  const names = [
    "FLEET",
    "HOME",
    "DRIVER",
    "MULTIPASS",
    "HTTP_PORT",
    "WS_PORT",
    "DASHBOARD_PORT",
    "BIND",
    "URL",
    "TOKEN",
  ];
  assert.deepEqual(read(Object.fromEntries(names.map((n) => [`VM_AGENT_${n}`, ""]))), read());
});

test("ports, address, hub and executable", () => {
  const found = read({
    VM_AGENT_HTTP_PORT: "0",
    VM_AGENT_WS_PORT: "65535",
    VM_AGENT_DASHBOARD_PORT: "9092",
    VM_AGENT_BIND: "::1",
    VM_AGENT_URL: "http://h:1",
    VM_AGENT_TOKEN: "t",
    VM_AGENT_MULTIPASS: "/opt/multipass",
  });
  assert.deepEqual([found.httpPort, found.wsPort, found.dashboardPort, found.bind], [0, 65535, 9092, "::1"]);
  assert.deepEqual([found.url, found.token, found.multipass], ["http://h:1", "t", "/opt/multipass"]);
});

test("a number that is none, not positive or too large is a usage error with variable, value and what is allowed", () => {
  for (const value of ["0", "-1", "soon", "Infinity", "1e9", "NaN"])
    assert.throws(
      () => positiveNumber({ VALUE: value }, "VALUE", 600),
      (e: VmAgentError) =>
        e.code === "usage" &&
        e.message === `VALUE is "${value}"` &&
        e.next === "allowed: a number above 0, at most 86400; default 600",
      value,
    );
  for (const value of [undefined, ""]) assert.equal(positiveNumber({ VALUE: value }, "VALUE", 600), 600);
  assert.equal(positiveNumber({ VALUE: "0.5" }, "VALUE", 600), 0.5);
});

test("no colour when asked so, or when the terminal has none", () => {
  assert.equal(wantsColor({ NO_COLOR: "1" }), false);
  assert.equal(wantsColor({ NO_COLOR: "" }), true);
  assert.equal(wantsColor({ TERM: "dumb" }), false);
});

for (const [env, flags, message, allowed] of [
  [{ VM_AGENT_DRIVER: "lxd" }, {}, /VM_AGENT_DRIVER or --driver is "lxd"/, /auto, multipass, sandbox/],
  [{}, { driver: "" }, /--driver is ""/, /auto, multipass, sandbox/],
  [{ VM_AGENT_HTTP_PORT: "http" }, {}, /VM_AGENT_HTTP_PORT is "http"/, /0 to 65535/],
  [{ VM_AGENT_WS_PORT: "65536" }, {}, /VM_AGENT_WS_PORT is "65536"/, /0 to 65535/],
  [{ VM_AGENT_DASHBOARD_PORT: "-1" }, {}, /VM_AGENT_DASHBOARD_PORT is "-1"/, /0 to 65535/],
  [{ VM_AGENT_HTTP_PORT: "80.5" }, {}, /VM_AGENT_HTTP_PORT is "80.5"/, /0 to 65535/],
] as const)
  test(`a wrong value is named with what is allowed: ${JSON.stringify({ ...env, ...flags })}`, () => {
    assert.throws(
      () => read(env, flags),
      (error: unknown) => {
        assert.ok(error instanceof VmAgentError);
        assert.deepEqual([error.code, error.exit], ["usage", EXIT.usage]);
        assert.match(error.message, message);
        assert.match(error.next, allowed);
        return true;
      },
    );
  });
