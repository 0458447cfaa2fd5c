/** What is done for an agent now, and what will be, in words. Pure. */
import { ahead } from "./format.ts";
import type { NextView, WorkView } from "./types.ts";

/** `launch: 40 %`. */
export const workWords = ({ action, step, progress, detail }: WorkView): string =>
  [step ?? action, progress || detail].filter(Boolean).join(": ");

export const nextWords = ({ what, why, at, held }: NextView, now: number): string =>
  `${what}${held ? " is for a person to decide" : ` ${ahead(at, now)}`}: ${why}`;
