/** An agent's snapshots, and the way back to one: it is asked for in the agent's document, for the page never writes files. */
/** @jsxImportSource preact */
import { useState } from "preact/hooks";
import type { AgentView } from "../../client/types.ts";
import { Copy } from "../parts/copy.tsx";
import { useNow } from "../app/hooks.ts";

export function Snapshots({ agent }: { readonly agent: AgentView }) {
  const { snapshots, source, document } = agent;
  const [chosen, setChosen] = useState("");
  const names = snapshots ?? [];
  return (
    <section class="card" aria-labelledby="snapshots">
      <h2 id="snapshots">Snapshots</h2>
      {names.length > 0 ? (
        <ul class="snapshots">
          {names.map((name) => (
            <li key={name}>
              <span class="glyph tone-accent" aria-hidden="true">
                *
              </span>
              <span class="mono">{name}</span>
              {source && (
                <button
                  type="button"
                  aria-expanded={chosen === name}
                  aria-label={`Restore ${name}…`}
                  onClick={() => setChosen(chosen === name ? "" : name)}
                >
                  Restore…
                </button>
              )}
              {chosen === name && source && (
                <HowToRestore snapshot={name} document={document} file={source.file} />
              )}
            </li>
          ))}
        </ul>
      ) : (
        <p class="dim">
          {snapshots === null
            ? "They were not read yet."
            : "None. A document of kind: Snapshot declares one, by hand or on a schedule."}
        </p>
      )}
    </section>
  );
}

function HowToRestore({
  snapshot,
  document,
  file,
}: {
  readonly snapshot: string;
  readonly document: string;
  readonly file: string;
}) {
  const now = useNow();
  // One moment's token: each new one is one restore.
  const [token] = useState(() => new Date(now).toISOString());
  return (
    <div class="how">
      <p>
        Everything on the disk since <b>{snapshot}</b> is lost. Write this into the document of{" "}
        <b>{document}</b> in <code>{file}</code> and save: the token is new, so it is done once. In{" "}
        <code>vm-agent dash</code> it is one command.
      </p>
      <Copy
        what="the lines"
        text={`restore:\n  snapshot: ${JSON.stringify(snapshot)}\n  token: ${JSON.stringify(token)}`}
      />
    </div>
  );
}
