/** Query parameters: bounded numbers, repeated words. */
import type { Context } from "koa";
import { refusal } from "./problem.ts";

export function text(ctx: Context, name: string): string | undefined {
  const value = ctx.query[name];
  const one = Array.isArray(value) ? value[0] : value;
  return one === "" ? undefined : one;
}

export function many(ctx: Context, name: string): readonly string[] {
  const value = ctx.query[name];
  const list = value === undefined ? [] : Array.isArray(value) ? value : [value];
  return list.flatMap((v) => v.split(",")).filter((v) => v !== "");
}

export function whole(ctx: Context, name: string, fallback: number, min: number, max: number): number {
  const value = text(ctx, name);
  if (value === undefined) return fallback;
  const n = Number(value);
  if (Number.isInteger(n) && n >= min && n <= max) return n;
  throw refusal(
    "query-invalid",
    `${name}=${value} is not allowed`,
    `use a whole number from ${min} to ${max}`,
  );
}

/** Whether a name matches the filter: `task.changed` itself, or `task.*` as a prefix. */
export function named(name: string, asked: string): boolean {
  return asked.endsWith("*") ? name.startsWith(asked.slice(0, -1)) : name === asked;
}
