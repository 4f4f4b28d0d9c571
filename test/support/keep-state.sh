#!/usr/bin/env bash
# Waits until its standard input closes, then ends the daemons whose state lies in FOLDER and removes it.
set -euo pipefail

main() {
  local folder=$1 state
  trap '' INT TERM HUP
  cat > /dev/null
  for state in "$folder"/*/dockerd.pid; do
    [ -e "$state" ] && "$(dirname "$(realpath "$0")")/dockerd.sh" destroy "$(dirname "$state")"
  done
  rm -rf --one-file-system "$folder"
}

main "$@"
exit # so that editing this file cannot disturb a run
