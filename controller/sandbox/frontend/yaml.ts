// The YAML reader, loaded by the few commands that read user data. A bundle gives a CommonJS package's names only to a static import.
export { LineCounter, parseDocument } from "yaml";
