// For the replay test: no daemon, wrong arguments, images, help.
import type { FaultRule } from "../faults.ts";
import { prepare, replay, replayAll, type Scenario } from "./replay-steps.ts";

const DOWN: readonly FaultRule[] = [{ command: "*", fault: "daemon-down" }];
const failing = (command: string, message: string): readonly FaultRule[] => [
  { command, fault: "fail", message },
];
const at = (address: string) => ({ run: { env: { MULTIPASS_SERVER_ADDRESS: address } } });

const badHash = (image: string, digit: string) =>
  `Hash of /home/user/storage/cache/vault/images/${image}/noble.img does not match ${digit.padStart(64, "0")}`;
const OFFLINE =
  "failed to download from 'https://127.0.0.1:18480/releases/streams/v1/index.json': Error opening https://127.0.0.1:18480/releases/streams/v1/index.json";

export const NO_DAEMON: Scenario = {
  name: "no daemon",
  steps: [
    ...replayAll("000_nodaemon_never_list 000_nodaemon_never_version", {
      faults: [{ command: "*", fault: "no-root-certificate" }],
    }),
    ...replayAll(
      `001_daemon_down_alias 001_daemon_down_aliases 001_daemon_down_authenticate 001_daemon_down_clone 001_daemon_down_delete
      001_daemon_down_exec 001_daemon_down_find 001_daemon_down_get 001_daemon_down_get_3805 001_daemon_down_get_6199
      001_daemon_down_info 001_daemon_down_launch 001_daemon_down_list 001_daemon_down_list_9670 001_daemon_down_mount
      001_daemon_down_networks 001_daemon_down_purge 001_daemon_down_recover 001_daemon_down_restart
      001_daemon_down_restore 001_daemon_down_set 001_daemon_down_shell 001_daemon_down_snapshot 001_daemon_down_start
      001_daemon_down_stop 001_daemon_down_suspend 001_daemon_down_transfer 001_daemon_down_umount
      001_daemon_down_version 001_daemon_down_version_3693`,
      { faults: DOWN },
    ),
    replay("002_bad_address", at("foo")),
    replay("002_tcp_refused", at("localhost:1")),
    replay("002_unix_nonexistent", at("unix:/nonexistent/socket")),
    ...replayAll(
      "offline_041_find_json offline_041_find_noble offline_041_find_nosuch offline_041_find_table",
      {
        faults: failing("find", OFFLINE),
      },
    ),
  ],
};

export const REFUSALS: Scenario = {
  name: "refusals",
  steps: [
    // The recording's own argument was changed when its machine's paths were taken out.
    replay("030_launch_bad_file_url", {
      args: "launch file://none.img --name e1".split(" "),
      run: { cwd: "home/user/srv/images" },
    }),
    replay("030_launch_bad_hash", { faults: failing("launch", badHash("jammy-20261110", "1")) }),
    replay("030_launch_unsupported", { faults: failing("launch", badHash("bionic-20230607", "1")) }),
    replay("030_launch_ci_stdin_badyaml", { run: { stdin: "a: [1\n  " } }),
    ...replayAll(`030_launch_bad_name 030_launch_badremote 030_launch_bridged_unset 030_launch_ci_missing
      030_launch_cpus_word 030_launch_disk_below_image 030_launch_mem_decimal_nounit 030_launch_mem_garbage
      030_launch_mem_too_small 030_launch_mount_missing 030_launch_name_dash_end 030_launch_name_dot
      030_launch_net_badmac 030_launch_noimage 030_launch_timeout_word 030_launch_unknown_alias
      041_find_badremote 041_find_daily 041_find_json 041_find_noble 041_find_nosuch 041_find_table 041_find_unsupported
      111_bad_format 111_help 111_help_launch 111_list_arg 111_noargs 111_set_passphrase`),
    prepare("get local.passphrase", { retry: true }),
    ...replayAll(
      "111_start_noargs_primary 111_unknown_cmd 111_wait_ready 112_auth_right 112_auth_wrong 112_get_passphrase_set",
    ),
    replay("151_set_daemon_key"),
  ],
};
