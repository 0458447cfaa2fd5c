/** The service of this invocation: its paths, and the environment it needs. Pure. */
import { delimiter, dirname, resolve } from "node:path";
import type { HubService } from "../../../provisioning/service.ts";
import type { EnvRecord, Settings } from "../../base/env.ts";
import { VmAgentError } from "../../base/errors.ts";

/** Of this process only, or secret: a readable unit file must not hold the token. */
const NOT_PASSED = /^VM_AGENT_(?:TOKEN|URL|DEBUG|TEST_.*|FLEET|HOME|DRIVER|MULTIPASS|TLS_CERT|TLS_KEY)$/;
/** Other variables that change its behaviour. */
const ALSO = ["MULTIPASS_SERVER_ADDRESS", "NODE_EXTRA_CA_CERTS", "TZ"];
/** A service has almost nothing on PATH by default. */
const USUAL = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

export interface DescribeParts {
  readonly settings: Settings;
  readonly env: EnvRecord;
  readonly node: string;
  readonly program: string;
  readonly cwd: string;
  /** Path of multipass; null: not found. */
  readonly multipass: string | null;
  readonly user?: string;
  /** Variables that hold secrets. */
  readonly secrets: readonly string[];
}

export function describeService(parts: DescribeParts): HubService {
  const { settings, env, node, program, cwd, multipass, user, secrets } = parts;
  const passed = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      Boolean(entry[1]) &&
      !secrets.includes(entry[0]) &&
      ((entry[0].startsWith("VM_AGENT_") && !NOT_PASSED.test(entry[0])) || ALSO.includes(entry[0])),
  );
  const path = [dirname(node), ...(multipass === null ? [] : [dirname(multipass)]), ...USUAL];
  const service: HubService = {
    node,
    program,
    fleet: settings.fleet,
    home: settings.home,
    folder: dirname(settings.fleet),
    env: {
      ...Object.fromEntries(passed),
      PATH: [...new Set(path)].join(delimiter),
      ...(settings.driver !== null && { VM_AGENT_DRIVER: settings.driver }),
      ...(settings.multipass !== null && { VM_AGENT_MULTIPASS: resolve(cwd, settings.multipass) }),
      ...(settings.tls && { VM_AGENT_TLS_CERT: settings.tls.cert, VM_AGENT_TLS_KEY: settings.tls.key }),
    },
    ...(user !== undefined && { user }),
  };
  for (const text of [node, program, service.fleet, service.home, ...Object.values(service.env)]) {
    if (/[\0-\x1f\x7f]/.test(text))
      throw new VmAgentError({
        code: "service-impossible",
        message: `${JSON.stringify(text)} holds a control character, which no service file can`,
        next: "rename that folder, or unset that variable",
      });
  }
  return service;
}
