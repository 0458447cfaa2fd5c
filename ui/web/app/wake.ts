/**
 * Detects that the page was inactive (background tab, suspended laptop, lost network): open connections may be dead
 * without an error.
 */
import type { Live } from "../../client/live.ts";

/** The hub says something every 15 s: after a longer silence of ours nothing is sure. */
const LONG = 20_000;
const TICK = 2000;

/** Returns the end of it. */
export function watchWaking(live: Live): () => void {
  let hiddenAt = document.hidden ? Date.now() : 0;
  let ticked = Date.now();
  const onVisible = () => {
    if (document.hidden) {
      hiddenAt = Date.now();
      return;
    }
    if (Date.now() - hiddenAt > LONG) live.lookAgain();
    else live.refresh();
  };
  // A machine that sleeps has no timers: the next one is late.
  const timer = setInterval(() => {
    const late = Date.now() - ticked > LONG;
    ticked = Date.now();
    if (late && !document.hidden) live.lookAgain();
  }, TICK);
  const onShow = (event: PageTransitionEvent) => {
    if (event.persisted) live.lookAgain();
  };
  const onNetwork = () => live.lookAgain();
  document.addEventListener("visibilitychange", onVisible);
  addEventListener("pageshow", onShow);
  addEventListener("online", onNetwork);
  addEventListener("offline", onNetwork);
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", onVisible);
    removeEventListener("pageshow", onShow);
    removeEventListener("online", onNetwork);
    removeEventListener("offline", onNetwork);
  };
}
