import assert from "node:assert/strict";
import { test } from "node:test";
import { execWords } from "./exec-words.ts";

const VALUES = new Set(["--timeout", "--fleet", "--home", "--driver"]);
const of = (line: string) => execWords(line.split(" "), (flag) => VALUES.has(flag)).join(" ");

test("each form of the line: options of vm-agent before the name, and the command after --", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["a -- ls -la", "a -- ls -la"],
    ["a ls -la", "a -- ls -la"],
    ["--sudo a -- ls", "--sudo a -- ls"],
    ["a --sudo -- ls --sudo", "--sudo a -- ls --sudo"],
    ["a --direct -- ls", "--direct a -- ls"],
    ["a --direct ls -la", "--direct a -- ls -la"],
    ["a --timeout 5s --json ls", "--timeout 5s --json a -- ls"],
    ["--fleet f a --timeout=5s -- ls", "--fleet f --timeout=5s a -- ls"],
    // The first generation's form: a line as one word, then its two options.
    ["a ls --sudo", "--sudo a -- ls"],
    ["a ls --sudo --timeout 3000", "--sudo --timeout 3000 a -- ls"],
    ["a ls --timeout=3000", "--timeout=3000 a -- ls"],
    ["--sudo a ls --timeout 3000", "--sudo --timeout 3000 a -- ls"],
    // Anything else after the command is the command's.
    ["a ls --json", "a -- ls --json"],
    ["a ls --sudo x", "a -- ls --sudo x"],
    ["a ls -l --sudo", "a -- ls -l --sudo"],
    ["a ls --timeout", "a -- ls --timeout"],
    ["a -- ls --sudo", "a -- ls --sudo"],
    ["a -- -- ls", "a -- -- ls"],
    ["a ls -- x", "a -- ls -- x"],
    ["-- a ls --sudo", "a -- ls --sudo"],
    ["a", "a --"],
    ["--sudo", "--sudo"],
    ["a -", "a -- -"],
  ];
  for (const [line, expected] of rows) assert.equal(of(line), expected, line);
});
