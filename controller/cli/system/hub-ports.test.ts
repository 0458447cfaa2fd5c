/** hub-ports.ts: the order in which ports are tried, and what must not be taken instead. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { VmAgentError } from "../../base/errors.ts";
import { agentPortsToTry, knownPortTaken, portChoice, portsToTry } from "./hub-ports.ts";

const settings = { httpPort: null, wsPort: null, dashboardPort: null };
const kv = (values: Readonly<Record<string, unknown>>) => ({ get: (key: string) => values[key] ?? null });

test("a configured port is the only one; 0 is the last one used, or any", () => {
  const written = portChoice("API", { ...settings, httpPort: 7 }, null, kv({ "http-port": 8 }));
  assert.deepEqual(portsToTry(written), [7]);
  const inFleet = { advertise: "auto", agentPort: null, httpPort: 9091, dashboardPort: null };
  assert.deepEqual(portsToTry(portChoice("API", settings, inFleet, kv({}))), [9091], "also the usual one");
  const any = portChoice("agents", { ...settings, wsPort: 0 }, null, kv({ "agent-port": 8 }));
  assert.deepEqual(portsToTry(any), [8, 0]);
});

test("without a configured port: the last one, the usual one, those of further fleets, any", () => {
  const first = portsToTry(portChoice("agents", settings, null, kv({})));
  assert.deepEqual([first.slice(0, 3), first.length, first.at(-1)], [[9090, 9190, 9290], 11, 0]);
  const again = portsToTry(portChoice("dashboard", settings, null, kv({ "dashboard-port": 9192 })));
  assert.deepEqual([again.slice(0, 3), again.length], [[9192, 9092, 9292], 11]);
});

test("instances look for their hub at the port that they know: no other is taken, and the error says why", () => {
  const known = portChoice("agents", settings, null, kv({ "agent-port": 9190 }));
  assert.deepEqual(agentPortsToTry(known, true), [9190]);
  assert.equal(agentPortsToTry(known, false).length, 11);
  assert.deepEqual(agentPortsToTry(portChoice("agents", settings, null, null), true)[0], 9090);
  const taken = new VmAgentError({ code: "port-in-use", message: "taken", next: "" });
  assert.match(
    String((knownPortTaken(taken, known, true) as Error).message),
    /9190 .* instances of this fleet/,
  );
  assert.equal(knownPortTaken(taken, known, false), taken);
  assert.equal(knownPortTaken(new Error("other"), known, true) instanceof VmAgentError, false);
});
