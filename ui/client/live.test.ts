/** The one store against a real server that does what dead connections do: takes a call and never answers, falls silent without an end. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { aFleet, anAgent } from "../web/testing/fleet.ts";
import { createApi } from "./api.ts";
import { createLive, type Live } from "./live.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const json = (response: ServerResponse, body: unknown): void => {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(body));
};
const empty: Answer = (_, response) => json(response, { agents: [], tasks: [] });

async function serve(t: TestContext, answers: Readonly<Record<string, Answer>>): Promise<Live> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://x").pathname;
    (answers[path] ?? empty)(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const live = createLive(createApi({ url, token: "t", deadline: 150 }), { onRefused: assert.fail });
  t.after(() => {
    live.stop();
    server.closeAllConnections();
    server.close();
  });
  return live;
}

/** Resolves when the model is so; the test's own time limit is the deadline. */
function when(live: Live, what: (model: ReturnType<Live["model"]>) => boolean): Promise<void> {
  return new Promise((resolve) => {
    if (what(live.model())) return resolve();
    const stop = live.subscribe(() => {
      if (!what(live.model())) return;
      stop();
      resolve();
    });
  });
}

const stream = (response: ServerResponse): void => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(": open\n\n");
};

test("a call that is never answered is given up and said, and the next one is read", {
  timeout: 20_000,
}, async (t) => {
  let calls = 0;
  const live = await serve(t, {
    "/events": (_, response) => stream(response),
    "/fleet": (_, response) => {
      calls += 1;
      if (calls > 1) json(response, aFleet([anAgent("a")]));
    },
  });
  await when(live, (m) => m.fleetError !== null);
  assert.equal(live.model().fleetError, "the hub does not answer");
  live.refresh();
  await when(live, (m) => m.fleet !== null);
  assert.equal(live.model().fleetError, null);
});

test("after a pause, a silent stream is reopened at its last event, and the pause is reported", {
  timeout: 20_000,
}, async (t) => {
  const begun: (string | undefined)[] = [];
  let agents = [anAgent("a")];
  const live = await serve(t, {
    "/events": (request, response) => {
      begun.push(request.headers["last-event-id"]?.toString());
      stream(response);
      if (begun.length === 1)
        response.write('id: r-7\nevent: agent.converged\ndata: {"agent":"a","at":1}\n\n');
    },
    "/fleet": (_, response) => json(response, aFleet(agents)),
  });
  await when(live, (m) => m.events.length === 1 && m.fleet !== null);
  assert.equal(live.model().link.foundAt, null);
  agents = [anAgent("a"), anAgent("b")];
  const states: string[] = [];
  live.subscribe(() => states.push(live.model().link.status));
  live.lookAgain();
  assert.equal(live.model().link.status, "looking-again");
  await when(live, (m) => m.link.status === "live" && m.fleet?.agents.length === 2);
  assert.deepEqual(begun, ["0-0", "r-7"]);
  assert.equal(states.includes("lost"), false);
  assert.deepEqual([live.model().link.foundAt !== null, live.model().link.wasLost], [true, false]);
});
