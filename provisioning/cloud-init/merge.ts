/** Puts our cloud-init over the author's own: lists are appended, ours last; what cannot be joined is an error. */

export type CloudConfig = Readonly<Record<string, unknown>>;

export type Merged =
  | { readonly ok: true; readonly config: CloudConfig }
  | { readonly ok: false; readonly problems: readonly string[] };

/** The author's keys keep their order, ours that are new follow. */
export function mergeCloudConfig(author: CloudConfig, ours: CloudConfig): Merged {
  const problems: string[] = [];
  const config: Record<string, unknown> = { ...author };
  for (const [key, value] of Object.entries(ours)) {
    const theirs = author[key];
    if (theirs === undefined || theirs === null) config[key] = value;
    else if (Array.isArray(value) && Array.isArray(theirs)) config[key] = [...theirs, ...value];
    else if (Array.isArray(value)) problems.push(`${key}: must be a list, so that vm-agent can add to it`);
    else if (theirs !== value) {
      problems.push(
        `${key}: vm-agent needs ${JSON.stringify(value)}, the file says ${JSON.stringify(theirs)}`,
      );
    }
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config };
}
