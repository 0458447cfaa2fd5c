/** What a service of the hub is made of, whichever service manager starts it. */

export interface HubService {
  /** Absolute path of Node. */
  readonly node: string;
  /** Absolute path of vm-agent's program. */
  readonly program: string;
  /** Absolute path of the fleet folder. */
  readonly fleet: string;
  /** Absolute path of the state folder. */
  readonly home: string;
  /** The service's working folder, from which relative paths in settings start. */
  readonly folder: string;
  /** Beside VM_AGENT_FLEET and VM_AGENT_HOME. No secrets: these files are everybody's to read. */
  readonly env: Readonly<Record<string, string>>;
  /** The user who runs it; absent: whoever the service manager belongs to. */
  readonly user?: string;
}

/** By this line `uninstall-service` knows what it may remove. */
export const MARK = "Written by vm-agent install-service; vm-agent uninstall-service removes it.";

/** Sorted, so that the same settings give the same file. */
export function serviceEnv(service: HubService): readonly (readonly [string, string])[] {
  const all = { ...service.env, VM_AGENT_FLEET: service.fleet, VM_AGENT_HOME: service.home };
  return Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1));
}

export const serviceArguments = (service: HubService): readonly string[] => [
  service.node,
  service.program,
  "up",
  "--plain",
];
