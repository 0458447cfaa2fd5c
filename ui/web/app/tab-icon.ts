/** The tab icon shows the state of the fleet while another tab is open, by symbol and not by colour alone. */
import { counts } from "../../client/fleet-filter.ts";
import type { Model } from "../../client/model.ts";

export interface TabIcon {
  readonly sign: string;
  readonly color: string;
  /** For the title; empty: there is nothing to say. */
  readonly words: string;
}

/** The worst thing that is so. */
export function tabIcon({ link, fleet }: Pick<Model, "link" | "fleet">): TabIcon {
  if (link.status === "lost") return { sign: "×", color: "#b3261e", words: "hub lost" };
  if (fleet === null) return { sign: "·", color: "#59616f", words: "" };
  const found = counts(fleet.agents);
  if (fleet.errors.length > 0) return { sign: "!", color: "#b3261e", words: "broken files" };
  if (fleet.unobservable !== null) return { sign: "!", color: "#b3261e", words: "cannot be seen" };
  if (found.failing > 0) return { sign: "!", color: "#b3261e", words: `${found.failing} failing` };
  if (found.drifted > 0) return { sign: "≠", color: "#8a5200", words: `${found.drifted} drifted` };
  if (found.working > 0) return { sign: "…", color: "#0b5cad", words: "" };
  if (found.held > 0) return { sign: "?", color: "#8a5200", words: `${found.held} held` };
  return { sign: "✓", color: "#17703a", words: "" };
}

export function showTabIcon({ sign, color }: TabIcon): void {
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="${color}"/><text x="16" y="24" font-family="monospace" font-weight="bold" font-size="24" text-anchor="middle" fill="#fff">${sign}</text></svg>`;
  const href = `data:image/svg+xml,${encodeURIComponent(picture)}`;
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (link && link.href !== href) link.href = href;
}
