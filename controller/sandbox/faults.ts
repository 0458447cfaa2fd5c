// Scripted faults: which rule, if any, a call meets. The same seed and calls give the same faults, whatever the calls' interleaving.
import { createHash } from "node:crypto";
import type { CallFault } from "./call.ts";
import { readJson, readText, writeJson } from "./files.ts";
import { acquire } from "./lock.ts";
import { inState } from "./paths.ts";

/** Path of the script: JSON, read at each call. */
export const FAULTS_VARIABLE = "VM_AGENT_SANDBOX_FAULTS";

export const FAULT_KINDS = [
  "boot-crash",
  "cloud-init-error",
  "daemon-down",
  "disk-full",
  "exit4",
  "fail",
  "fail-after",
  "hang",
  "hang-after",
  "image-locked",
  "kill-daemon",
  "lost-address",
  "no-network",
  "no-node",
  "no-root-certificate",
  "noise",
  "offline",
  "service-fails",
  "slow",
  "slow-boot",
  "slow-image",
  "timeout-leaves-instance",
  "truncate-json",
  "unknown-state",
  "wedge",
] as const;

/** Those of the guest, which the instance keeps from the launch or start that met them. */
export const GUEST_FAULTS = ["cloud-init-error", "no-network", "no-node", "service-fails"] as const;
export type GuestFault = (typeof GUEST_FAULTS)[number];

export type FaultKind = (typeof FAULT_KINDS)[number];

export interface FaultRule {
  /** A command's canonical name, or a pattern with `*`. */
  readonly command: string;
  /**
   * A pattern that one of the call's instance names must match; without it every call does. A call that names none (`list`) is met only by
   * faults that can be confined to rows: `lost-address` and `unknown-state` then change the rows that match.
   */
  readonly name?: string;
  /** How often at most. */
  readonly times?: number;
  /** 0 to 1; without it always. */
  readonly probability?: number;
  /** So many matching calls go well first. */
  readonly after?: number;
  readonly fault: FaultKind;
  readonly ms?: number;
  readonly message?: string;
}

export interface FaultScript {
  readonly seed?: number;
  readonly rules: readonly FaultRule[];
}

/** What has been used up, kept for as long as the script's text stays the same. */
interface Used {
  readonly script: string;
  /** By rule: how often it struck. */
  readonly struck: Readonly<Record<string, number>>;
  /** By rule and name: how often it was asked. */
  readonly asked: Readonly<Record<string, number>>;
}

/** The first rule that strikes; the ones before it have been asked, the ones after have not. */
export async function chooseFault(command: string, names: readonly string[]): Promise<CallFault | undefined> {
  const text = readText(process.env[FAULTS_VARIABLE] ?? "");
  if (text === undefined) return undefined;
  const script = JSON.parse(text) as FaultScript;
  const release = await acquire(inState("fault-lock"));
  try {
    const file = inState("faults.json");
    const version = createHash("sha256").update(text).digest("hex");
    const kept = readJson<Used>(file);
    const before: Used = kept?.script === version ? kept : { script: version, struck: {}, asked: {} };
    const struck = { ...before.struck };
    const asked = { ...before.asked };
    const index = script.rules.findIndex((rule, at) => {
      if (!matches(rule, command, names) || (rule.times !== undefined && (struck[at] ?? 0) >= rule.times))
        return false;
      const key = `${at} ${names.join(" ")}`;
      const count = (asked[key] ?? 0) + 1;
      asked[key] = count;
      if (count <= (rule.after ?? 0)) return false;
      return (
        rule.probability === undefined ||
        draw(script.seed ?? 0, `${key} ${command} ${count}`) < rule.probability
      );
    });
    const rule = script.rules[index];
    if (rule) struck[index] = (struck[index] ?? 0) + 1;
    writeJson(file, { script: version, struck, asked });
    return (
      rule && { fault: checked(rule.fault), ms: rule.ms ?? 0, message: rule.message, name: rule.name ?? "*" }
    );
  } finally {
    release();
  }
}

function matches(rule: FaultRule, command: string, names: readonly string[]): boolean {
  if (!like(rule.command, command)) return false;
  const { name } = rule;
  if (names.length === 0 && (rule.fault === "lost-address" || rule.fault === "unknown-state")) return true;
  return name === undefined || names.some((it) => like(name, it));
}

/** Whether a text is as a pattern with `*` says. */
export function like(pattern: string, text: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(text);
}

/** A number from 0 to 1 that depends on nothing but its arguments. */
function draw(seed: number, what: string): number {
  return createHash("sha256").update(`${seed} ${what}`).digest().readUInt32BE(0) / 2 ** 32;
}

function checked(kind: string): FaultKind {
  if (FAULT_KINDS.includes(kind as FaultKind)) return kind as FaultKind;
  throw new Error(`no such fault: ${kind} (there are: ${FAULT_KINDS.join(", ")})`);
}
