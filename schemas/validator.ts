/** The shape of the generated validators; this file has no imports, so that the runtime's bundle can carry it. */

export interface RawError {
  readonly instancePath: string;
  readonly schemaPath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
  /** The schema object that holds the keyword. */
  readonly parentSchema?: Readonly<Record<string, unknown>>;
  readonly data?: unknown;
  /** Set for errors of property names. */
  readonly propertyName?: string;
}

/** True when the value is valid; else `errors` holds everything that is wrong, until the next call. */
export interface Validator {
  (value: unknown): boolean;
  errors?: readonly RawError[] | null;
}
