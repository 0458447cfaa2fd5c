/** The document that create writes: what was asked for, in a form that says the same when it is read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { createdYaml } from "./create-yaml.ts";

test("with nothing but a name it has the default size; with a profile, the profile's", () => {
  assert.equal(createdYaml({ name: "a" }, null), "kind: Agent\nname: a\ncpu: 2\nmemory: 4G\ndisk: 20G\n");
  assert.equal(
    createdYaml({ name: "a", profile: "small", disk: "5G" }, "# yaml-language-server: $schema=x"),
    "# yaml-language-server: $schema=x\nkind: Agent\nname: a\nprofile: small\ndisk: 5G\n",
  );
});

test("whatever is typed is one text in the document, and nothing of YAML's", () => {
  const odd = "yes: [#";
  const text = createdYaml(
    {
      name: odd,
      type: odd,
      capabilities: "a b, ,24.04,on",
      image: "24.04",
      cpu: "2: 3",
      memory: "a\nb",
      label: ["k=v=w", "n=1"],
    },
    null,
  );
  assert.deepEqual(parse(text), {
    kind: "Agent",
    name: odd,
    type: odd,
    capabilities: ["a b", "24.04", "on"],
    labels: { k: "v=w", n: "1" },
    image: "24.04",
    cpu: "2: 3",
    memory: "a\nb",
    disk: "20G",
  });
});
