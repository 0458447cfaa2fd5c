/** The README's tour in a checkout. */
import { join } from "node:path";
import { test } from "node:test";
import { packageRoot } from "../../base/paths.ts";
import { runTour } from "../support/tour.ts";

test("the README's tour runs as printed", (t) =>
  runTour(t, { bin: join(packageRoot(), "node_modules", ".bin"), node: process.execPath }));
