#!/usr/bin/env bash
# Base images without any hub, as tar files for `docker import`: what the Dockerfile stands on, and a registry:2 to move away from.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: base-images.sh node|registry2 [--cache FOLDER]

  node       minimal Debian with Node 24 and npm, as node:24-slim has them; npm in it is set as npm on this machine
  registry2  minimal Debian with Debian's docker-registry where registry:2 has its registry

Prints the tar's path. It is kept in FOLDER (default: entrepot-ci in the user's cache folder), made anew when its recipe changes.
Needs root and: mmdebstrap debian-archive-keyring; npm and the network (node); docker-registry (registry2)
TEXT
}

SUPPORT=$(dirname "$(realpath "$0")")
NODE=24.21.0 NPM=11.6.2
REGISTRY_2_CONFIG=$SUPPORT/registry2-config.yml

debian() { # TARGET
  local sources=()
  "$SUPPORT/debian-root.sh" sources bookworm > "$WORK/sources"
  [ ! -s "$WORK/sources" ] || sources=("$WORK/sources")
  apt-config dump | { grep -E '^Acquire::(http|https|Check|Retries)' || true; } > "$WORK/apt.conf"
  mmdebstrap --quiet --variant=minbase --mode=root --aptopt="$WORK/apt.conf" --include=ca-certificates \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    bookworm "$1" "${sources[@]}" >&2
}

# What this machine's npm needs to reach its registry, for the npm of a build, which knows nothing of this machine.
npm_settings() {
  local name value
  for name in registry proxy https-proxy noproxy cafile; do
    value=$(npm config get "$name" 2> /dev/null)
    [ -n "$value" ] && [ "$value" != null ] && [ "$value" != undefined ] || continue
    if [ "$name" = cafile ]; then
      [ ! -r "$value" ] || { install -D -m 644 "$value" "$1/usr/local/etc/npm-ca.pem"; echo 'cafile=/usr/local/etc/npm-ca.pem'; }
    else echo "$name=$value"; fi
  done > "$WORK/npmrc"
  install -D -m 644 "$WORK/npmrc" "$1/usr/local/etc/npmrc"
}

node() { # FOLDER
  local arch=x64
  [ "$(uname -m)" != aarch64 ] || arch=arm64
  npm install --silent --no-save --ignore-scripts --prefix "$WORK/npm" "node-linux-$arch@$NODE" "npm@$NPM" > /dev/null
  install -D "$WORK/npm/node_modules/node-linux-$arch/bin/node" "$1/usr/local/bin/node"
  mkdir -p "$1/usr/local/lib/node_modules"
  cp -r "$WORK/npm/node_modules/npm" "$1/usr/local/lib/node_modules/"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$1/usr/local/bin/npm"
}

registry2() { # FOLDER
  install -D "$(command -v docker-registry)" "$1/usr/bin/registry"
  install -D -m 644 "$REGISTRY_2_CONFIG" "$1/etc/docker/registry/config.yml"
  install -m 755 /dev/stdin "$1/entrypoint.sh" <<'SH'
#!/bin/sh
case "$1" in
  *.yaml | *.yml) set -- registry serve "$@" ;;
  serve | garbage-collect | help | -*) set -- registry "$@" ;;
esac
exec "$@"
SH
}

main() {
  local kind=${1:-} cache=${XDG_CACHE_HOME:-$HOME/.cache}/entrepot-ci target
  case $kind in
    node | registry2) ;;
    -h | --help | '') usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  [ "${2:-}" != --cache ] || cache=$3
  mkdir -p "$cache"
  WORK=$(mktemp -d "$cache/work.XXXXXX"); trap 'rm -rf "$WORK"' EXIT
  mkdir "$WORK/root"
  npm_settings "$WORK/root"
  target=$cache/base-$kind-$(cat "$0" "$REGISTRY_2_CONFIG" "$WORK/npmrc" "$WORK"/root/usr/local/etc/npm-ca.pem 2> /dev/null | sha256sum | cut -c1-12).tar
  exec 9> "$cache/base.lock"; flock 9 # suites run side by side
  if [ ! -e "$target" ]; then
    rm -f "$cache/base-$kind-"*
    [ -e "$cache/debian-bookworm.tar" ] || { debian "$WORK/debian.tar"; mv "$WORK/debian.tar" "$cache/debian-bookworm.tar"; }
    cp "$cache/debian-bookworm.tar" "$WORK/image.tar"
    [ "$kind" = node ] || rm -rf "$WORK/root/usr"
    "$kind" "$WORK/root"
    # Without its folders: docker takes no name twice, and makes those that are missing.
    (cd "$WORK/root" && find . ! -type d -print0 | tar --owner=0 --group=0 --null --no-recursion -T - -rf "$WORK/image.tar")
    mv "$WORK/image.tar" "$target"
  fi
  echo "$target"
}

main "$@"
exit # so that editing this file cannot disturb a run
