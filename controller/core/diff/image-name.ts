/**
 * Image names as documents write them and Multipass reads them: which two are certainly equal, without asking
 * Multipass. Pure.
 */
import type { DesiredAgent, ObservedInstance } from "../types.ts";

/** `named`: an alias, a release or a hash, which `multipass find` resolves. `address`: http or https. */
export type ImageKind = "named" | "file" | "address";

export function imageKind(image: string | null): ImageKind {
  if (image?.startsWith("file://")) return "file";
  return image !== null && /^https?:\/\//i.test(image) ? "address" : "named";
}

/** Path of a `file://` image on the host. The driver calls Multipass in `/`, so a relative one starts there. */
export function imagePath(image: string): string {
  const path = image.slice("file://".length);
  const { pathname } = new URL(
    `file:///${path.replace(/^\/+/, "").replaceAll("?", "%3F").replaceAll("#", "%23")}`,
  );
  try {
    return decodeURIComponent(pathname).replaceAll(/\/{2,}/g, "/");
  } catch {
    return `/${path}`;
  }
}

/**
 * The argument for `multipass find`: without an image, Multipass launches `default`; `release:` is its default remote.
 */
export function findName(image: string | null): string {
  const name = (image ?? "").replace(/^(?:release)?:/, "");
  return name === "" || name === "ubuntu" ? "default" : name;
}

/** Two spellings of one name. False proves nothing: aliases are resolved elsewhere. */
export function isSameImageName(a: string | null, b: string | null): boolean {
  if (a === b) return true;
  const kind = imageKind(a);
  if (kind !== imageKind(b)) return false;
  if (kind === "file") return imagePath(a ?? "") === imagePath(b ?? "");
  if (kind === "named") return findName(a) === findName(b);
  return URL.canParse(a ?? "") && URL.canParse(b ?? "") && new URL(a ?? "").href === new URL(b ?? "").href;
}

/** Compares the document's image with the instance's; null: not compared yet. */
export function imageIs(
  agent: DesiredAgent,
  recorded: string | null,
  instance: ObservedInstance | undefined,
): "same" | "other" | "unknown" | null {
  const wanted = agent.image ?? null;
  if (isSameImageName(recorded, wanted)) return "same";
  return instance?.image?.wanted === wanted ? instance.image.is : null;
}
