/** /fleet, /plan, /reconcile, /apply, /import: the loop, where one runs in this process. */
import { word, words } from "../hub/runtimes/frames.ts";
import { readObject } from "./body.ts";
import type { AddRoutes, ControllerPort } from "./deps.ts";
import { refusal } from "./problem.ts";

export const addControllerRoutes: AddRoutes = (router, { hub, controller }) => {
  const loop = (): ControllerPort => {
    if (controller) return controller;
    throw refusal(
      "controller-absent",
      "no reconciliation loop runs in this process",
      "start it with vm-agent up",
    );
  };

  router.get("/fleet", (ctx) => {
    ctx.body = loop().fleet();
  });

  router.get("/fleet/readings", (ctx) => {
    ctx.body = { readings: hub.readings(), held: [], ...controller?.known?.() };
  });

  router.get("/plan", async (ctx) => {
    // As text: koa answers 204 without a body to a null.
    ctx.body = JSON.stringify((await loop().plan()) ?? null);
    ctx.type = "application/json";
  });

  router.post("/reconcile", async (ctx) => {
    const body = await readObject(ctx.req, hub.limits.maxBodyBytes);
    const names = words(body.names, 10_000);
    const read = loop().reconcile(names);
    if (body.wait === true) await read;
    await hub.audit.record("operator", "reconcile", names.join(" ") || "*", {});
    ctx.status = 202;
    ctx.body = { accepted: true, names };
  });

  router.post("/apply", async (ctx) => {
    const body = await readObject(ctx.req, hub.limits.maxBodyBytes);
    const apply = loop().apply;
    if (!apply)
      throw refusal("controller-absent", "this loop applies nothing on request", "run vm-agent apply");
    await hub.audit.record("operator", "apply", "*", { targets: words(body.targets) });
    ctx.body = await apply(body);
  });

  router.post("/import", async (ctx) => {
    const body = await readObject(ctx.req, hub.limits.maxBodyBytes);
    const name = word(body.name);
    if (name === "")
      throw refusal("query-invalid", "it is not said which instance", 'send {"name": "my-instance"}');
    const claim = loop().import;
    if (!claim) throw refusal("controller-absent", "this loop imports nothing", "run vm-agent import");
    ctx.body = await claim(name);
    await hub.audit.record("operator", "import", name, {});
  });
};
