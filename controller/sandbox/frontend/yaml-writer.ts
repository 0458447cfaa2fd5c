// What Multipass's YAML writer (yaml-cpp) does to user data: it drops the quotes of every text that is a valid plain scalar.
import { type Document, isScalar, parseDocument, Scalar, visit } from "yaml";

/** Afterwards the document has the values that cloud-init reads: `"true"` has become a boolean. */
export function dropQuotes(document: Document): void {
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === "string" && node.type !== Scalar.PLAIN && node.tag === undefined)
        node.value = withoutQuotes(node.value);
    },
  });
}

/** These words keep their quotes, as does all that is no plain scalar: with line breaks, `: `, ` #`, spaces at its ends. */
const KEPT = new Set(["", "~", "null", "Null", "NULL"]);

function withoutQuotes(text: string): unknown {
  if (KEPT.has(text) || /[\n\r]/.test(text)) return text;
  const { contents, errors } = parseDocument(text, { version: "1.1", logLevel: "silent" });
  const isPlain = isScalar(contents) && contents.type === Scalar.PLAIN && contents.source === text;
  return isPlain && errors.length === 0 ? contents.value : text;
}
