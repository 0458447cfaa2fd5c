/** What is looked at: the fleet, its revision, the driver (loudly, when it is the sandbox), and whether the hub is there. */
/** @jsxImportSource preact */
import { revision } from "../../client/format.ts";
import { Counts } from "../parts/counts.tsx";
import { useModel } from "./hooks.ts";
import { Shortcuts } from "./shortcuts.tsx";

export function Header({ onLeave }: { readonly onLeave: () => void }) {
  const fleet = useModel((m) => m.fleet);
  return (
    <header>
      <a class="brand" href="#/fleet">
        vm-agent
      </a>
      {fleet && (
        <>
          <dl class="facts">
            <div class="version">
              <dt>version</dt>
              <dd>{fleet.version}</dd>
            </div>
            <div class="wide">
              <dt>fleet</dt>
              <dd title={fleet.fleet}>{tail(fleet.fleet)}</dd>
            </div>
            <div>
              <dt>revision</dt>
              <dd title={fleet.revision ?? "the fleet folder is not in a repository"}>
                {revision(fleet.revision)}
              </dd>
            </div>
            {!fleet.driver.sandbox && (
              <div>
                <dt>driver</dt>
                <dd>
                  {fleet.driver.name} {fleet.driver.version}
                </dd>
              </div>
            )}
          </dl>
          {fleet.driver.sandbox && (
            <strong class="sandbox">
              <span aria-hidden="true">⚠ </span>SANDBOX
              <span class="sandbox-more">: processes, not virtual machines</span>
            </strong>
          )}
        </>
      )}
      <Counts />
      <span class="grow" />
      <LinkState />
      <Shortcuts />
      <button type="button" class="quiet" onClick={onLeave}>
        Sign out
      </button>
    </header>
  );
}

/** The end of a path says more than its beginning. */
const tail = (path: string): string => path.split("/").slice(-2).join("/");

function LinkState() {
  const status = useModel((m) => m.link.status);
  const [glyph, word, tone] =
    status === "live"
      ? ["●", "live", "good"]
      : status === "lost"
        ? ["✕", "hub lost", "bad"]
        : ["◐", status === "connecting" ? "connecting" : "looking again", "dim"];
  return (
    <span class={`link tone-${tone}`} role="status" aria-label={`connection: ${word}`}>
      <span class="glyph" aria-hidden="true">
        {glyph}
      </span>
      {word}
    </span>
  );
}
