/** Modules for `node --import` by which vm-agent ends at a chosen point of a launch: as URLs, for NODE_OPTIONS. */

/** A module that kills vm-agent after so many bytes of a launch's input. */
export function killedInLaunch(bytes: number): string {
  const text = `
    import childProcess from "node:child_process";
    import { syncBuiltinESMExports } from "node:module";
    const { spawn } = childProcess;
    const kill = () => process.kill(process.pid, "SIGKILL");
    if (process.argv[1]?.endsWith("vm-agent.cjs")) {
      childProcess.spawn = (file, args, options) => {
        const child = spawn(file, args, options);
        if (args.includes("launch") && child.stdin)
          child.stdin.end = (data) => (${bytes} === 0 ? kill() : child.stdin.write(data.slice(0, ${bytes}), kill));
        return child;
      };
      syncBuiltinESMExports();
    }`;
  return `data:text/javascript,${encodeURIComponent(text)}`;
}

/** A module by which vm-agent launches without the user data, and kills itself once that was begun. */
export function launchingNothing(): string {
  const text = `
    import childProcess from "node:child_process";
    import { syncBuiltinESMExports } from "node:module";
    const { spawn } = childProcess;
    if (process.argv[1]?.endsWith("vm-agent.cjs")) {
      childProcess.spawn = (file, args, options) => {
        if (!args.includes("launch")) return spawn(file, args, options);
        const words = args.slice(args.findIndex((word) => /main.m?js$/.test(word)) - 1);
        const child = spawn(words[0], words.slice(1), { ...options, stdio: "ignore" });
        child.once("close", () => process.kill(process.pid, "SIGKILL"));
        return child;
      };
      syncBuiltinESMExports();
    }`;
  return `data:text/javascript,${encodeURIComponent(text)}`;
}
