// Names of instances and snapshots, and how a snapshot is addressed.

/** Letters, digits and hyphens, beginning with a letter and not ending with a hyphen. */
export function isValidName(name: string): boolean {
  return /^[a-zA-Z]([a-zA-Z0-9-]*[a-zA-Z0-9])?$/.test(name);
}

/** Something before the dot, and after it one name; an instance alone has no dot. The client refuses anything else by itself. */
export function isMalformed(text: string): boolean {
  const [instance, ...snapshot] = text.split(".");
  return !instance || snapshot.length > 1 || snapshot[0] === "";
}

export const badFormat = (text: string): string =>
  `Invalid format: "${text}". Please specify instances and snapshots in the form <instance>[.<snapshot>].`;

/** `instance.snapshot` in its parts; the snapshot is undefined where only an instance is named. */
export function splitName(text: string): {
  readonly instance: string;
  readonly snapshot: string | undefined;
} {
  const dot = text.indexOf(".");
  if (dot < 0) return { instance: text, snapshot: undefined };
  return { instance: text.slice(0, dot), snapshot: text.slice(dot + 1) };
}
