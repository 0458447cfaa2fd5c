/** The frame of every view: header, navigation, banners, and the view that the address names. */
/** @jsxImportSource preact */
import { useEffect, useRef } from "preact/hooks";
import { parseFleetQuery } from "../../client/fleet-query.ts";
import { AgentPage } from "../views/agent.tsx";
import { Banners } from "./banners.tsx";
import { EventsView } from "../views/events.tsx";
import { FleetViewPage } from "../views/fleet.tsx";
import { Header } from "./header.tsx";
import { type Route, useModel, useRoute } from "./hooks.ts";
import { PlanPage } from "../views/plan.tsx";
import { showTabIcon, tabIcon } from "./tab-icon.ts";
import { TaskPage, TasksView } from "../views/tasks.tsx";

const VIEWS = [
  { view: "fleet", word: "Fleet", glyph: "▦" },
  { view: "plan", word: "Plan", glyph: "±" },
  { view: "tasks", word: "Tasks", glyph: "▸" },
  { view: "events", word: "Events", glyph: "≡" },
  { view: "commands", word: "Commands", glyph: "❯" },
] as const;

export function Dashboard({ onLeave }: { readonly onLeave: () => void }) {
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  /** The agent or task whose page was the last view. */
  const left = useRef<string | null>(null);
  const where = placeOf(route);
  useEffect(() => {
    // Announces a new view to screen readers; the first view is read anyway.
    if (!first.current && !document.activeElement?.closest("[data-row]")) {
      main.current?.focus();
      scrollTo(0, 0);
    }
    first.current = false;
    left.current = nameOf(route) || null;
  }, [where]);
  return (
    <div class="shell">
      <Tab title={titleOf(route)} />
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <Header onLeave={onLeave} />
      <Navigation route={route} />
      <main id="main" ref={main} tabIndex={-1}>
        <Banners />
        <View route={route} from={left.current} />
      </main>
    </div>
  );
}

/** How the fleet is stands in the tab, for who looks at another one. */
function Tab({ title }: { readonly title: string }) {
  const link = useModel((m) => m.link);
  const fleet = useModel((m) => m.fleet);
  const icon = tabIcon({ link, fleet });
  const { sign, words } = icon;
  useEffect(() => {
    document.title = `${words === "" ? "" : `${words} – `}${title} – vm-agent`;
  }, [title, words]);
  useEffect(() => showTabIcon(icon), [sign]);
  return null;
}

function Navigation({ route }: { readonly route: Route }) {
  const counts = useModel((m) => m.fleet?.counts);
  const open = counts ? counts.create + counts.change + counts.destroy + counts.snapshot + counts.held : 0;
  const here = route.view === "agent" ? "fleet" : route.view === "task" ? "tasks" : route.view;
  return (
    <nav aria-label="Views">
      {VIEWS.map(({ view, word, glyph }, n) => (
        <a
          key={view}
          href={`#/${view}`}
          aria-keyshortcuts={String(n + 1)}
          {...(here === view ? { "aria-current": "page" as const } : {})}
        >
          <span class="nav-glyph" aria-hidden="true">
            {glyph}
          </span>
          {word}
          {view === "plan" && open > 0 && (
            <span class="badge">
              {open}
              <span class="sr"> open</span>
            </span>
          )}
        </a>
      ))}
    </nav>
  );
}

function View({ route, from }: { readonly route: Route; readonly from: string | null }) {
  switch (route.view) {
    case "fleet":
      return <FleetViewPage query={parseFleetQuery(route.query)} from={from} />;
    case "agent":
      return <AgentPage key={route.name} name={route.name} />;
    case "plan":
      return <PlanPage />;
    case "tasks":
      return <TasksView from={from} />;
    case "task":
      return <TaskPage key={route.id} id={route.id} />;
    case "events":
      return <EventsView key="events" commands={false} />;
    case "commands":
      return <EventsView key="commands" commands />;
    default: {
      const never: never = route;
      return never;
    }
  }
}

/** What is filtered is no other place. */
const placeOf = (route: Route): string => `${route.view} ${nameOf(route)}`;

const nameOf = (route: Route): string =>
  route.view === "agent" ? route.name : route.view === "task" ? route.id : "";

function titleOf(route: Route): string {
  if (route.view === "agent") return route.name;
  if (route.view === "task") return "Task";
  return VIEWS.find((v) => v.view === route.view)?.word ?? "Fleet";
}
