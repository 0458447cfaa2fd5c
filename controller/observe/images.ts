/**
 * Compares a document's image with the one that its instance was made from. A replacement loses the disk, so this is
 * only resolved where the names differ, and an unknown result holds the replacement.
 */
import { createHash } from "node:crypto";
import { createReadStream, realpathSync } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { Clock } from "../base/clock.ts";
import { VmAgentError, toVmAgentError } from "../base/errors.ts";
import { findName, imageKind, imagePath, isSameImageName } from "../core/diff/image-name.ts";
import { proves } from "../core/ownership.ts";
import { applyRenames } from "../core/renames.ts";
import type {
  Claim,
  Desired,
  ImageReading,
  Instant,
  Observed,
  ObservedInstance,
  RuntimeReading,
} from "../core/types.ts";
import type { Driver, FoundImage } from "../drivers/driver.ts";
import type { Store } from "../store/store.ts";
import { type ImageRow, imageKey } from "../store/keys.ts";

export interface ImageDeps {
  readonly driver: Driver;
  readonly store: Store;
  readonly clock: Clock;
}

/** An alias such as `lts` moves on: a result is refreshed after this long. */
const KNOWN_MAX_AGE_MS = 60 * 60_000;
/** An unknown result, for example without a network, is retried after this long. */
const UNKNOWN_MAX_AGE_MS = 5 * 60_000;

/** The image in a document beside the recorded one, and the instance for which both are compared. */
export interface ImageQuestion {
  readonly claim: Claim;
  readonly wanted: string | null;
  readonly instance: ObservedInstance;
  readonly runtime: RuntimeReading | undefined;
}

/** One for each owned instance whose document names another image than its claim. */
export function imageQuestions(desired: Desired, observed: Observed): readonly ImageQuestion[] {
  const seen = observed.instances;
  if (seen.kind === "unobservable") return [];
  const claims = new Map(observed.claims.map((c) => [c.name, c]));
  return applyRenames(desired, observed.claims).agents.flatMap((agent) => {
    const claim = claims.get(agent.name);
    const wanted = agent.image ?? null;
    if (!claim || claim.image === wanted || isSameImageName(claim.image, wanted)) return [];
    const instance = seen.list.find((i) => i.name === agent.name);
    const runtime = observed.runtimes.find((r) => r.agent === agent.name);
    return instance ? [{ claim, wanted, instance, runtime }] : [];
  });
}

/** The stored result; null: none that is still valid. */
function remembered(store: Store, { claim, wanted }: ImageQuestion): ImageRow | null {
  const row = store.kv.get(imageKey(claim.name)) as ImageRow | undefined;
  const isOfThis =
    row?.nonce === claim.nonce && row.recorded === claim.image && row.reading.wanted === wanted;
  return isOfThis ? row : null;
}

const isFresh = ({ at, reading }: ImageRow, now: Instant): boolean =>
  now - at < (reading.is === "unknown" ? UNKNOWN_MAX_AGE_MS : KNOWN_MAX_AGE_MS) && now >= at;

/** `observed` with the known image results; `asks`: unknown ones are resolved now. */
export async function withImages(
  deps: ImageDeps,
  desired: Desired | null,
  observed: Observed,
  asks: boolean,
  signal?: AbortSignal,
): Promise<Observed> {
  const seen = observed.instances;
  const questions = desired ? imageQuestions(desired, observed) : [];
  if (questions.length === 0 || seen.kind === "unobservable") return observed;
  const found = new Map<string, ImageReading>();
  const ask = createAsker(deps, signal);
  for (const question of questions) {
    const row = remembered(deps.store, question);
    const known = row && (!asks || isFresh(row, deps.clock.now())) ? row.reading : null;
    const reading = known ?? (asks ? await ask(question) : null);
    if (reading) found.set(question.claim.name, reading);
  }
  const list = seen.list.map((i) => {
    const image = found.get(i.name);
    return image ? { ...i, image } : i;
  });
  return { ...observed, instances: { kind: "seen", list } };
}

