/** Sign-in: asks for the operator token, tries it, and explains a failure. */
/** @jsxImportSource preact */
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../../client/api.ts";
import { Problem, problemWords } from "../parts/bits.tsx";
import { createPageApi } from "./page-api.ts";
import { showTabIcon } from "./tab-icon.ts";

export interface SignInProps {
  /** Why the last session ended; empty: nothing ended. */
  readonly refused: string;
  readonly onEnter: (token: string) => void;
}

export function SignIn({ refused, onEnter }: SignInProps) {
  const [error, setError] = useState(refused);
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = "Sign in – vm-agent";
    showTabIcon(SIGNED_OUT);
    input.current?.focus();
  }, []);

  const submit = async (event: Event) => {
    event.preventDefault();
    const token = input.current?.value.trim() ?? "";
    if (token === "") return setError("Paste the operator token first.");
    setBusy(true);
    const problem = await tryToken(token);
    setBusy(false);
    if (problem === null) return onEnter(token);
    setError(problem);
    input.current?.select();
  };

  return (
    <main class="sign-in">
      <form class="card" onSubmit={submit} aria-labelledby="sign-in-title">
        <h1 id="sign-in-title">
          <span class="brand">vm-agent</span>
        </h1>
        <p>Agents in virtual machines, kept in sync.</p>
        <label for="token">Operator token</label>
        <input
          id="token"
          ref={input}
          type="password"
          autocomplete="off"
          spellcheck={false}
          aria-describedby="token-help"
          aria-invalid={error !== ""}
        />
        {error !== "" && <Problem>{error}</Problem>}
        <button type="submit" class="primary" disabled={busy}>
          {busy ? "Trying…" : "Sign in"}
        </button>
        <p id="token-help" class="dim">
          The token is in the file <code>operator-token</code> in the state folder: <code>.vm-agent</code>{" "}
          beside the fleet folder, or what <code>VM_AGENT_HOME</code> names. It stays in this tab and is never
          part of an address.
        </p>
      </form>
    </main>
  );
}

/** null: signed in. */
async function tryToken(token: string): Promise<string | null> {
  // A header holds printable ASCII only; anything else is no token of ours.
  if (!/^[\x21-\x7e]+$/.test(token)) return WRONG;
  try {
    await createPageApi(token).listTasks({ limit: 1 });
    return null;
  } catch (error) {
    if (!(error instanceof ApiError)) return "The hub does not answer. Is vm-agent up running?";
    if (error.status === 401) return WRONG;
    return problemWords(error);
  }
}

const SIGNED_OUT = { sign: "·", color: "#59616f", words: "" };

const WRONG =
  "That is not the operator token of this hub. Copy it from the file operator-token in the state folder, whole and without spaces.";
