/** Every limit of the hub, named and finite. Sizes in bytes, times in milliseconds. */

export const LIMITS = {
  /** Largest frame that is read from a runtime, and what the runtime is told in its policy. */
  maxFrameBytes: 4 * 1024 * 1024,
  /** Output of one task that is kept, both streams together; the tail stays. */
  maxOutputBytes: 1024 * 1024,
  /** What may wait unsent for a runtime that does not read; beyond it the connection is cut and its tasks redelivered. */
  maxBufferedBytes: 16 * 1024 * 1024,
  /**
   * Descriptors of the process that connections leave free, for the database, Multipass, files and the operator. Below 1024
   * descriptors: a quarter of them.
   */
  descriptorReserve: 256,
  /**
   * Connections to any port that have presented no valid token, all addresses together; at most the descriptors that the others
   * leave. Beyond it the oldest one of the address with the most of them is closed. As many runtimes may owe their hello.
   */
  maxPreAuthConnections: 2000,
  /** The same from one address; at most three quarters of the descriptors. */
  maxPreAuthPerAddress: 1000,
  /** Connections of one agent that owe their hello; the oldest is closed for a newer one. */
  maxWaitingPerAgent: 4,
  /** What one agent may take of the hub: so many frames a second, and so many bytes; beyond it its connection is read more slowly. */
  framesPerSecond: 2000,
  frameBytesPerSecond: 32 * 1024 * 1024,
  /** How far an agent may be ahead of that. */
  frameCredit: 1000,
  /** From the upgrade to hello. */
  helloDeadline: 10_000,
  /** TLS handshake, from the connection on. */
  tlsDeadline: 10_000,
  /** Headers of a request, from the connection on. */
  headersDeadline: 10_000,
  /** A connection that is kept open between two requests. */
  keepAlive: 30_000,
  /** Between two checks of these deadlines and of `bodyDeadline`. */
  connectionsCheck: 1000,
  /** The closing handshake of a WebSocket; then the connection is cut. */
  closeDeadline: 5000,
  /** Frames kept while a handshake writes to the disk. */
  maxFramesBeforeReady: 200,
  /** Connected runtimes; at most the descriptors that the others leave. */
  maxConnections: 20_000,

  /** Heartbeats are asked for at this pace; a runtime adds its own jitter. */
  heartbeat: 30_000,
  /** A runtime that lost its connection waits between these before it comes back, longer with each failure. */
  reconnectShortest: 1000,
  reconnectLongest: 30_000,
  /** Silence after which an agent is offline, unless its document says otherwise. */
  offlineAfter: 90_000,
  /** Between two looks at silence and at timeouts. */
  sweep: 1000,
  /** Between two looks at this machine's networks: a bridge to instances comes with the first of them. */
  interfacesInterval: 2000,

  /** A join token is good for this long, once. */
  joinTokenLife: 15 * 60_000,
  /** Join tokens of one claim that may be on their way at once: a launch, and its repetitions after a crash. */
  joinTokens: 4,
  /** Earlier credentials of a claim that a restored snapshot may still hold. */
  olderCredentials: 8,
  /**
   * Wrong tokens from one address (for runtimes: one address and name) within the window that lead to a lockout: further wrong
   * tokens get 429. A valid token is admitted all the same.
   */
  authFailures: 10,
  /** The same for one address over all names, so that names cannot be varied without end. */
  authFailuresAnyName: 100,
  authWindow: 60_000,
  /** Wrong tokens of runtimes are reported once per source in this time, with their number; those of operators once per `authWindow`. */
  knockWindow: 3_600_000,
  /** Sources of wrong tokens that are reported one by one; those beyond are counted together. */
  authSources: 60,
  lockout: 5 * 60_000,
  /** Addresses remembered; the oldest is forgotten first. */
  lockoutEntries: 10_000,

  /** Tasks at once in an agent that no document describes (first-generation clients bound nothing themselves). */
  defaultConcurrency: 16,
  /** Tasks that may wait for one agent. */
  maxQueuedTasks: 10_000,
  /** Tasks that are not finished, all agents together. */
  maxOpenTasks: 200_000,
  /** Defaults of a task's own `timeouts`. */
  queueTimeout: 24 * 3_600_000,
  startTimeout: 5 * 60_000,
  runTimeout: 7 * 24 * 3_600_000,
  /** The runtime ends a task at its run timeout; the hub steps in this much later. */
  runTimeoutGrace: 60_000,
  /** A runtime needs 15 s at most to end a task by force; one that is there and says nothing for so long does not know either. */
  cancelConfirm: 60_000,
  /** A task that a runtime took and then vanished with is given up after this. */
  vanishedRuntime: 24 * 3_600_000,
  /** How long progress (accepted, running) may stay in memory before it is written; results never wait. */
  progressDelay: 50,
  /** Before a result that could not be stored (disk full) is tried again. */
  storeRetry: 1000,

  /** How long a newer runtime may take to say hello before the older one comes back. */
  upgradeDeadline: 60_000,
  /** How long a runtime may take to answer for its log. */
  logAnswer: 10_000,
  /** How long a message waits for an offline recipient. */
  messageLife: 3_600_000,
  /** Largest message of one agent to another, as JSON. */
  maxMessageBytes: 64 * 1024,
  /** Messages that one agent may send: so many a second, and so many at once. */
  messagesPerSecond: 50,
  messageBurst: 200,

  /** Events kept for a live stream that reconnects. */
  eventRing: 2000,
  /** Live streams at once. */
  maxStreams: 200,
  /** What may wait unsent in a live stream before it is cut; the reader resumes by its last event id. */
  maxStreamBuffer: 1024 * 1024,
  /** Comment lines that keep a live stream open. */
  streamKeepAlive: 15_000,
  /** A reader that takes a task's output and finds nothing waits so long for the answer. */
  takeWait: 20_000,
  /** A reader of a live stream that takes nothing of what lies ready for so long is cut */
  streamStall: 60_000,

  /** Connections with the operator's token, API and dashboard together; at most a quarter of the descriptors. Beyond it each is closed after its answer. */
  maxHttpConnections: 2000,
  /** Body of a request over HTTP. */
  maxBodyBytes: 4 * 1024 * 1024,
  /** How long a body may take to arrive. */
  bodyDeadline: 30_000,
  /** Finished tasks are kept this long, and at most so many. */
  taskRetention: 30 * 24 * 3_600_000,
  maxTasksKept: 200_000,
  /** Output chunks are kept this long after the task ended; the tail in its result stays as long as the task. */
  outputRetention: 14 * 24 * 3_600_000,
  /** Audit entries are kept this long, and at most so many; the chain stays provable from where it was cut. */
  auditRetention: 365 * 24 * 3_600_000,
  maxAuditKept: 2_000_000,
  /** Beyond it the oldest output goes, then the oldest tasks, then the oldest audit. */
  maxDatabaseBytes: 4 * 1024 * 1024 * 1024,
  /** Between two prunings. */
  pruneInterval: 10 * 60_000,
} as const;

export type Limits = { readonly [K in keyof typeof LIMITS]: number };

/** A runtime comes while its launch is still waited for, so its token lives longer than a launch may take. */
export const joinTokenLife = (launchSeconds: number): number =>
  Math.max(LIMITS.joinTokenLife, (launchSeconds + 300) * 1000);
