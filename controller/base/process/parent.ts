/**
 * Ends this process together with the npm that runs it: npm and its shell do not forward every signal, and a kill of
 * one of them would orphan us.
 */
import { readFileSync } from "node:fs";

const INTERVAL_MS = 1000;
const isNpm = (title: string): boolean => /^np[mx]\b/.test(title);

/**
 * Under `npx vm-agent` or `npm start`, calls `gone` once npm, or the shell between it and this process, has ended.
 * Elsewhere a parent may end before its children (`nohup vm-agent up &`), and nothing is watched.
 */
export function watchNpm(env: Readonly<Record<string, string | undefined>>, gone: () => void): void {
  const runsUs = /(?:^|[\s"'/])vm-agent(?:\.cjs)?(?:[\s"']|$)/.test(env.npm_lifecycle_script ?? "");
  if (!runsUs || !["npx", "start"].includes(env.npm_lifecycle_event ?? "")) return;
  const parent = process.ppid;
  const above = readProcess(parent);
  // Debian's sh stays between npm and the command; other shells exec it.
  const grandparent =
    above !== null && !isNpm(above.title) && isNpm(readProcess(above.ppid)?.title ?? "") ? above.ppid : null;
  const timer = setInterval(() => {
    const isGone =
      process.ppid !== parent || (grandparent !== null && readProcess(parent)?.ppid !== grandparent);
    if (!isGone) return;
    clearInterval(timer);
    gone();
  }, INTERVAL_MS);
  timer.unref();
}

/** From proc(5) `stat`: `pid (title) state ppid …`; null where there is no /proc, as on macOS. */
function readProcess(pid: number): { readonly title: string; readonly ppid: number } | null {
  try {
    const [, title = "", ppid] =
      /^\d+ \((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    return { title, ppid: Number(ppid) };
  } catch {
    return null;
  }
}
