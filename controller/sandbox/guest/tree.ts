// The folders and files that a guest's `/` begins with.
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { SHIMS } from "./shims.ts";

/** An empty file without execute permission. */
export const NOTHING = "opt/sandbox/nothing";

/** Folders of the host that every guest sees, read-only. */
export const SYSTEM_FOLDERS = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] as const;

const FOLDERS = [
  "dev etc/systemd/system/multi-user.target.wants etc/ssh home/ubuntu/.ssh media mnt opt/sandbox/bin proc root run srv sys tmp",
  "usr/local/bin usr/local/lib usr/local/sbin usr/local/share var/cache var/lib/cloud/data var/lib/cloud/instances var/log var/tmp",
]
  .join(" ")
  .split(" ");

const PASSWD = `root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
ubuntu:x:1000:1000:Ubuntu:/home/ubuntu:/bin/bash
`;
const GROUP = `root:x:0:
daemon:x:1:
adm:x:4:ubuntu
sudo:x:27:ubuntu
nogroup:x:65534:
ubuntu:x:1000:
`;
const NSSWITCH =
  "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n";
const BASHRC = "PS1='\\u@\\h:\\w\\$ '\n";

/** Makes a tree that has not been made yet, for an image by its title ("" for a custom one). */
export function makeTree(root: string, title: string): void {
  for (const folder of FOLDERS) mkdirSync(join(root, folder), { recursive: true });
  for (const folder of ["tmp", "var/tmp"]) chmodSync(join(root, folder), 0o1777);
  chmodSync(join(root, "root"), 0o700);
  chmodSync(join(root, "home/ubuntu/.ssh"), 0o700);
  for (const folder of SYSTEM_FOLDERS) linkLikeHost(root, folder);
  const put = (path: string, text: string): void => writeFileSync(join(root, path), text);
  put(NOTHING, "");
  put("etc/passwd", PASSWD);
  put("etc/group", GROUP);
  put("etc/nsswitch.conf", NSSWITCH);
  put("etc/machine-id", `${randomBytes(16).toString("hex")}\n`);
  put("etc/os-release", osRelease(title));
  put("etc/timezone", `${Intl.DateTimeFormat().resolvedOptions().timeZone || "Etc/UTC"}\n`);
  put("home/ubuntu/.bashrc", BASHRC);
  put("home/ubuntu/.profile", "[ -f ~/.bashrc ] && . ~/.bashrc\n");
  put("home/ubuntu/.bash_logout", "");
  for (const [name, text] of Object.entries(SHIMS)) {
    put(`opt/sandbox/bin/${name}`, text);
    chmodSync(join(root, "opt/sandbox/bin", name), 0o755);
  }
}

/** Where the host has /bin -> usr/bin, so has the guest. */
function linkLikeHost(root: string, folder: string): void {
  const host = `/${folder}`;
  if (!existsSync(host)) return;
  if (lstatSync(host).isSymbolicLink()) symlinkSync(readlinkSync(host), join(root, folder));
  else mkdirSync(join(root, folder), { recursive: true });
}

function osRelease(title: string): string {
  const version = /^[\d.]+/.exec(title)?.[0] ?? "";
  const pretty = title ? `Ubuntu ${title}` : "Linux (custom image)";
  return `PRETTY_NAME="${pretty}"\nNAME="Ubuntu"\nVERSION_ID="${version}"\nID=ubuntu\nID_LIKE=debian\nVARIANT="vm-agent sandbox"\n`;
}

/** Rewritten at every boot: the host name and its address. */
export function nameTree(root: string, name: string): void {
  writeFileSync(join(root, "etc/hostname"), `${name}\n`);
  writeFileSync(
    join(root, "etc/hosts"),
    `127.0.0.1 localhost\n127.0.1.1 ${name}\n::1 localhost ip6-localhost\n`,
  );
}

/** What a first boot under this name makes: new host keys. */
export function makeHostKeys(root: string, name: string): void {
  const key = createHash("sha256").update(randomBytes(32)).digest("base64").replaceAll("=", "");
  const text = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${key} root@${name}\n`;
  writeFileSync(join(root, "etc/ssh/ssh_host_ed25519_key.pub"), text);
}
