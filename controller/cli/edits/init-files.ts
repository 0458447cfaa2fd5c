/** The files of `vm-agent init`: one agent, one snapshot, and the settings, with comments. Pure. */

/** Path below the fleet folder → text. `schemas`: the folder of the schemas there. */
export const firstFleet = (schemas: string): Readonly<Record<string, string>> => ({
  "fleet.yaml": `# yaml-language-server: $schema=${schemas}/fleet.schema.json
#
# Settings of the whole fleet; every field is optional.
kind: Fleet
driver: auto # Multipass where it is installed, else the sandbox: folders and processes of this machine
parallelism: 2 # instances worked on at once
prune: false # true: the loop destroys agents whose documents are gone; false: it holds them for a person
`,
  "agents/agent-hello.yaml": `# yaml-language-server: $schema=../${schemas}/agent.schema.json
#
# One agent: the name is that of its instance. Any number of these, one file each or many.
kind: Agent
name: agent-hello
type: builder # a free word
capabilities: [build] # tasks can be given to whoever has one
cpu: 1 # a change of cpu or memory stops and starts the instance
memory: 1G
disk: 5G # can grow, never shrink
# state: stopped         # running is the default
# profile: small         # fields that several agents share, in a document of kind: Profile
# protect: true          # never destroyed, replaced or restored without naming it
# secrets: {NPM_TOKEN: {fromEnv: NPM_TOKEN}} # for every task; the value is never written down
`,
});
