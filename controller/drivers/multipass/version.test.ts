/** Versions: those that were recorded, those that may work, those that cannot. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withCode } from "../testing/fake-multipass.ts";
import { refuseTooOld, versionVerdict } from "./version.ts";

test("1.16 was recorded, 1.13 to 1.17 may work, what has no snapshots is refused with a sentence", () => {
  for (const version of ["1.16.3", "1.16.0-rc.2", "1.16.3+mac"])
    assert.equal(versionVerdict(version), "recorded", version);
  for (const version of ["1.13.0", "1.14.1", "1.15.1", "1.17.0-dev.12", "2.0.0", "a custom build"])
    assert.equal(versionVerdict(version), "untried", version);
  for (const version of ["1.12.2", "1.9.0", "0.9", "v1.12.0"]) {
    assert.equal(versionVerdict(version), "too-old", version);
    assert.throws(() => refuseTooOld(version), withCode("driver-too-old"));
  }
  refuseTooOld("1.13.0");
});
