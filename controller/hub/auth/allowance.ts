/** Token bucket for each name: a rate per second and a burst. Full buckets are forgotten. */

export interface Allowance {
  /** False: the bucket is empty. */
  take(name: string): boolean;
}

const REMEMBERED = 10_000;

export function createAllowance(now: () => number, perSecond: number, burst: number): Allowance {
  const buckets = new Map<string, { left: number; at: number }>();
  const level = (bucket: { readonly left: number; readonly at: number }, at: number) =>
    Math.min(burst, bucket.left + (Math.max(0, at - bucket.at) / 1000) * perSecond);
  return {
    take(name) {
      const at = now();
      if (buckets.size >= REMEMBERED) {
        for (const [key, bucket] of buckets) if (level(bucket, at) >= burst) buckets.delete(key);
      }
      const bucket = buckets.get(name) ?? { left: burst, at };
      const left = level(bucket, at);
      buckets.set(name, { left: left >= 1 ? left - 1 : left, at });
      return left >= 1;
    },
  };
}
