/** Loads the dashboard with React as it is meant to run: its other build checks and measures every drawing, for twice the work. */
import type { runDashboard } from "./dashboard.tsx";

/** React looks at the variable once, when it is loaded; whoever is started from here does not see it. */
export async function loadDashboard(): Promise<typeof runDashboard> {
  const before = process.env.NODE_ENV;
  process.env.NODE_ENV = "production";
  try {
    return (await import("./dashboard.tsx")).runDashboard;
  } finally {
    if (before === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = before;
  }
}
