/** Banners: a lost hub, invalid fleet files, an unobservable Multipass, held deletions. */
/** @jsxImportSource preact */
import type { ComponentChildren } from "preact";
import { ahead, clock, count } from "../../client/format.ts";
import type { Tone } from "../../client/tones.ts";
import { Elapsed } from "../parts/bits.tsx";
import { useLive, useModel, useNow } from "./hooks.ts";

/** For how long it is said that the hub is back. */
const FOUND = 6000;

const BACK = "The hub is back; everything is current again.";
const STILL = "Looked again after a pause: everything is current.";

export function Banners() {
  return (
    <div class="banners">
      <LinkBanner />
      <FleetBanners />
    </div>
  );
}

interface BannerProps {
  readonly tone: Tone;
  readonly glyph: string;
  readonly title: ComponentChildren;
  readonly children?: ComponentChildren;
}

function Banner({ tone, glyph, title, children }: BannerProps) {
  return (
    <section class={`banner tone-${tone}`}>
      <p class="banner-title">
        <span class="glyph" aria-hidden="true">
          {glyph}
        </span>
        {title}
      </p>
      {children}
    </section>
  );
}

function LinkBanner() {
  const live = useLive();
  const link = useModel((m) => m.link);
  const fleetAt = useModel((m) => m.fleet?.at);
  const offset = useModel((m) => m.offset);
  const now = useNow() - offset;
  if (link.status === "live") {
    const fresh = link.foundAt !== null && now - link.foundAt < FOUND;
    return (
      <div role="status">{fresh && <Banner tone="good" glyph="✓" title={link.wasLost ? BACK : STILL} />}</div>
    );
  }
  if (link.status === "looking-again") {
    const asOf = fleetAt === undefined ? "" : ` What is shown is as of ${clock(fleetAt)}.`;
    return (
      <div role="status">
        <Banner tone="dim" glyph="◐" title={`Nothing was heard for a while: looking again.${asOf}`} />
      </div>
    );
  }
  if (link.status === "connecting") return <div role="status" />;
  return (
    <div>
      <Banner
        tone="bad"
        glyph="✕"
        title={
          <>
            {/* Read out once: what counts on stands beside it. */}
            <span role="alert">The hub has been lost: {link.message}.</span>{" "}
            <span class="dim">
              for <Elapsed since={link.since + offset} />
            </span>
          </>
        }
      >
        <p>
          {!navigator.onLine && "This computer says that it has no network. "}
          {fleetAt !== undefined && `What is shown is as of ${clock(fleetAt)}. `}
          {link.retryAt === null ? "Trying to reach it." : `The next try is ${ahead(link.retryAt, now)}.`}{" "}
          <button type="button" onClick={live.reconnect}>
            Try now
          </button>
        </p>
      </Banner>
    </div>
  );
}

function FleetBanners() {
  const fleet = useModel((m) => m.fleet);
  const failed = useModel((m) => (m.link.status === "live" ? m.fleetError : null));
  return (
    <div class="banners" role="status" aria-label="About the fleet">
      {failed !== null && <Banner tone="bad" glyph="✗" title={`The fleet cannot be read: ${failed}.`} />}
      {fleet?.alerts.map(({ level, message, next }) => (
        <Banner key={message} tone={level} glyph="▲" title={`${message}.`}>
          <p>Next: {next}.</p>
        </Banner>
      ))}
      {fleet && fleet.errors.length > 0 && (
        <Banner
          tone="bad"
          glyph="✗"
          title={`The fleet files have ${count(fleet.errors.length, "error")}. ${
            fleet.stale
              ? "The last good fleet stays in force."
              : "There is no good fleet yet, so nothing is done."
          }`}
        >
          <ul class="mono">
            {fleet.errors.slice(0, 10).map((e) => (
              <li key={e}>{e}</li>
            ))}
          </ul>
          <p>
            {fleet.errors.length > 10 && `${fleet.errors.length - 10} more; vm-agent validate shows all. `}
            Mend the files; they are read again as soon as they are saved.
          </p>
        </Banner>
      )}
      {fleet?.unobservable && (
        <Banner tone="bad" glyph="▲" title={`Multipass cannot be observed: ${fleet.unobservable}.`}>
          <p>
            Nothing is created, changed or destroyed until it answers again. Health comes from the runtimes'
            own heartbeats meanwhile.
          </p>
        </Banner>
      )}
      {fleet?.guard && fleet.errors.length === 0 && (
        <Banner tone="warn" glyph="?" title={`Deletions are held: ${fleet.guard}.`} />
      )}
    </div>
  );
}
