// `authenticate`: every client of the sandbox is trusted already, so only the passphrase is checked.
import { createHash } from "node:crypto";
import type { Command } from "../frontend/command.ts";
import { Exit, Refusal } from "../failure.ts";
import { setting } from "../settings.ts";

export const authenticate: Command = {
  options: [],
  synopsis: "[<passphrase>]",
  summary: "Authenticate client",
  names: () => [],
  async run(call, args) {
    const passphrase = args.positional[0];
    if (passphrase === undefined) throw new Exit(1, "Failed to read value\n");
    if (passphrase === "") throw new Exit(1, "No passphrase given\n");
    await call.request(() => {
      const wanted = setting("local.passphrase");
      if (wanted === "") {
        throw new Refusal(
          "Passphrase is not set. Please `multipass set local.passphrase` with a trusted client.",
        );
      }
      if (createHash("sha256").update(passphrase).digest("hex") !== wanted) {
        throw new Refusal("Passphrase is not correct. Please try again.");
      }
    });
    return 0;
  },
};
