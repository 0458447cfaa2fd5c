// One call of a command: what it asks of the daemon, and the fault that was chosen for it.

/** A running command's way to the daemon. */
export interface Call {
  /** The canonical name of the command. */
  readonly command: string;
  /** What a fault rule asked for, if this call was chosen. */
  readonly fault: CallFault | undefined;
  /** Runs one request: alone, after those that came before. */
  request<T>(work: () => T | Promise<T>): Promise<T>;
}

export interface CallFault {
  readonly fault: string;
  readonly ms: number;
  readonly message: string | undefined;
  /** Pattern of the instances that it concerns. */
  readonly name: string;
}
