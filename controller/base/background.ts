/** Background work without a caller that waits: failures go to `report`. */
export function inBackground(work: Promise<unknown>, report: (error: unknown) => void): void {
  work.catch(report);
}
