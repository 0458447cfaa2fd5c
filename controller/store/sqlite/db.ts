/** The calls of node:sqlite that the sub-stores use, so that only `sqlite.ts` imports it. */

import type { Touched } from "../protection/commit-log.ts";

export type SqlValue = null | number | bigint | string | Uint8Array;
export type Row = Readonly<Record<string, unknown>>;

export interface Statement {
  run(...values: SqlValue[]): { readonly changes: number | bigint };
  get(...values: SqlValue[]): Row | undefined;
  all(...values: SqlValue[]): readonly Row[];
}

export interface Db {
  exec(sql: string): void;
  prepare(sql: string): Statement;
}

/** How the sub-stores write: `run` is called inside a transaction, possibly twice (see group-commit.ts). */
export type Write = (touched: Touched, run: () => void) => Promise<void>;
