# A stand-in for `multipass` that behaves as its environment says. Run with sh.
[ -n "$FAKE_ARGV" ] && { printf '%s\0' "$@"; printf '\0'; } >>"$FAKE_ARGV"
case "$FAKE_MODE" in
hang)
  # Neither the client nor its child heeds SIGTERM, and both hold the pipes.
  trap '' TERM
  sleep 1000 &
  printf '%s\n' "$$" "$!" >"$FAKE_PIDS"
  while :; do wait; done
  ;;
sleep) exec sleep 1000 ;;
slow) sleep 0.3 ;;
stdin) cat >"$FAKE_STEPS/stdin" ;;
guest)
  while [ "$1" != -- ]; do shift; done
  shift
  printf '%b' "$FAKE_NOISE"
  exec "$@"
  ;;
steps)
  # Answers of this command word, if there are any: lets one test give list and suspend different answers.
  [ -f "$FAKE_STEPS/$1" ] && { cat "$FAKE_STEPS/$1"; exit 0; }
  ;;
esac
printf '%b' "$FAKE_OUT"
printf '%b' "$FAKE_ERR" >&2
exit "${FAKE_EXIT:-0}"
