// For the replay test: suspending, delaying, restarting, and an instance that starts too slowly for its client.
import { hold, inPhase, prepare, replay, replayAll, type Scenario } from "./replay-steps.ts";

const IMAGE = "file:///srv/images/debian-12.img";

/** `t1` and `c1` stopped, `t2` running with a mount. */
const WORLD = [
  prepare(`launch ${IMAGE} -n t1 -m 512M -d 3G`),
  prepare("launch noble -n t2 -m 512M -d 3G --mount /home/user/t/d1:/mnt/d1"),
  prepare("stop t1"),
  prepare("clone t1 -n c1"),
];

export const SUSPENDED_AND_DELAYED: Scenario = {
  name: "suspended and delayed",
  steps: [
    ...WORLD,
    ...replayAll(`100_suspend 100_suspend_again 100_suspended_info 100_suspended_list 100_clone_suspended 100_restart_suspended
      100_snapshot_suspended 100_stop_suspended 100_transfer_suspended 100_start_resume`),
    replay("100_resumed_exec", { guest: true }),
    ...replayAll(`101_stop_delayed 101_delayed_list 101_delayed_info 101_delayed_snapshot 101_stop_cancel 101_cancelled_list
      101_stop_cancel_none`),
    prepare("stop t2 --time 1"),
    ...replayAll(
      `101_exec_in_last_minute 101_start_cancels_delay 101_list_after_start 102_restart 102_after_restart_list`,
    ),
    replay("102_after_restart_exec", { guest: true }),
    ...replayAll("103_stop_force 103_list_forced"),
    replay("106_exec_stopped_autostart", { guest: true }),
    ...replayAll("107_restart 108_delete_running 108_list_after_delete 108_recover 108_delete_purge"),
  ],
};

export const TOO_SLOW: Scenario = {
  name: "too slow",
  steps: [
    ...WORLD,
    prepare("stop t2"),
    hold("starting"),
    prepare("start t2", { aside: true }),
    replay("104_stop_while_starting", { when: inPhase("t2", "starting") }),
    ...replayAll("104_suspend_while_starting 104_snapshot_while_starting"),
    prepare("stop t2 --force"),
    // The client waits for 3 s in the recording; a little more gives the second one time to come on a busy machine.
    replay("104_start_timeout_client", { args: ["start", "t2", "--timeout", "5"], aside: true }),
    replay("104_exec_nostart_while_starting", { when: inPhase("t2", "starting") }),
    replay("104_list_mid", { when: inPhase("t2", "given up") }),
    replay("104_restart_while_starting"),
    replay("104_delete_while_starting", { run: { killAfter: 800 }, args: ["delete", "t2"] }),
    ...replayAll(
      "104_list_after_delete 105_unknown_exec 105_unknown_info 105_unknown_list 105_unknown_start",
    ),
    replay("105_unknown_stop_force"),
  ],
};

/** Launches met on their way. */
export const LAUNCHING: Scenario = {
  name: "launching",
  steps: [
    hold("preparing"),
    prepare(`launch ${IMAGE} -n t1 -m 512M -d 3G`, { aside: true }),
    replay("021_launch_same_name_during", { when: inPhase("t1", "preparing") }),
    replay("021_list_during_prepare"),
    hold("starting"),
    replay("040_restart_after_crash_list", { when: inPhase("t1", "starting") }),
    ...replayAll("042_list_starting 060_after_graceful_restart_list 060_after_graceful_restart_list2"),
    hold("unknown"),
    replay("021_list_during_launch", { when: inPhase("t1", "unknown") }),
    replay("021_info_during_launch"),
    hold(),
  ],
};

export const LAUNCHING_TWO: Scenario = {
  name: "launching two",
  steps: [
    prepare(`launch ${IMAGE} -n t1 -m 512M -d 3G`),
    prepare("stop t1"),
    prepare("clone t1 -n c1"),
    hold("starting"),
    replay("110_launch_stdin_ci", { aside: true, run: { stdinFile: "home/user/ci.yaml" } }),
    replay("110_launch_noname", { aside: true }),
    replay("110_list_two_preparing", { when: (world) => world.instancesIn("starting") === 2 }),
    ...replayAll("110_delete_preparing 110_get_preparing 110_info_preparing 112_list_after_daemon_restart"),
    hold(),
    replay("110_p1_marker", {
      when: (world) => world.guestFile("p1", "var/lib/cloud/instances/p1/boot-finished") !== undefined,
      guest: true,
    }),
  ],
};
