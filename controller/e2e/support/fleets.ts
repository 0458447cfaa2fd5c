/** Fleets for tests: three agents as in the example fleet, small and quick. */

export const BUILDER = `kind: Agent
name: agent-builder
type: builder
capabilities: [build]
cpu: 1
memory: 512M
disk: 2G
`;

export const RESEARCHER = `kind: Agent
name: agent-researcher
type: researcher
profile: small
`;

export const TESTER = `kind: Agent
name: agent-tester
type: tester
profile: small
dependsOn: [agent-builder]
`;

export const PROFILE = `kind: Profile
name: small
cpu: 1
memory: 256M
disk: 1G
`;

export const settings = (extra = ""): string => `kind: Fleet
parallelism: 2
interval: 2s
${extra}`;

export const THREE: Readonly<Record<string, string>> = {
  "agents/builder.yaml": BUILDER,
  "agents/researcher.yaml": RESEARCHER,
  "agents/tester.yaml": TESTER,
  "profiles.yaml": PROFILE,
  "fleet.yaml": settings(),
};

export const NAMES = ["agent-builder", "agent-researcher", "agent-tester"] as const;