/** Asks Multipass and reads files, each at most once. */
export function createAsker(
  { driver }: ImageDeps,
  signal?: AbortSignal,
): (question: ImageQuestion) => Promise<ImageReading> {
  const finds = new Map<string, Promise<readonly FoundImage[]>>();
  const hashes = new Map<string, Promise<string | null>>();
  const find = (name: string) => {
    const asked = finds.get(name) ?? driver.find?.(name, signal) ?? Promise.resolve([]);
    finds.set(name, asked);
    return asked;
  };
  const hashOf = (image: string) => {
    const path = imagePath(image);
    const asked = hashes.get(path) ?? fileHash(path);
    hashes.set(path, asked);
    return asked;
  };
  return async (question) => {
    const { wanted } = question;
    try {
      return { wanted, ...(await compare(driver, question, find, hashOf, signal)) };
    } catch (error) {
      signal?.throwIfAborted();
      const { message } = toVmAgentError(error);
      return { wanted, ...unknown(message, "nothing to do, it is asked again") };
    }
  };
}

type Comparison = Omit<ImageReading, "wanted">;

const SAME: Comparison = { is: "same", why: "", next: "" };
const OTHER: Comparison = { is: "other", why: "", next: "" };
const unknown = (why: string, next: string): Comparison => ({ is: "unknown", why, next });

async function compare(
  driver: Driver,
  { claim, wanted, instance, runtime }: ImageQuestion,
  find: (name: string) => Promise<readonly FoundImage[]>,
  hashOf: (image: string) => Promise<string | null>,
  signal?: AbortSignal,
): Promise<Comparison> {
  const recorded = claim.image;
  const keep =
    recorded === null
      ? "write no image to keep the instance"
      : `write image: ${recorded} to keep the instance`;
  switch (imageKind(wanted)) {
    case "address":
      return unknown("what an address leads to is known only once it was loaded", keep);
    case "file": {
      if (imageKind(recorded) === "file" && isSameFile(imagePath(wanted ?? ""), imagePath(recorded ?? "")))
        return SAME;
      const hash = await hashOf(wanted ?? "");
      if (hash === null)
        return unknown(
          `${imagePath(wanted ?? "")} cannot be read here`,
          "make it readable for vm-agent, or correct the path",
        );
      const former = imageKind(recorded) === "file" ? await hashOf(recorded ?? "") : null;
      if (former === hash) return SAME;
      if (!mayAsk(instance, claim, runtime))
        return unknown(
          `it is ${instance.state} and its runtime is silent, so the hash of its image is not asked for`,
          "nothing to do, it is asked once its runtime is online or it is stopped",
        );
      const has = (await driver.imageHash?.(claim.name, signal)) ?? "";
      if (has === hash) return SAME;
      // A release image is used unchanged; a file may be converted first, and then has another hash.
      if (isRelease(instance)) return OTHER;
      if (former !== null) return OTHER;
      return unknown(
        "the hash of its image is another one, but Multipass may have converted the file, and the former file is not there to compare",
        keep,
      );
    }
    case "named": {
      const [found, ...more] = byRemote(await find(findName(wanted)));
      if (!found)
        return unknown(
          `"multipass find" knows no image "${wanted}"`,
          "choose one of: vm-agent multipass find",
        );
      if (!isRelease(instance))
        return unknown(
          "it was made from an image of its own, and Multipass does not say of which release that is",
          keep,
        );
      // `list` shows os and title of the release, as `find` does (CONTRACT section 5).
      if (instance.release !== `${found.os} ${found.release}`.trim()) return OTHER;
      if ([wanted, recorded].every((image) => !findName(image).includes(":"))) return SAME;
      const [former] = byRemote(await find(findName(recorded)));
      if (former && [found, ...more].some((f) => f.remote === former.remote)) return SAME;
      return unknown(`both are ${found.release}, of different remotes`, keep);
    }
  }
}

/** Without a remote, Multipass uses the unnamed one first. */
const byRemote = (found: readonly FoundImage[]): readonly FoundImage[] =>
  [...found].sort((a, b) => (a.remote < b.remote ? -1 : a.remote > b.remote ? 1 : 0));

const isRelease = ({ release }: ObservedInstance): boolean => release !== "" && release !== "Not Available";

/** CONTRACT section 16: `info` of a guest that does not answer wedges the daemon. */
function mayAsk({ state }: ObservedInstance, claim: Claim, runtime: RuntimeReading | undefined): boolean {
  if (state === "Stopped" || state === "Suspended") return true;
  return state === "Running" && runtime?.status === "online" && proves(claim, runtime);
}

