/** One step from a schema to the next. */
export interface Migration {
  /** Consecutive from 1; a released migration is never edited. */
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}
