/** /fleet, /plan, /reconcile, /apply, /import: the loop, where one runs in this process. */
import { word, words } from "../../hub/runtimes/frames.ts";
import { readObject } from "../body.ts";
import type { MakeHandlers, ControllerPort } from "../deps.ts";
import { refusal } from "../problem.ts";

export const controllerHandlers: MakeHandlers = ({ hub, controller }) => {
  const loop = (): ControllerPort => {
    if (controller) return controller;
    throw refusal(
      "controller-absent",
      "no reconciliation loop runs in this process",
      "start it with vm-agent up",
    );
  };
  return {
    getFleet: (ctx) => {
      ctx.body = loop().fleet();
    },

    getReadings: (ctx) => {
      ctx.body = { readings: hub.readings(), held: [], ...controller?.known?.() };
    },

    getPlan: async (ctx) => {
      // As text: koa answers 204 without a body to a null.
      ctx.body = JSON.stringify((await loop().plan()) ?? null);
      ctx.type = "application/json";
    },

    reconcile: async (ctx) => {
      const body = await readObject(ctx.req, hub.limits.maxBodyBytes);
      const names = words(body.names, 10_000);
      const read = loop().reconcile(names);
      if (body.wait === true) await read;
      await hub.audit.record("operator", "reconcile", names.join(" ") || "*", {});
      ctx.status = 202;
      ctx.body = { accepted: true, names };
    },

    apply: async (ctx) => {
      const body = await readObject(ctx.req, hub.limits.maxBodyBytes);
      const apply = loop().apply;
      if (!apply)
        throw refusal("controller-absent", "this loop applies nothing on request", "run vm-agent apply");
      await hub.audit.record("operator", "apply", "*", { targets: words(body.targets) });
      ctx.body = await apply(body);
    },

    importInstance: async (ctx) => {
      const body = await readObject(ctx.req, hub.limits.maxBodyBytes);
      const name = word(body.name);
      if (name === "")
        throw refusal("query-invalid", "it is not said which instance", 'send {"name": "my-instance"}');
      const claim = loop().import;
      if (!claim) throw refusal("controller-absent", "this loop imports nothing", "run vm-agent import");
      ctx.body = await claim(name);
      await hub.audit.record("operator", "import", name, {});
    },
  };
};
