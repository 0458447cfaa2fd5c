// Replays what was recorded with Multipass 1.16.3: same exit codes, same words, same JSON.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FIRST_SESSION, SNAPSHOTS_AND_CLONES } from "./testing/replay-first-session.ts";
import { NO_DAEMON, REFUSALS } from "./testing/replay-refusals.ts";
import {
  LAUNCHING,
  LAUNCHING_TWO,
  SUSPENDED_AND_DELAYED,
  TOO_SLOW,
} from "./testing/replay-second-session.ts";
import { play, prepareWorld, RECORDINGS } from "./testing/replay-run.ts";
import type { Scenario } from "./testing/replay-steps.ts";
import { MOUNTS_AND_STATES, TIMEOUTS } from "./testing/replay-third-session.ts";

const SCENARIOS: readonly Scenario[] = [
  FIRST_SESSION,
  SNAPSHOTS_AND_CLONES,
  MOUNTS_AND_STATES,
  TIMEOUTS,
  SUSPENDED_AND_DELAYED,
  TOO_SLOW,
  LAUNCHING,
  LAUNCHING_TWO,
  NO_DAEMON,
  REFUSALS,
];

/** Recordings that are not replayed, each with its reason. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  "052_mount": "needs a guest without sshfs; the sandbox's mounts always work",
  "052_mount_again": "needs a guest without sshfs; the sandbox's mounts always work",
  "052_mount_default_target": "needs a guest without sshfs; the sandbox's mounts always work",
  "110_parallel_launch": "no command: a note of the recorder",
  "112_other_client_auth": "a second client: the sandbox has no client certificates",
  "112_other_client_list": "a second client: the sandbox has no client certificates",
  "112_other_client_unauth": "a second client: the sandbox has no client certificates",
  "112_other_client_version": "a second client: the sandbox has no client certificates",
  "113_alias": "the sandbox keeps no aliases",
  "113_aliases": "the sandbox keeps no aliases",
  "113_unalias": "the sandbox keeps no aliases",
  "132_list_snaps": "follows the answers given on a terminal",
  "132_tty_delete_no": "typed on a terminal through script(1), which not every machine has",
  "132_tty_list": "typed on a terminal through script(1), which not every machine has",
  "132_tty_restore_no": "typed on a terminal through script(1), which not every machine has",
  "132_tty_restore_yes": "typed on a terminal through script(1), which not every machine has",
  "139_native_mount_qemu_refuses_start_t1": "an option that the recording host's QEMU does not know",
  "139_native_mount_qemu_refuses_write": "an option that the recording host's QEMU does not know",
};

describe("replay", { concurrency: 4 }, () => {
  for (const scenario of SCENARIOS) {
    test(scenario.name, async () => {
      const world = prepareWorld(scenario);
      try {
        assert.deepEqual(await play(world, scenario), []);
      } finally {
        await world.close();
      }
    });
  }
});

test("every recording is replayed or left out for a reason", () => {
  const replayed = SCENARIOS.flatMap(({ steps }) => steps.flatMap(({ recording }) => recording ?? []));
  const counted = [...replayed, ...Object.keys(LEFT_OUT)].sort();
  assert.deepEqual(counted, [...RECORDINGS.keys()].sort());
  const unseen = SCENARIOS.flatMap(({ steps }) => steps).filter(
    ({ stdoutDiffers }) => stdoutDiffers !== undefined,
  ).length;
  console.log(
    `# ${replayed.length} of ${RECORDINGS.size} recordings replayed (${unseen} without their stdout), ${Object.keys(LEFT_OUT).length} left out`,
  );
});
