/** Names that the hub uses itself: an agent of that name would speak as the hub, or get what is meant for all. */

/** The patterns of `agentName` in common.schema.json are these, in upper and lower case; a test holds them together. */
export const RESERVED_NAMES: readonly string[] = ["hub", "host", "broadcast", "operator"];

/** Case does not count: `Hub` reads as the hub, too. */
export const isReservedName = (name: string): boolean => RESERVED_NAMES.includes(name.toLowerCase());
