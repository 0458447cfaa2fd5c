/** Dashboard and alert rules name only metrics, labels and label values that a real hub has. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parse } from "yaml";
import { systemClock } from "../../controller/base/clock.ts";
import { createBus } from "../../controller/base/events.ts";
import { packageRoot } from "../../controller/base/paths.ts";
import { createApp } from "../../controller/http/app.ts";
import { listenHttp } from "../../controller/http/server.ts";
import { createHub } from "../../controller/hub/hub.ts";
import { parseMetrics, type Sample } from "../../controller/hub/testing/exposition.ts";
import { createMemoryStore } from "../../controller/store/memory/memory.ts";

const folder = join(packageRoot(), "provisioning", "grafana");
let samples: readonly Sample[] = [];

before(async () => {
  const home = mkdtempSync(join(tmpdir(), "vm-agent-grafana-"));
  const hub = createHub({
    store: createMemoryStore(),
    bus: createBus(systemClock.now),
    clock: systemClock,
    settings: { home, bind: "127.0.0.1", agentPort: 0, advertise: "auto", hostNames: [] },
  });
  const server = await listenHttp({ app: createApp({ hub }), hub, bind: "127.0.0.1", port: 0 });
  const token = readFileSync(join(home, "operator-token"), "utf8").trim();
  const answer = await fetch(`http://127.0.0.1:${server.port}/metrics`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const families = parseMetrics(await answer.text());
  // What Prometheus itself adds to whatever it scrapes.
  samples = [...[...families.values()].flatMap((f) => f.samples), { name: "up", labels: {}, value: 1 }];
  await server.stop();
  await hub.stop();
  rmSync(home, { recursive: true });
});
after(() => {
  samples = [];
});

/** Labels that the scrape adds. */
const ADDED = ["job", "instance"];
/** Words of PromQL that are used here; another one is added here, or is a mistake. */
const WORDS = new Set("sum by rate increase deriv histogram_quantile absent or and label_values".split(" "));

/** Everything in the expression that no hub has. */
function unknownIn(expression: string): readonly string[] {
  const wrong: string[] = [];
  const used: Sample[] = [];
  let rest = expression.replaceAll(/\[[^\]]*\]/g, " ");
  rest = rest.replaceAll(/([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}/g, (_, name: string, matchers: string) => {
    const series = samples.filter((s) => s.name === name);
    used.push(...series);
    if (series.length === 0) wrong.push(`metric ${name}`);
    for (const [, label = "", operator = "", value = ""] of matchers.matchAll(
      /(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g,
    )) {
      if (ADDED.includes(label)) continue;
      const values = operator.endsWith("~") ? value.split("|") : [value];
      for (const one of values) {
        if (!series.some((s) => s.labels[label] === one)) wrong.push(`${name}{${label}="${one}"}`);
      }
    }
    return " ";
  });
  rest = rest.replaceAll(/\bby\s*\(([^)]*)\)/g, (_, labels: string) => {
    grouped.push(...labels.split(",").map((label) => label.trim()));
    return " ";
  });
  for (const [word] of rest.matchAll(/[a-zA-Z_:][\w:]*/g)) {
    const series = samples.filter((s) => s.name === word);
    used.push(...series);
    if (series.length === 0 && !WORDS.has(word) && !ADDED.includes(word)) wrong.push(`word ${word}`);
  }
  for (const label of grouped.splice(0)) {
    if (!ADDED.includes(label) && !used.some((s) => label in s.labels)) wrong.push(`by (${label})`);
  }
  if (used.length === 0) wrong.push("no metric at all");
  return wrong;
}
const grouped: string[] = [];

test("the check itself finds what is not there", () => {
  assert.deepEqual(unknownIn('sum(vm_hub_agents{status="online"})'), []);
  assert.deepEqual(unknownIn('sum(vm_hub_agents{status="gone"})'), ['vm_hub_agents{status="gone"}']);
  assert.deepEqual(unknownIn("sum by (colour) (vm_hub_agents)"), ["by (colour)"]);
  assert.deepEqual(unknownIn("rate(vm_hub_nothing_total[5m])"), [
    "word vm_hub_nothing_total",
    "no metric at all",
  ]);
});

interface Dashboard {
  readonly uid: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly panels: readonly {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly datasource?: { readonly uid: string };
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  }[];
}

test("every panel of the dashboard asks for what a hub has, of the data source that is chosen", () => {
  const dashboard = JSON.parse(readFileSync(join(folder, "dashboard.json"), "utf8")) as Dashboard;
  assert.ok(dashboard.schemaVersion >= 36, "Grafana 10 reads it without a migration by hand");
  assert.deepEqual(
    dashboard.templating.list.map(({ name, type }) => [name, type]),
    [
      ["datasource", "datasource"],
      ["job", "query"],
    ],
  );
  const asked = new Set<string>();
  for (const { type, title, targets, datasource, gridPos } of dashboard.panels) {
    assert.ok(gridPos.x + gridPos.w <= 24, title);
    if (type === "row") continue;
    assert.equal(datasource?.uid, `\${datasource}`, title);
    assert.ok(targets && targets.length > 0, title);
    for (const { expr, legendFormat } of targets) {
      assert.deepEqual(unknownIn(expr), [], `${title}: ${expr}`);
      for (const [, label = ""] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
        assert.match(expr, new RegExp(`by \\([^)]*\\b${label}\\b`), `${title}: ${label} is grouped by`);
      for (const [name] of expr.matchAll(/vm_\w+/g)) asked.add(name.replace(/_(bucket|count|sum)$/, ""));
    }
  }
  const ids = dashboard.panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const all = new Set(samples.map(({ name }) => name.replace(/_(bucket|count|sum)$/, "")));
  all.delete("up");
  assert.deepEqual(
    [...all].filter((name) => !asked.has(name)),
    [],
    "every metric is shown somewhere",
  );
});

test("every alert asks for what a hub has, and says what to do", () => {
  const { groups } = parse(readFileSync(join(folder, "alerts.yaml"), "utf8")) as {
    readonly groups: readonly {
      readonly rules: readonly {
        readonly alert: string;
        readonly expr: string;
        readonly for?: string;
        readonly labels: { readonly severity: string };
        readonly annotations: { readonly summary: string; readonly description: string };
      }[];
    }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  assert.ok(rules.length >= 8);
  for (const { alert, expr, labels, annotations, ...rule } of rules) {
    assert.match(alert, /^VmAgent[A-Z]\w+$/);
    assert.deepEqual(unknownIn(expr), [], alert);
    assert.match(labels.severity, /^(info|warning|critical)$/);
    assert.ok(annotations.summary.length > 10 && annotations.description.length > 20, alert);
    if (rule.for !== undefined) assert.match(rule.for, /^\d+[smh]$/, alert);
  }
  assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
});
