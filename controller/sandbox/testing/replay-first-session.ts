// For the replay test: the recorded session from the first launch to the purge of the clones, in its order.
import { inGuest, LISTING_DIFFERS, prepare, replay, replayAll, type Scenario } from "./replay-steps.ts";

const INSIDE_MOUNT = { cwd: "home/user/t/d1/sub" } as const;

export const FIRST_SESSION: Scenario = {
  name: "first session",
  steps: [
    ...replayAll(`010_get_client.primary-name 010_get_keys 010_get_local.bridged-network 010_get_local.driver 010_get_local.image.mirror
      010_get_local.passphrase 010_get_local.privileged-mounts 010_get_noinst 010_get_unknown 010_get_unknown_local
      010_info_all_empty_json 010_info_empty_json 010_list_empty_json 010_list_empty_table 010_list_snapshots_empty_json
      010_networks_json 010_set_noinst 010_version_json 010_version_table 020_launch_t1 031_list_after_errors
      042_list_starting2`),
    ...inGuest("050_exec_id 050_exec_node 050_exec_pwd 050_exec_quoting 050_exec_rc7 050_exec_workdir"),
    ...replayAll(
      `050_exec_missing_inst 050_exec_missing_inst_n 050_exec_nocmd 050_exec_notfound 050_exec_opt_without_dashes`,
    ),
    replay("050_exec_stdin", { run: { stdin: "stdin text\n" } }),
    replay("050_exec_workdir_missing"),
    ...replayAll(`050_info_missing 050_info_snap_missing 050_running_get_bridged 050_running_get_cpus 050_running_get_disk
      050_running_get_memory 050_running_info_json 050_running_info_noruntime 050_running_info_table 050_running_list_json
      050_running_list_noipv4 050_running_list_table 050_running_recover 050_running_restore 050_running_snapshot
      050_running_start`),
    prepare("transfer - t1:/tmp/from-stdin", { run: { stdin: "file content\n" } }),
    ...replayAll(`051_transfer_to 051_transfer_dir_norec 051_transfer_dir_rec 051_transfer_from 051_transfer_inst_inst
      051_transfer_inst_missing 051_transfer_missing_remote 051_transfer_missing_src 051_transfer_none
      051_transfer_noparents 051_transfer_parents 051_transfer_perm 051_transfer_stdout`),
    replay("051_transfer_check", { stdoutDiffers: LISTING_DIFFERS, guest: true }),
    ...replayAll(`052_mount_bad_target 052_mount_badmap 052_mount_info 052_mount_inst_missing 052_mount_native_running
      052_mount_src_missing 052_umount_all 052_umount_inst_missing 052_umount_notmounted 052_umount_path`),
    replay("052_mount_ls", { stdoutDiffers: LISTING_DIFFERS }),
    ...replayAll("053_mount 053_mount_again 053_mount_default_target 053_mount_map 053_mount_info"),
    replay("053_mount_info_table", { stdoutDiffers: "mounts have no order" }),
    replay("053_mount_ls", { stdoutDiffers: LISTING_DIFFERS, guest: true }),
    replay("053_umount_path"),
    prepare("umount t1:/home/ubuntu/d1"),
    replay("053_exec_in_mapped_dir", { run: INSIDE_MOUNT, guest: true }),
    replay("053_exec_in_mapped_dir_n", { run: INSIDE_MOUNT, guest: true }),
    ...replayAll(
      `053_umount_all 053_info_after 070_launch_noble_t2 071_info_t2 071_list_two 071_list_two_table`,
    ),
    replay("072_stop_t1", { aside: true }),
    ...replayAll("072_version_while_stopping"),
    replay("072_list_while_stopping", { when: (world) => world.record("t1").power === "off" }),
    ...replayAll(`073_stopped_list 073_stop_again 073_suspend_stopped 073_restart_stopped 073_set_bad_prop 073_set_cpus_bad
      073_set_cpus_ok 073_set_cpus_zero 073_set_disk_grow 073_set_disk_shrink 073_set_driver_bad 073_set_mem_bad
      073_set_mem_low 073_set_mem_ok 073_set_mem_zero 073_set_noargs 073_set_noval 073_set_two_eq 073_get_cpus 073_get_disk
      073_get_mem 073_set_mem_back`),
  ],
};

export const SNAPSHOTS_AND_CLONES: Scenario = {
  name: "snapshots and clones",
  steps: [
    prepare("launch file:///srv/images/debian-12.img --name t1 --memory 512M --disk 3.5G"),
    prepare("stop t1"),
    prepare("launch noble --name t2 --memory 512M --disk 3G"),
    ...replayAll(`080_snapshot_default 080_snapshot_named 080_snapshot_bad_name 080_snapshot_missing_inst 080_snapshot_two
      081_get_comment 081_get_snap_missing 081_info_snap_json 081_info_snap_table 081_info_snapshots_json 081_info_t1_json
      081_info_t1_snapshots_json 081_keys 081_list_snapshots_json 081_list_snapshots_table 081_rename_snap
      081_rename_snap_bad 081_rename_snap_taken`),
    { args: ["set", "local.t1.base.comment=new text"] },
    ...replayAll(`082_list_snapshots_after 082_restore_badform 082_restore_destructive 082_restore_missing
      082_restore_missing_inst 082_restore_nondestructive 082_snapshot_after_restore 083_delete_snap_missing
      083_delete_snap_nopurge 083_delete_snap_purge 083_list_snapshots_after 083_delete_snap_multi 083_list_snapshots_end
      090_clone_default 090_clone_named 090_clone_badname 090_clone_dup 090_clone_info 090_clone_missing 090_clone_noargs
      090_list_after_clone 091_delete_clone 091_delete_again 091_clone_deleted 091_clone_to_deleted_name
      091_exec_deleted 091_info_deleted 091_list_deleted 091_list_deleted_table 091_set_deleted 091_snapshot_deleted
      091_start_deleted 091_stop_deleted 091_recover 091_recover_missing 091_list_recovered 091_delete_purge
      091_clone_after_purge 092_list_end 092_delete_all_and_name 092_delete_missing 092_delete_missing_and_real 092_delete_noargs
      092_purge 092_shell_missing 092_start_missing_and_real 092_stop_force_and_time 092_stop_missing 092_stop_time_bad
      092_suspend_missing`),
  ],
};
