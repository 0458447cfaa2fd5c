/** Reads a JSON body, bounded in size; its duration is bounded by the server's request timeout. */
import type { IncomingMessage } from "node:http";
import { BODY_JSON, countJson } from "../base/bounded-json.ts";
import { refusal } from "./problem.ts";

/** An absent body is `{}`. Errors: `body-too-large`, `body-not-json`. */
export async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > maxBytes) throw tooLarge(maxBytes);
  const text = await readText(request, maxBytes);
  if (text.trim() === "") return {};
  const counted = countJson(text, BODY_JSON);
  if (!counted.ok)
    throw refusal(
      "body-not-json",
      `the body is refused: ${counted.reason}`,
      "send a flatter, smaller object",
    );
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const why = error instanceof Error ? error.message : "";
    throw refusal("body-not-json", `the body is not JSON: ${why.slice(0, 200)}`, "send a JSON object");
  }
}

/** The body as an object. */
export async function readObject(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Readonly<Record<string, unknown>>> {
  const value = await readJson(request, maxBytes);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refusal("body-not-json", "the body is not a JSON object", "send a JSON object");
  }
  return value as Readonly<Record<string, unknown>>;
}

function readText(request: IncomingMessage, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    request.on("data", (part: Buffer) => {
      size += part.length;
      if (size <= maxBytes) parts.push(part);
      else {
        // The rest is read and discarded, so that the answer arrives.
        parts.length = 0;
        reject(tooLarge(maxBytes));
      }
    });
    request.on("end", () => {
      resolve(parts.length === 1 && parts[0] ? parts[0].toString() : Buffer.concat(parts).toString());
    });
    request.on("error", reject);
    request.on("close", () => {
      // Creating an error costs 5 µs (its stack): not for complete requests.
      if (!request.complete)
        reject(refusal("body-too-slow", "the body did not arrive whole", "send it again"));
    });
  });
}

function tooLarge(maxBytes: number) {
  return refusal("body-too-large", `the body has more than ${maxBytes} bytes`, "send less at once");
}
