/**
 * Starts `multipass list` while the fleet is still being loaded, where the driver is known without the fleet: both take
 * about as long.
 */
import type { Settings } from "../../base/env.ts";
import type { Bus } from "../../base/events.ts";
import type { Claim } from "../../core/types.ts";
import type { Observation } from "../../drivers/driver.ts";
import { type Selection, selectDriver } from "../../drivers/select.ts";
import type { ObserveDeps } from "../../observe/observe.ts";
import type { Store } from "../../store/store.ts";

export interface InstanceList {
  readonly selection: Selection;
  /** From before the list was requested: a claim made after it must not be judged by it. */
  readonly claims: readonly Claim[];
  readonly seen: Promise<Observation>;
}

/**
 * `claimed`: the driver of the claimed instances. null: the fleet may decide the driver, or it cannot be used; the
 * command then observes in the ordinary way and gets the error.
 */
export async function listInstances(
  settings: Settings,
  claimed: Selection["kind"] | null,
  store: () => Store,
  bus: Bus,
): Promise<InstanceList | null> {
  const asked = settings.driver === "auto" ? null : settings.driver;
  const driver = asked ?? claimed;
  if (driver === null) return null;
  try {
    const claims = store().claims.list();
    const selection = await selectDriver({ ...settings, driver }, null, { bus, env: process.env, claimed });
    return { selection, claims, seen: selection.driver.list() };
  } catch {
    return null;
  }
}

/** `deps` with the prefetched list in place of another call, if it came from the same program. */
export function withListed(deps: ObserveDeps, early: InstanceList | null, selection: Selection): ObserveDeps {
  if (early === null || !isSame(early.selection, selection)) return deps;
  const { seen, claims } = early;
  return {
    ...deps,
    driver: { ...deps.driver, list: () => seen },
    store: {
      ...deps.store,
      claims: {
        ...deps.store.claims,
        list: () => claims,
        get: (name) => claims.find((c) => c.name === name),
      },
    },
  };
}

function isSame(a: Selection, b: Selection): boolean {
  return JSON.stringify(a.executable) === JSON.stringify(b.executable);
}
