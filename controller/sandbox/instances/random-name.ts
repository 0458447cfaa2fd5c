// A name for who gives none: an adjective and an animal.
import { randomInt } from "node:crypto";
import { findInstance } from "./instances.ts";

const ADJECTIVES =
  "able brave calm dapper eager fluent gentle humble jovial keen lively mellow nimble polite quick sturdy tidy upbeat vivid witty".split(
    " ",
  );
const ANIMALS =
  "badger crane dingo egret ferret gecko heron ibis jackal kiwi lemur marmot newt otter puffin quail raven stoat tapir wombat".split(
    " ",
  );

export function randomName(): string {
  for (let attempt = 0; ; attempt += 1) {
    const name = `${pick(ADJECTIVES)}-${pick(ANIMALS)}${attempt > 20 ? `-${randomInt(1000)}` : ""}`;
    if (!findInstance(name)) return name;
  }
}

const pick = (words: readonly string[]): string => words[randomInt(words.length)] ?? "plain";
