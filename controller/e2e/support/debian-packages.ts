/** Installs what the tests use of Debian where that is allowed, else says what is left out; run before the tests. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Program to look for, package that has it, what is left out without it. */
const WANTED = [
  ["bwrap", "bubblewrap", "the sandbox isolates nothing, and the tests of its isolation are skipped"],
  ["chromium", "chromium", "the dashboard is not tested in a browser"],
  ["tmux", "tmux", "the terminal dashboard is not tested in a terminal"],
  ["zsh", "zsh", "what Tab completes is not tried in zsh"],
  ["fish", "fish", "what Tab completes is not tried in fish"],
  ["git", "git", "fleets in git repositories are not tested"],
  ["cloud-init", "cloud-init", "user data is not held against cloud-init's own schema"],
] as const;

/** A machine that boots by itself would run it at its next boot. */
const isMachine = existsSync("/run/systemd/system");

const present = (program: string): boolean =>
  (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

const missing = WANTED.filter(([program]) => !present(program));
if (missing.length > 0) {
  const names = missing.map(([, name]) => name).filter((name) => name !== "cloud-init" || !isMachine);
  if (names.length > 0 && process.getuid?.() === 0 && present("apt-get")) {
    console.log(`installing for the tests: ${names.join(", ")}`);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const apt = (...args: readonly string[]) =>
      spawnSync("apt-get", [...args], { env, stdio: ["ignore", "ignore", "inherit"], timeout: 300_000 });
    apt("update", "-qq");
    apt("install", "-y", "-qq", "--no-install-recommends", ...names);
  }
  for (const [program, name, consequence] of missing) {
    if (!present(program))
      console.log(`not installed: ${name}; ${consequence} (as root: apt-get install ${name})`);
  }
}
