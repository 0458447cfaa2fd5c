/** Store keys of remediations and corrections. */
export const episodeKey = (name: string): string => `episode/${name}`;
/** Instants of the last corrections of drift, oldest first. */
export const correctedKey = (name: string): string => `corrected/${name}`;
