/** Connection admission on real sockets: room is made at the cost of whoever fills the table, never of a valid token. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { ConnectionAdmission, type ConnectionBudget, connectionBudget } from "./connection-admission.ts";
import { LIMITS } from "../limits.ts";
import { until } from "../testing/hub.ts";

test("the budget stays below the descriptor limit, whatever it is", () => {
  for (const descriptors of [64, 256, 1024, 4096, 20_000, 1_048_576]) {
    const { all, unauthenticated, perAddress, operator, runtimes } = connectionBudget(descriptors, LIMITS);
    assert.ok(all <= descriptors - Math.min(LIMITS.descriptorReserve, descriptors / 4), `${descriptors}`);
    assert.ok(operator + runtimes < all && unauthenticated <= all, `${descriptors}`);
    assert.ok(
      Math.min(perAddress, operator, runtimes) > 0 && perAddress <= unauthenticated,
      `${descriptors}`,
    );
  }
  assert.deepEqual(connectionBudget(1024, LIMITS), {
    all: 768,
    unauthenticated: 768,
    perAddress: 576,
    operator: 192,
    runtimes: 480,
  });
  assert.equal(connectionBudget(1_048_576, LIMITS).runtimes, LIMITS.maxConnections);
});

const BUDGET: ConnectionBudget = { all: 12, unauthenticated: 8, perAddress: 4, operator: 2, runtimes: 3 };

test("beyond a share the oldest connection without a valid token of the busiest address is closed", async (t) => {
  const admission = new ConnectionAdmission(BUDGET);
  const accepted: Socket[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    accepted.push(socket);
    admission.accept(socket);
  });
  server.listen(0, "0.0.0.0");
  await once(server, "listening");
  t.after(() => server.close());
  t.after(() => accepted.forEach((socket) => void socket.destroy()));
  const { port } = server.address() as { port: number };
  /** Loopback has many addresses: the last number is the client's. */
  const come = async (from: number): Promise<Socket> => {
    const before = accepted.length;
    const socket = connect({ port, host: "127.0.0.1", localAddress: `127.0.0.${from}` });
    socket.on("error", () => {});
    t.after(() => socket.destroy());
    await until("the connection", () => accepted.length > before);
    return accepted[before] as Socket;
  };
  const open = (sockets: readonly Socket[]) => sockets.map((s) => !s.destroyed);

  const first: Socket[] = [];
  for (let n = 0; n < 5; n++) first.push(await come(1));
  assert.deepEqual(open(first), [false, true, true, true, true], "four of one address");
  const [, valid] = first as [Socket, Socket];
  assert.equal(admission.authenticated(valid, "operator"), true);
  for (let n = 0; n < 20; n++) first.push(await come(1));
  assert.equal(valid.destroyed, false, "a valid token is never closed for room");
  assert.deepEqual(admission.counts, { unauthenticated: 4, operator: 1, runtime: 0 });

  const other = await come(2);
  for (let from = 3; from < 8; from++) await come(from);
  assert.equal(admission.counts.unauthenticated, 8);
  assert.equal(other.destroyed, false, "the busiest address made the room");
  assert.equal(first.filter((s) => !s.destroyed && s !== valid).length, 2);

  const runtimes: Socket[] = [];
  const admitted: boolean[] = [];
  for (let n = 0; n < 5; n++) {
    const runtime = await come(9);
    runtimes.push(runtime);
    admitted.push(admission.authenticated(runtime, "runtime"));
  }
  assert.deepEqual(
    admitted,
    [true, true, true, false, false],
    "connections over the share are refused with the reason",
  );
  assert.deepEqual(open(runtimes), [true, true, true, true, true]);
  assert.ok(open(accepted).filter(Boolean).length <= BUDGET.all);

  for (const socket of accepted) socket.destroy();
  await until("all are forgotten", () => Object.values(admission.counts).every((n) => n === 0));
});
