/** How the calls of the API reach the hub. */
export interface ServerEvent {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

/** What the calls are made of. */
export interface Transport {
  get<T>(path: string): Promise<T>;
  /** `deadline`: milliseconds for this call. */
  post<T>(
    path: string,
    body: unknown,
    headers?: Readonly<Record<string, string>>,
    deadline?: number,
  ): Promise<T>;
  remove<T>(path: string): Promise<T>;
  /** Server-sent events from `path`; ends when the server ends them. */
  events(
    path: string,
    lastEventId: string | null,
    signal: AbortSignal,
    watch?: EventsWatch,
  ): AsyncIterable<ServerEvent>;
}

export interface EventsWatch {
  /** The server answered; the first event may be long in coming. */
  readonly onOpen?: () => void;
  /** Milliseconds without a byte (the server sends comments meanwhile) after which the stream counts as lost. */
  readonly idle?: number;
}
