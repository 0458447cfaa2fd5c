/** For tests: the points of a task's life at which something is killed, and how each is seen from outside. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Frame } from "../../hub/runtimes/frames.ts";

export type Point = { readonly name: string; readonly holds?: boolean } & (
  | { readonly kind: "frame"; readonly edge: "before" | "after"; readonly is: IsFrame }
  | { readonly kind: "disk"; readonly reached: (path: (inGuest: string) => string) => boolean }
  | { readonly kind: "http"; readonly at: "sent" | "answered" }
);
type IsFrame = (from: "runtime" | "hub", frame: Frame) => boolean;

export const VICTIMS = ["hub", "runtime", "both"] as const;
export type Victim = (typeof VICTIMS)[number];

const frame = (name: string, is: IsFrame, holds = false): readonly Point[] =>
  (["before", "after"] as const).map((edge) => ({
    kind: "frame",
    name: `${edge} ${name} is passed on`,
    edge,
    is,
    holds,
  }));

const files = (folder: string): readonly string[] =>
  existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
const text = (file: string): string => (existsSync(file) ? readFileSync(file, "utf8") : "");

/** `holds`: the task must not end before the kill. */
export const POINTS: readonly Point[] = [
  { kind: "http", name: "the request is on its way", at: "sent" },
  { kind: "http", name: "the request is answered", at: "answered" },
  ...frame("the runtime's hello", (from, { type }) => from === "runtime" && type === "hello"),
  ...frame(
    "a new credential",
    (from, { type, payload }) => from === "hub" && type === "hello" && "credential" in payload,
  ),
  {
    kind: "disk",
    name: "the credential is on the guest's disk",
    reached: (path) => existsSync(path("/var/lib/vm-agent/credential")),
  },
  ...frame(
    "the credential's confirmation",
    (_, { type, payload }) => type === "ack" && payload.credential === true,
  ),
  ...frame("a task", (_, { type }) => type === "task"),
  {
    kind: "disk",
    name: "a task is in the journal",
    reached: (path) => files(path("/var/lib/vm-agent/journal")).length > 0,
  },
  ...frame("`accepted`", (_, { type, payload }) => type === "ack" && payload.state === "accepted"),
  ...frame("`running`", (_, { type, payload }) => type === "ack" && payload.state === "running", true),
  {
    kind: "disk",
    name: "a task runs",
    holds: true,
    reached: (path) => text(path("/home/ubuntu/ran")).includes(":begin"),
  },
  ...frame("output", (_, { type }) => type === "output", true),
  {
    kind: "disk",
    name: "a task has ended in the guest",
    reached: (path) => text(path("/home/ubuntu/ran")).includes(":end"),
  },
  {
    kind: "disk",
    name: "a result is spooled",
    reached: (path) => files(path("/var/lib/vm-agent/spool")).length > 0,
  },
  ...frame("a result", (_, { type }) => type === "response"),
  ...frame("`stored`", (_, { type, payload }) => type === "ack" && payload.stored === true),
];
