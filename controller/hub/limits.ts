/** Every limit of the hub, named and finite. Sizes in bytes, times in milliseconds. */

export const LIMITS = {
  /** Largest frame that is read from a runtime; sent to the runtime in its policy. */
  maxFrameBytes: 4 * 1024 * 1024,
  /** Stored output of one task, both streams together; the tail is kept. */
  maxOutputBytes: 1024 * 1024,
  /** Unsent bytes for a runtime that does not read; beyond it the connection is cut and its tasks redelivered. */
  maxBufferedBytes: 16 * 1024 * 1024,
  /**
   * File descriptors reserved for the database, Multipass, files and the operator. Below 1024 descriptors: a quarter of
   * them.
   */
  descriptorReserve: 256,
  /**
   * Connections without a valid token on all ports, all addresses together; at most the descriptors that the others
   * leave. Beyond it the oldest one of the address with the most of them is closed. Also the limit of runtimes that
   * have not said hello.
   */
  maxPreAuthConnections: 2000,
  /** The same from one address; at most three quarters of the descriptors. */
  maxPreAuthPerAddress: 1000,
  /** Connections of one agent without a hello; the oldest is closed for a newer one. */
  maxWaitingPerAgent: 4,
  /** Frames and bytes per second of one agent; beyond it its connection is read more slowly. */
  framesPerSecond: 2000,
  frameBytesPerSecond: 32 * 1024 * 1024,
  /** Burst above that rate. */
  frameCredit: 1000,
  /** From the upgrade to hello. */
  helloDeadline: 10_000,
  /** TLS handshake, from the connection on. */
  tlsDeadline: 10_000,
  /** Headers of a request, from the connection on. */
  headersDeadline: 10_000,
  /** A connection that is kept open between two requests. */
  keepAlive: 30_000,
  /** Interval of the checks of these deadlines and of `bodyDeadline`. */
  connectionsCheck: 1000,
  /** The closing handshake of a WebSocket; then the connection is cut. */
  closeDeadline: 5000,
  /** Frames buffered while a handshake writes to the disk. */
  maxFramesBeforeReady: 200,
  /** Connected runtimes; at most the descriptors that the others leave. */
  maxConnections: 20_000,

  /** Interval of heartbeats; a runtime adds jitter. */
  heartbeat: 30_000,
  /** Bounds of a runtime's reconnect delay, which grows with each failure. */
  reconnectShortest: 1000,
  reconnectLongest: 30_000,
  /** Silence after which an agent is offline, unless its document sets another value. */
  offlineAfter: 90_000,
  /** Interval of the checks for silence and timeouts. */
  sweep: 1000,
  /** Interval of the checks for new networks: a bridge appears with the first instance. */
  interfacesInterval: 2000,

  /** Lifetime of a join token, which is used once. */
  joinTokenLife: 15 * 60_000,
  /** Join tokens of one claim at once: a launch, and its repetitions after a crash. */
  joinTokens: 4,
  /** Earlier credentials of a claim that a restored snapshot may still hold. */
  olderCredentials: 8,
  /**
   * Wrong tokens from one address (for runtimes: one address and name) within the window that lead to a lockout: further wrong
   * tokens get 429. A valid token is admitted all the same.
   */
  authFailures: 10,
  /** The same for one address over all names, so that varying names does not help. */
  authFailuresAnyName: 100,
  authWindow: 60_000,
  /**
   * Wrong tokens of runtimes are reported once per source in this time, with their number; those of operators once per
   * `authWindow`.
   */
  knockWindow: 3_600_000,
  /** Sources of wrong tokens that are reported one by one; those beyond are counted together. */
  authSources: 60,
  lockout: 5 * 60_000,
  /** Remembered addresses; the oldest is forgotten first. */
  lockoutEntries: 10_000,

  /** Concurrent tasks of an agent without a document (first-generation clients have no limit of their own). */
  defaultConcurrency: 16,
  /** Queued tasks of one agent. */
  maxQueuedTasks: 10_000,
  /** Unfinished tasks, all agents together. */
  maxOpenTasks: 200_000,
  /** Defaults of a task's own `timeouts`. */
  queueTimeout: 24 * 3_600_000,
  startTimeout: 5 * 60_000,
  runTimeout: 7 * 24 * 3_600_000,
  /** The runtime ends a task at its run timeout; the hub does it this much later. */
  runTimeoutGrace: 60_000,
  /**
   * A runtime needs at most 15 s to kill a task; one that is online and does not confirm for this long has lost track
   * of it.
   */
  cancelConfirm: 60_000,
  /** Silence after which a task is given up that a runtime has accepted. */
  vanishedRuntime: 24 * 3_600_000,
  /** How long progress (accepted, running) may stay in memory before it is stored; results never wait. */
  progressDelay: 50,
  /** Delay before a result that could not be stored (disk full) is retried. */
  storeRetry: 1000,

  /** How long an upgraded runtime may take to say hello before the older one is started again. */
  upgradeDeadline: 60_000,
  /** How long a runtime may take to answer a request for its log. */
  logAnswer: 10_000,
  /** How long a message waits for an offline recipient. */
  messageLife: 3_600_000,
  /** Largest message of one agent to another, as JSON. */
  maxMessageBytes: 64 * 1024,
  /** Messages of one agent: rate per second, and burst. */
  messagesPerSecond: 50,
  messageBurst: 200,

  /** Events kept for a live stream that reconnects. */
  eventRing: 2000,
  /** Live streams at once. */
  maxStreams: 200,
  /** Unsent bytes of a live stream before it is cut; the reader resumes by its last event id. */
  maxStreamBuffer: 1024 * 1024,
  /** Comment lines that keep a live stream open. */
  streamKeepAlive: 15_000,
  /** How long a request for a task's output waits for the first chunk. */
  takeWait: 20_000,
  /** A reader of a live stream that reads nothing for this long is cut. */
  streamStall: 60_000,

  /**
   * Connections with the operator's token, API and dashboard together; at most a quarter of the descriptors. Beyond it
   * each is closed after its answer.
   */
  maxHttpConnections: 2000,
  /** Body of an HTTP request. */
  maxBodyBytes: 4 * 1024 * 1024,
  /** How long a body may take to arrive. */
  bodyDeadline: 30_000,
  /** Finished tasks are kept for this long, and at most this many. */
  taskRetention: 30 * 24 * 3_600_000,
  maxTasksKept: 200_000,
  /** Output chunks are kept for this long after the task ended; the tail in its result stays as long as the task. */
  outputRetention: 14 * 24 * 3_600_000,
  /** Audit entries are kept for this long, and at most this many; the chain stays verifiable from its new beginning. */
  auditRetention: 365 * 24 * 3_600_000,
  maxAuditKept: 2_000_000,
  /** Beyond it the oldest output is removed, then the oldest tasks, then the oldest audit entries. */
  maxDatabaseBytes: 4 * 1024 * 1024 * 1024,
  /** Interval of pruning. */
  pruneInterval: 10 * 60_000,
} as const;

export type Limits = { readonly [K in keyof typeof LIMITS]: number };

/** A runtime connects while its launch is still waited for, so its token lives longer than a launch may take. */
export const joinTokenLife = (launchSeconds: number): number =>
  Math.max(LIMITS.joinTokenLife, (launchSeconds + 300) * 1000);
