/** Begins the page: sign-in first, then the dashboard; the token lives in this tab and nowhere else. */
/** @jsxImportSource preact */
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { createLive, type Live } from "../../client/live.ts";
import { Dashboard } from "./dashboard.tsx";
import { LiveContext } from "./hooks.ts";
import { createPageApi } from "./page-api.ts";
import { forgetShortcuts } from "./shortcuts.tsx";
import { SignIn } from "./sign-in.tsx";
import { watchWaking } from "./wake.ts";

const KEY = "vm-agent-operator-token";

function App() {
  const [token, setToken] = useState(sessionStorage.getItem(KEY));
  const [refused, setRefused] = useState("");
  const [live, setLive] = useState<Live | null>(null);

  useEffect(() => {
    if (token === null) return;
    const store = createLive(createPageApi(token), {
      onRefused: (message) => {
        sessionStorage.removeItem(KEY);
        setRefused(message);
        setToken(null);
      },
      seen: () => !document.hidden,
    });
    const rest = watchWaking(store);
    setLive(store);
    return () => {
      rest();
      store.stop();
      setLive(null);
    };
  }, [token]);

  const enter = (given: string) => {
    sessionStorage.setItem(KEY, given);
    setRefused("");
    setToken(given);
  };
  const leave = () => {
    sessionStorage.removeItem(KEY);
    forgetShortcuts();
    setToken(null);
  };

  if (token === null) return <SignIn refused={refused} onEnter={enter} />;
  if (live === null) return null;
  return (
    <LiveContext.Provider value={live}>
      <Dashboard onLeave={leave} />
    </LiveContext.Provider>
  );
}

const root = document.getElementById("app");
if (root) render(<App />, root);
