// For the replay test: dead images, lost clients, parallel calls, terminals, and the rest of the recorded session.
import { hold, inPhase, prepare, replay, replayAll, type Scenario } from "./replay-steps.ts";

const IMAGE = "file:///srv/images/debian-12.img";
const NEVER = [{ command: "launch", fault: "timeout-leaves-instance" }] as const;

export const TIMEOUTS: Scenario = {
  name: "timeouts",
  steps: [
    prepare(`launch ${IMAGE} -n t1 -m 512M -d 3G --cloud-init /home/user/ci.yaml`),
    prepare("stop t1"),
    prepare("clone t1 -n c1"),
    prepare("launch noble -n p1 --cloud-init /home/user/ci.yaml"),
    replay("120_launch_dead_default_timeout", { faults: NEVER }),
    replay("121_start_all_p1"),
    // The client waits for 12 s in the recording.
    hold("unknown"),
    replay("122_launch_client_timeout", {
      args: "launch noble --name lt -m 384M -d 2G --timeout 2".split(" "),
    }),
    replay("122_list_after", { when: inPhase("lt", "given up") }),
    hold(),
    replay("122_list_later", { when: inPhase("lt", "up") }),
    ...replayAll(
      "122_exec_later 122_info_after 122_start_later 122_stop_later 122_list_end 122_delete_purge",
    ),
    ...replayAll("123_start_clone 123_info_c1"),
    replay("123_clone_hostname", { guest: true }),
    ...[1, 2, 3, 4, 5, 6, 7, 8].map((number) => replay(`124_parallel_list_${number}`, { aside: true })),
    replay("125_par_stop_c1", { join: true }),
    replay("125_par_list"),
    ...replayAll("125_par_stop_p1 125_list_after"),
    hold("unknown"),
    prepare("launch noble -n kl", { killWhen: inPhase("kl", "unknown") }),
    replay("130_list_after_client_killed"),
    ...replayAll("130_delete_purge_while_starting 130_list_after_purge"),
  ],
};

export const MOUNTS_AND_STATES: Scenario = {
  name: "mounts and states",
  steps: [
    prepare(`launch ${IMAGE} -n t1 -m 512M -d 3G`),
    prepare("transfer t/f1 t1:"),
    prepare("mount /home/user/t/d1 t1"),
    prepare("umount t1"),
    prepare("stop t1"),
    prepare("set local.t1.disk=3.5G"),
    prepare("snapshot t1 -n s1"),
    ...replayAll(`131_classic_mount_stopped 131_native_mount_stopped 131_info_stopped_mounts 131_snapshot_with_mounts
      131_info_snap_mounts 131_umount_all 131_restore_brings_mounts 131_info_after_restore`),
    prepare("snapshot t1 -n x3"),
    prepare("snapshot t1 -n x4"),
    prepare("snapshot t1 -n x5"),
    prepare("delete --purge t1.x3 t1.x4 t1.x5"),
    prepare("clone t1 -n c1"),
    prepare("launch noble -n p1"),
    prepare("stop p1"),
    prepare("launch file:///home/user/empty.img -n dead", { faults: NEVER }),
    ...replayAll("139_native_mount_qemu_refuses_stop 140_restore 140_start_t1 140_write 140_stop"),
    replay("139_native_mount_qemu_refuses_restore"),
    replay("139_native_mount_qemu_refuses_start_again"),
    ...replayAll("139_native_mount_qemu_refuses_check 140_check 142_list_one_running", { guest: true }),
    prepare("stop t1"),
    replay("140_start_again"),
    replay("141_exec_bash_stdin", { run: { stdin: "echo from-shell; exit 3\n" } }),
    replay("141_exec_big_output"),
    replay("141_shell_nontty"),
    replay("141_shell_stdin", { run: { stdin: "echo from-shell; exit 3\n" } }),
    replay("143_stop_running_t1"),
    prepare("delete --purge t1.withmounts"),
    prepare("start t1"),
    replay("142_info_one_running"),
    prepare("stop t1"),
    replay("144_launch_users_failing_runcmd"),
    replay("144_cloudinit_wait", { guest: true }),
    replay("144_users_check", { guest: true, stdoutDiffers: "users other than ubuntu are not made" }),
    ...replayAll("145_list_dead 145_delete_purge_multi 145_list_end"),
    ...replayAll(`150_timing_launch 150_timing_list 150_timing_info 150_timing_exec 150_timing_transfer 150_timing_stop
      150_timing_snapshot 150_timing_restore 150_timing_clone 150_timing_start 150_timing_delete_purge`),
  ],
};
