/** What a shell makes of the line of an example. */

/** The words after the first; nothing but single quotes has a meaning. */
export const shellWords = (line: string): readonly string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "").slice(1);
