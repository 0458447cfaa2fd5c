/** The plan as in `vm-agent plan`: changes with reasons, holds with how to release them; Apply, after confirmation. */
/** @jsxImportSource preact */
import { useEffect, useState } from "preact/hooks";
import { count, revision } from "../../client/format.ts";
import { hostRows, releasedByName, summary } from "../../client/plan-view.ts";
import { actionMark } from "../../client/tones.ts";
import type { HeldView, PlanView } from "../../client/types.ts";
import { Apply } from "./apply.tsx";
import { Ago, Empty, Problem, problemWords } from "../parts/bits.tsx";
import { useLive, useModel, useQuery } from "../app/hooks.ts";
import { Change, Held } from "./plan-change.tsx";
import { Search } from "../parts/search.tsx";

export function PlanPage() {
  const { plan, error, read, fail } = usePlan();
  const live = useLive();
  const [allowed, setAllowed] = useState<readonly string[]>([]);
  const [asking, setAsking] = useState(false);
  const [reported, setReported] = useState("");
  const agents = useModel((m) => m.fleet?.agents.length ?? 0);
  const [query, change] = useQuery("plan");
  const text = query.q ?? "";
  if (plan === undefined) {
    return error === "" ? <Empty title="Waiting for the plan…" /> : <Problem>{error}</Problem>;
  }
  if (plan === null) return <Empty title="There is no plan: there is no good fleet yet." />;
  const changes = plan.changes.filter((c) => isFound(c.agent, c.action, text));
  const held = plan.held.filter((h) => isFound(h.agent, h.reason, text));
  const released = held.filter((h) => allowed.includes(h.agent) && releasedByName(h));
  const open = changes.length + released.length;
  const hidden = plan.changes.length + plan.held.length - changes.length - held.length;
  const nothing = plan.changes.length === 0 && plan.held.length === 0;
  const lookAgain = () => {
    live.api.reconcile().then(read, fail);
  };
  const allow = (name: string, yes: boolean) =>
    setAllowed(yes ? [...allowed, name] : allowed.filter((n) => n !== name));
  return (
    <>
      <div class="toolbar">
        <h1>Plan</h1>
        <span class="dim">
          of {revision(plan.revision)}, made <Ago at={plan.at} />
        </span>
        <span class="grow" />
        {(text !== "" || plan.changes.length + plan.held.length > MANY) && (
          <Search
            shortcut="/"
            word="Filter by agent or action"
            placeholder="Filter: agent, action"
            text={text}
            onText={(q) => change({ q })}
          />
        )}
        <button type="button" aria-keyshortcuts="r" onClick={lookAgain}>
          Look again
        </button>
        <button
          type="button"
          class="primary"
          aria-keyshortcuts="a"
          disabled={open === 0}
          onClick={() => setAsking(true)}
        >
          {open === 0 ? "Nothing to apply" : `Apply ${count(open, "change")}…`}
        </button>
      </div>
      <p class="plan-summary" role="status">
        {nothing ? `No changes. ${count(agents, "agent is", "agents are")} in sync.` : summary(plan)}
        {hidden > 0 && <span class="dim"> {hidden} of it not shown, and not applied from here.</span>}
      </p>
      {error !== "" && <Problem>{error}</Problem>}
      {reported !== "" && (
        <p class="banner tone-good" role="status">
          ✓ {reported}
        </p>
      )}
      {changes.map((c) => (
        <Change key={`${c.agent} ${c.action}`} change={c} />
      ))}
      {groups(held).map((group) => (
        <Held key={key(group[0] as HeldView)} group={group} allowed={allowed} onAllow={allow} />
      ))}
      {plan.notes.length > 0 && (
        <ul class="dim">
          {plan.notes.map((n) => (
            <li key={`${n.agent} ${n.message}`}>
              {n.agent !== null && `${n.agent}: `}
              {n.message}
            </li>
          ))}
        </ul>
      )}
      <Host plan={plan} />
      {asking && (
        <Apply
          changes={[...changes, ...released.flatMap((h) => h.would ?? [])]}
          allowDelete={released.map((h) => h.agent)}
          onClose={(message) => {
            setAsking(false);
            setReported(message);
            if (message !== "") setAllowed([]);
            read();
          }}
        />
      )}
    </>
  );
}

/** So few are seen at one glance. */
const MANY = 5;

function isFound(agent: string, action: string, text: string): boolean {
  const words = `${agent} ${action} ${actionMark(action).word}`.toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((w) => words.includes(w));
}

/** Read again after every turn of the loop, and when the fleet or what is held changed. undefined: not read yet. */
function usePlan() {
  const live = useLive();
  const [plan, setPlan] = useState<PlanView | null | undefined>(undefined);
  const [error, setError] = useState("");
  const [asked, setAsked] = useState(0);
  const version = useModel((m) =>
    m.fleet ? `${m.fleet.turns} ${m.fleet.revision} ${JSON.stringify(m.fleet.counts)}` : "",
  );
  const foundAt = useModel((m) => m.link.foundAt);
  // what the plan depends on is in the hub; these say when it changed
  useEffect(() => {
    let over = false;
    live.api
      .getPlan()
      .then((found: PlanView | null) => {
        if (over) return;
        setPlan(found);
        setError("");
      })
      .catch((e: unknown) => {
        if (!over) setError(problemWords(e));
      });
    return () => {
      over = true;
    };
  }, [live, version, asked, foundAt]);
  return {
    plan,
    error,
    read: () => setAsked((n) => n + 1),
    fail: (e: unknown) => setError(problemWords(e)),
  };
}

const key = (h: HeldView): string =>
  h.would ? `${h.agent} ${h.reason}` : `${h.reason} ${h.message} ${h.release}`;

/** A message that is the same for several agents is shown once. */
function groups(held: readonly HeldView[]): readonly (readonly HeldView[])[] {
  return [...Map.groupBy(held, key).values()];
}

function Host({ plan }: { readonly plan: PlanView }) {
  const rows = hostRows(plan);
  if (rows.length === 0) return null;
  return (
    <section class="card host" aria-labelledby="host">
      <h2 id="host">The host after this</h2>
      <dl class="pairs">
        {rows.map(({ what, wanted, host, over }) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd {...(over ? { class: "tone-warn" } : {})}>
              {wanted} of {host}
              {over && " ▲ more than it has"}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
