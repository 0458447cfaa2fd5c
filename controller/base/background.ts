/** Work that its caller does not wait for: a failure goes to `report`, the error channel of who began it. */
export function inBackground(work: Promise<unknown>, report: (error: unknown) => void): void {
  work.catch(report);
}
