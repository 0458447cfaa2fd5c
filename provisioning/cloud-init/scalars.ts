/**
 * Scalars that survive Multipass's YAML writer. It parses user data and writes it again (yaml-cpp), and drops the quotes of
 * every text that is a valid plain scalar: cloud-init's reader (YAML 1.1) then takes `"true"` for a boolean.
 */
import { Document, isScalar, parseDocument, visit } from "yaml";

const WORDS = /^(?:~|null|true|false|yes|no|on|off|y|n|=|<<)?$/i;
/** Numbers, sexagesimal numbers and dates begin so, and none of them is longer. */
const NUMERIC = /^[-+]?\.?[\da-z][\w.:+\- \t]{0,63}$/i;

/** Whether a text without its quotes is read as something else: boolean, number, date, null. */
export function losesType(text: string): boolean {
  if (WORDS.test(text)) return true;
  if (!/^[-+.\d]/.test(text) || !NUMERIC.test(text)) return false;
  const { contents } = parseDocument(text, { version: "1.1", logLevel: "silent" });
  return isScalar(contents) && typeof contents.value !== "string";
}

/** Permissions: cloud-init takes the same mode from the text and from the octal number. */
const OCTAL = /^0[0-7]{3,4}$/;

/** An explicit tag survives the writer where quotes do not. */
export function cloudConfigText(config: Readonly<Record<string, unknown>>): string {
  const document = new Document(config, { version: "1.1", aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_key, node) {
      const { value } = node;
      if (typeof value === "string" && !OCTAL.test(value) && losesType(value))
        node.tag = "tag:yaml.org,2002:str";
    },
  });
  return `#cloud-config\n${document.toString({ lineWidth: 0 })}`;
}