function isSameFile(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return false;
  }
}

/** SHA-256 of a plain file; null: it cannot be read. */
async function fileHash(path: string): Promise<string | null> {
  try {
    if (!(await stat(path)).isFile()) return null;
    const hash = createHash("sha256");
    await pipeline(createReadStream(path), hash);
    return hash.digest("hex");
  } catch {
    return null;
  }
}

/** Runs beside the loop, so that a slow network delays no refresh. */
export class Images {
  readonly #deps: ImageDeps;
  readonly #wake: () => void;
  readonly #abort = new AbortController();
  #asking: Promise<void> | null = null;
  #retryAt: Instant | null = null;

  constructor(deps: ImageDeps, wake: () => void) {
    this.#deps = deps;
    this.#wake = wake;
  }

  /** After each refresh: unknown and outdated results are resolved. */
  consider(desired: Desired, observed: Observed): void {
    const now = this.#deps.clock.now();
    const questions = imageQuestions(desired, observed);
    const rows = questions.map((question) => ({ question, row: remembered(this.#deps.store, question) }));
    const due = rows.filter(({ row }) => row === null || !isFresh(row, now)).map(({ question }) => question);
    const retries = rows.flatMap(({ row }) =>
      row?.reading.is === "unknown" ? [row.at + UNKNOWN_MAX_AGE_MS] : [],
    );
    this.#retryAt = retries.length > 0 ? Math.min(...retries) : null;
    if (due.length === 0 || this.#asking !== null || this.#abort.signal.aborted) return;
    this.#asking = this.#askAll(due)
      .catch(() => {})
      .then(() => {
        this.#asking = null;
        this.#wake();
      });
  }

  async #askAll(questions: readonly ImageQuestion[]): Promise<void> {
    const ask = createAsker(this.#deps, this.#abort.signal);
    for (const question of questions) await this.#remember(question.claim, await ask(question));
  }

  async #remember({ nonce, name, image }: Claim, reading: ImageReading): Promise<void> {
    const { store, clock } = this.#deps;
    const row: ImageRow = { nonce, recorded: image, reading, at: clock.now() };
    if (store.claims.get(name)?.nonce === nonce) await store.kv.put(imageKey(name), row);
  }

  nextAt(now: Instant): Instant | null {
    return this.#retryAt !== null && this.#retryAt > now ? this.#retryAt : null;
  }

  /** On a person's request: unknown results are resolved again. Without names: all. */
  async resetBackoff(names: readonly string[]): Promise<void> {
    const { kv } = this.#deps.store;
    for (const [key, row] of kv.all("image/"))
      if (
        (row as ImageRow).reading.is === "unknown" &&
        (names.length === 0 || names.some((n) => imageKey(n) === key))
      )
        await kv.remove(key);
  }

  /** Just before a replacement: rejects where the image turns out to be equal, or unknown. */
  async mustDiffer(
    name: string,
    { wanted, unverified }: { readonly wanted: string | null; readonly unverified: boolean },
  ): Promise<void> {
    const { driver, store } = this.#deps;
    const claim = store.claims.get(name);
    const seen = await driver.list();
    const instance = seen.kind === "seen" ? seen.instances.find((i) => i.name === name) : undefined;
    // An absent or unobservable instance is judged by the step itself.
    if (!claim || !instance) return;
    const row = remembered(store, { claim, wanted, instance, runtime: undefined });
    // Only aliases may have moved: a file's content was compared, and a draining guest is not asked again.
    const asked = imageKind(wanted) === "named" || row === null;
    const question = { claim, wanted, instance, runtime: undefined };
    const reading = asked ? await createAsker(this.#deps, this.#abort.signal)(question) : row.reading;
    if (asked) await this.#remember(claim, reading);
    if (reading.is === "other" || (reading.is === "unknown" && unverified)) return;
    throw new VmAgentError({
      code: "no-longer-wanted",
      message:
        reading.is === "same"
          ? `"${name}" is kept: its image is the one that is written, under another name`
          : `"${name}" is kept: whether its image is another one is not known: ${reading.why}`,
      next: "nothing to do, it is planned again",
      transient: true,
    });
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#asking;
  }
}
