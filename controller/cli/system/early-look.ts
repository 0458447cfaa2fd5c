/** Begins `multipass list` while the fleet is still being loaded, where the driver is known without the fleet: both take as long. */
import type { Settings } from "../../base/env.ts";
import type { Bus } from "../../base/events.ts";
import type { Claim } from "../../core/types.ts";
import type { Observation } from "../../drivers/driver.ts";
import { type Selection, selectDriver } from "../../drivers/select.ts";
import type { ObserveDeps } from "../../observe/observe.ts";
import type { Store } from "../../store/store.ts";

export interface EarlyLook {
  readonly selection: Selection;
  /** As they were before the list was asked for: one made after it must not be judged by it. */
  readonly claims: readonly Claim[];
  readonly seen: Promise<Observation>;
}

/**
 * `claimed`: the kind of driver in which claimed instances live. null: the fleet may have a say in which driver it is, or it
 * cannot be used; whoever needs it then asks in the ordinary way and hears why.
 */
export async function lookEarly(
  settings: Settings,
  claimed: Selection["kind"] | null,
  store: () => Store,
  bus: Bus,
): Promise<EarlyLook | null> {
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

/** `deps` with what was seen early in place of another look, if it was the same program that was asked. */
export function withEarlyLook(deps: ObserveDeps, early: EarlyLook | null, selection: Selection): ObserveDeps {
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
