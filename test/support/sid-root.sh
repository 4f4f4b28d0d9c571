#!/usr/bin/env bash
# Prints the folder that holds this week's Debian sid with the newest clients; makes it first when it is not there.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: sid-root.sh [--cache FOLDER]

The folder is kept in FOLDER (default: entrepot-ci in the user's cache folder), named by the week, because sid moves; last
week's is kept too, and serves when sid cannot be installed at the moment, which is said on the standard error.
Needs root and: mmdebstrap debian-archive-keyring
TEXT
}

is_made() { [ -d "$1" ] && [ -s "$1.made-of" ]; }

main() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/entrepot-ci root older
  case ${1:-} in
    -h | --help) usage; exit 0 ;;
    --cache) cache=$2 ;;
  esac
  mkdir -p "$cache"
  root=$cache/sid-$(date +%G-W%V)
  older=$(find "$cache" -maxdepth 1 -type d -name 'sid-*' ! -path "$root" | sort | tail -1)
  exec 9> "$cache/lock"; flock 9 # suites run side by side
  if ! "$(dirname "$(realpath "$0")")/debian-root.sh" make "$root" >&2; then
    is_made "$older" || { echo "sid-root: sid cannot be installed, and there is no older one" >&2; exit 1; }
    echo "sid-root: sid cannot be installed at the moment, taking $(basename "$older")" >&2
    root=$older
  else
    find "$cache" -maxdepth 1 -name 'sid-*' ! -path "$root*" ! -path "${older:-none}*" -exec rm -rf --one-file-system {} +
  fi
  echo "$root"
}

main "$@"
exit # so that editing this file cannot disturb a run
