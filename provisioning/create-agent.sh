#!/bin/sh
# Declares an agent and creates it: vm-agent create, with the name as an option.
#
#   provisioning/create-agent.sh --name agent-builder --type builder --cpu 2 \
#     --memory 4G --disk 20G --capabilities build,docker,deploy
#
# Everything but --name is handed on as it is. vm-agent create --help tells the rest.
set -eu

usage() {
  echo "usage: $0 --name NAME [--type TYPE] [--cpu COUNT] [--memory SIZE] [--disk SIZE] [--capabilities LIST]"
}

name=
count=$#
# Goes once round the arguments: what is not the name is put back at the end.
while [ "$count" -gt 0 ]; do
  case $1 in
    --name)
      if [ "$count" -lt 2 ]; then
        echo "error: --name without a name" >&2
        usage >&2
        exit 64
      fi
      name=$2
      shift 2
      count=$((count - 2))
      ;;
    --name=*)
      name=${1#--name=}
      shift
      count=$((count - 1))
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      set -- "$@" "$1"
      shift
      count=$((count - 1))
      ;;
  esac
done

if [ -z "$name" ]; then
  echo "error: no name is given" >&2
  usage >&2
  exit 64
fi

# In a checkout or an installed package the program lies beside this folder; a copy of this script asks PATH.
program=$(dirname "$0")/../dist/bin/vm-agent.cjs
if [ -f "$program" ]; then
  exec node "$program" create "$name" "$@"
fi
exec vm-agent create "$name" "$@"
