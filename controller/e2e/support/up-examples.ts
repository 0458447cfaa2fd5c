/** The examples of `up`, with TLS and on a terminal, and of `dash`, run as printed, each for a fleet of its own. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { settings } from "./fleets.ts";
import { createFixture, until } from "./harness.ts";
import { terminals } from "./pty.ts";
import { shellWords } from "./shell-words.ts";

/** Gives the lines that it ran. */
export async function upExamples(): Promise<readonly string[]> {
  const ran: string[] = [];
  const files = { "fleet.yaml": settings(), "none.yaml": "kind: Profile\nname: none\n" };
  const secured = await createFixture(files);
  const shown = await createFixture(files);
  const shells = terminals(shown);
  try {
    execFileSync(
      "openssl",
      [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
        ...["-subj", "/CN=hub", "-keyout", "hub.key", "-out", "hub.pem"],
      ],
      { cwd: secured.folder, stdio: "ignore" },
    );
    const overTls = async () => {
      const up = secured.spawn(...shellWords("vm-agent up --tls-cert hub.pem --tls-key hub.key"));
      const ended = new Promise((resolve) => up.on("close", resolve));
      await until(
        "it is up",
        () => readFileSync(join(secured.home, "hub.json"), "utf8").includes("https:"),
        60_000,
      );
      up.kill("SIGTERM");
      assert.equal(await ended, 0);
      ran.push("vm-agent up --tls-cert hub.pem --tls-key hub.key");
    };
    const onTerminal = async () => {
      const up = shells.open(...shellWords("vm-agent up"));
      await up.sees(/describe|NAME/);
      const dash = shells.open(...shellWords("vm-agent dash"));
      await dash.sees(/describe|NAME/);
      dash.type("q");
      assert.equal(await dash.ended, 0, dash.shown());
      up.type("\u0003");
      assert.equal(await up.ended, 0, up.shown());
      ran.push("vm-agent up", "vm-agent dash");
    };
    await Promise.all([overTls(), onTerminal()]);
    return ran;
  } finally {
    shells.close();
    await Promise.all([secured.close(), shown.close()]);
  }
}
