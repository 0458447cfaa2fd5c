/**
 * Bypasses the proxy of the environment (NODE_USE_ENV_PROXY, HTTP_PROXY) for calls to this machine: it cannot reach
 * them.
 */

const ALWAYS: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];
const VARIABLES = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"] as const;

export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "[::1]" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);

/** For `fetch` and for child processes; called before the first request. */
export function exemptLoopback(env: NodeJS.ProcessEnv): void {
  if (!VARIABLES.some((name) => env[name])) return;
  const own = [env.VM_AGENT_BIND, hostOf(env.VM_AGENT_URL)].filter((h) => h !== undefined && isLoopback(h));
  const given = env.no_proxy || env.NO_PROXY;
  const names = [...(given ? [given] : []), ...new Set([...ALWAYS, ...own])].join(",");
  env.NO_PROXY = names;
  env.no_proxy = names;
}

function hostOf(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).hostname : undefined;
}
