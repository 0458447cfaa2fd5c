// The options of `launch`, in the original's words.
import type { Option } from "../frontend/command.ts";

const SIZE = "Positive integers, in bytes, or decimals, with K, M, G suffix.";

const NAME = `Name for the instance. If it is 'primary' (the configured primary instance name), the user's home directory is mounted inside \
the newly launched instance, in 'Home'.
Valid names must consist of letters, numbers, or hyphens, must start with a letter, and must end with an alphanumeric character.`;

const NETWORK = `Add a network interface to the instance, where <spec> is in the "key=value,key=value" format, with the following keys available:
 name: the network to connect to (required), use the networks command for a list of possible values, or use 'bridged' to use the \
interface configured via \`multipass set local.bridged-network\`.
 mode: auto|manual (default: auto)
 mac: hardware address (default: random).
You can also use a shortcut of "<name>" to mean "name=<name>".`;

const MOUNT = `Mount a local directory inside the instance. If <target> is omitted, the mount point will be under \
/home/ubuntu/<source-dir>, where <source-dir> is the name of the <source> directory.`;

const TIMEOUT = `Maximum time, in seconds, to wait for the command to complete. Note that some background operations may continue beyond \
that. By default, instance startup and initialization is limited to 5 minutes each.`;

export const LAUNCH_OPTIONS: readonly Option[] = [
  { long: "cpus", short: "c", value: "cpus", help: "Number of CPUs to allocate.\nMinimum: 1, default: 1." },
  {
    long: "disk",
    short: "d",
    value: "disk",
    help: `Disk space to allocate. ${SIZE}\nMinimum: 512M, default: 5G.`,
  },
  {
    long: "memory",
    short: "m",
    value: "memory",
    help: `Amount of memory to allocate. ${SIZE}\nMinimum: 128M, default: 1G.`,
  },
  { long: "mem", value: "memory", hidden: true },
  { long: "name", short: "n", value: "name", help: NAME },
  {
    long: "cloud-init",
    value: "file> | <url",
    help: "Path or URL to a user-data cloud-init configuration, or '-' for stdin.",
  },
  { long: "network", value: "spec", help: NETWORK },
  { long: "bridged", help: "Adds one `--network bridged` network." },
  { long: "mount", value: "source>:<target", help: MOUNT },
  { long: "timeout", value: "timeout", help: TIMEOUT },
];

export const IMAGE_HELP = `Optional image to launch. If omitted, then the default Ubuntu LTS will be used.
<remote> can be either ‘release’ or ‘daily‘. If <remote> is omitted, ‘release’ will be used.
<image> can be a partial image hash or an Ubuntu release version, codename or alias.
<url> is a custom image URL that is in http://, https://, or file:// format.`;
