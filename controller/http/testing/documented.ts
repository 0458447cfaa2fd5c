/** Holds answers of the API against its own description: status, kind of content, body, and for problems their code. */
import assert from "node:assert/strict";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { describe } from "../openapi.ts";
import type { Operation } from "../operation.ts";
import { OPERATIONS } from "../operations.ts";

export interface Given {
  readonly method: string;
  /** With or without host and query. */
  readonly path: string;
  readonly status: number;
  readonly contentType: string;
  /** Parsed, where it is JSON. */
  readonly body: unknown;
}

interface Described {
  readonly content: Readonly<Record<string, unknown>>;
}

const document = describe() as {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Described>> }>>>
  >;
};
const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false, discriminator: true });
ajv.addSchema({ ...document, $id: "api" });
const compiled = new Map<string, ValidateFunction>();

/** The operation that a request goes to; null: none is described. */
export function operationOf(method: string, path: string): Operation | null {
  const { pathname } = new URL(path, "http://localhost");
  const fits = (operation: Operation) =>
    operation.method === method.toLowerCase() &&
    new RegExp(`^${operation.path.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(pathname);
  // `/agents/register` before `/agents/{id}`, as the longer word.
  return OPERATIONS.filter(fits).sort((a, b) => a.path.indexOf("{") - b.path.indexOf("{"))[0] ?? null;
}

/** Throws where the answer is not as described; returns `operation status [code]`. */
export function assertDocumented({ method, path, status, contentType, body }: Given): string {
  const operation = operationOf(method, path);
  const request = `${method} ${path} → ${status}`;
  assert.ok(operation, `${request}: no such operation is described`);
  const { responses } = document.paths[operation.path]?.[operation.method] ?? { responses: {} };
  const code = status >= 400 ? ` ${(body as { code?: string } | null)?.code ?? "without a code"}` : "";
  const name = responses[String(status)] ? String(status) : status >= 500 ? "default" : null;
  assert.ok(name, `${request}${code}: the status is not described`);
  const kind = contentType.split(";")[0] ?? "";
  const content = responses[name]?.content ?? {};
  assert.ok(kind in content, `${request}: ${kind} is not described, but ${Object.keys(content).join(", ")}`);
  if (kind.includes("json")) {
    const pointer = ["paths", operation.path, operation.method, "responses", name, "content", kind, "schema"];
    const check = validator(pointer);
    const wrong = check(body)
      ? ""
      : (check.errors ?? [])
          .map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`)
          .join("; ");
    assert.equal(wrong, "", `${request}${code}: ${JSON.stringify(body).slice(0, 500)}`);
  }
  return `${operation.id} ${status}${code}`;
}

function validator(pointer: readonly string[]): ValidateFunction {
  const path = pointer.map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1")));
  const reference = `api#/${path.join("/")}`;
  const known = compiled.get(reference) ?? ajv.compile({ $ref: reference });
  compiled.set(reference, known);
  return known;
}

/** `fetch`, with every answer held against the description: for tests of anything that speaks HTTP with the hub. */
export async function documentedFetch(url: URL | string, init: RequestInit = {}): Promise<Response> {
  const answer = await fetch(url, init);
  const contentType = answer.headers.get("content-type") ?? "";
  const text = contentType.startsWith("text/event-stream") ? "" : await answer.clone().text();
  assertDocumented({
    method: init.method ?? "GET",
    path: String(url),
    status: answer.status,
    contentType,
    body: contentType.includes("json") ? (JSON.parse(text) as unknown) : text,
  });
  return answer;
}
