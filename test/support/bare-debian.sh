#!/usr/bin/env bash
# Prints the folder that holds this week's bare Debian 12 with Node 20 and npm 10, and nothing else; makes it first when it is
# not there.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: bare-debian.sh [--cache FOLDER]

What a stranger's new machine has: the essential packages, no lists of packages, no ca-certificates, no openssl, no git, no ps.
Node and npm come from npm. The folder is kept in FOLDER (default: entrepot-ci in the user's cache folder), named by the week.
Needs root and: mmdebstrap debian-archive-keyring npm
TEXT
}

NODE=20.20.2 NPM=10.9.9

add_node() { # ROOT
  local machine node
  machine=$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
  node=node-linux-$machine
  npm install --silent --no-save --prefix "$1/from-npm" "$node@$NODE" "npm@$NPM" >&2
  mkdir -p "$1/usr/local/lib/node_modules"
  mv "$1/from-npm/node_modules/$node/bin/node" "$1/usr/local/bin/node"
  mv "$1/from-npm/node_modules/npm" "$1/usr/local/lib/node_modules/npm"
  rm -rf "$1/from-npm"
  local each
  for each in npm npx; do ln -s "../lib/node_modules/npm/bin/$each-cli.js" "$1/usr/local/bin/$each"; done
}

main() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/entrepot-ci root
  case ${1:-} in
    -h | --help) usage; exit 0 ;;
    --cache) cache=$2 ;;
  esac
  mkdir -p "$cache"
  root=$cache/bare-$(date +%G-W%V)
  exec 9> "$cache/bare.lock"; flock 9
  if [ ! -e "$root.has-node" ]; then
    "$(dirname "$(realpath "$0")")/debian-root.sh" make "$root" --suite bookworm --include '' >&2
    rm -rf "$root"/var/lib/apt/lists/*
    add_node "$root"
    touch "$root.has-node"
    find "$cache" -maxdepth 1 -name 'bare-*' ! -path "$root*" -exec rm -rf --one-file-system {} +
  fi
  echo "$root"
}

main "$@"
exit # so that editing this file cannot disturb a run
