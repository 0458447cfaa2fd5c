/** How components reach the store, the clock and the address bar. */
import { createContext } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import type { Live } from "../../client/live.ts";
import type { Model } from "../../client/model.ts";

export const LiveContext = createContext<Live | null>(null);

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === null) throw new Error("no store above this component");
  return live;
}

/** Draws again only when what is selected is another value. */
export function useModel<T>(select: (model: Model) => T): T {
  const live = useLive();
  const [, draw] = useState(0);
  const value = select(live.model());
  const shown = useRef(value);
  const how = useRef(select);
  shown.current = value;
  how.current = select;
  useEffect(() => {
    const check = () => {
      if (!Object.is(how.current(live.model()), shown.current)) draw((n) => n + 1);
    };
    check();
    return live.subscribe(check);
  }, [live]);
  return value;
}

/** The hub's time, updated every second. */
export function useNow(): number {
  const offset = useModel((m) => m.offset);
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now + offset;
}

/** Views of many things; what is shown of them stands in the address. */
type List = "fleet" | "plan" | "tasks" | "events" | "commands";

export type Route =
  | { readonly view: List; readonly query: string }
  | { readonly view: "agent"; readonly name: string }
  | { readonly view: "task"; readonly id: string };

function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [view = "", rest = ""] = path.split("/", 2);
  const name = decode(rest);
  if (view === "agent" && name !== "") return { view, name };
  if (view === "tasks" && name !== "") return { view: "task", id: name };
  if (view === "plan" || view === "tasks" || view === "events" || view === "commands") return { view, query };
  return { view: "fleet", query };
}

/** Kept in the address, so that it can be shared and survives a reload; adds no entry to the history. */
export function showPlace(place: string): void {
  history.replaceState(null, "", `#/${place}`);
  dispatchEvent(new Event("hashchange"));
}

type Query = Readonly<Record<string, string>>;

/** What the address of this view says after its question mark, and how to change it; what is empty is left out. */
export function useQuery(view: List): readonly [Query, (change: Query) => void] {
  const route = useRoute();
  const query = Object.fromEntries(new URLSearchParams(route.view === view ? route.query : ""));
  const change = (more: Query) => {
    const said = Object.entries({ ...query, ...more }).filter(([, value]) => value !== "");
    showPlace(said.length === 0 ? view : `${view}?${new URLSearchParams(said)}`);
  };
  return [query, change];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const agentLink = (name: string): string => `#/agent/${encodeURIComponent(name)}`;
export const taskLink = (id: string): string => `#/tasks/${encodeURIComponent(id)}`;

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const onChange = () => setHash(location.hash);
    addEventListener("hashchange", onChange);
    return () => removeEventListener("hashchange", onChange);
  }, []);
  return parseRoute(hash);
}
