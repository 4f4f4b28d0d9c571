#!/usr/bin/env bash
# Gives a daemon of dockerd.sh the image of this repository, built by that daemon; from the cache when nothing in it changed.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: built-image.sh STATE-FOLDER BUILDER [--cache FOLDER]

BUILDER names the daemon's builder for the cache: legacy, buildkit; or base: no image, but node:24-slim, on which the Dockerfile
stands. There is also a registry:2, which is Debian's docker-registry. The daemon needs a network of its own (--bridge), and must see this repository.
TEXT
}

SUPPORT=$(dirname "$(realpath "$0")")
ROOT=$(realpath "$SUPPORT/../..")
PATHS='ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

docker() { "$SUPPORT/dockerd.sh" exec "$STATE" /usr/bin/docker "$@"; }

# All that the image is made from: what .dockerignore lets through, and the base.
inputs() {
  cd "$ROOT"
  find Dockerfile .dockerignore LICENSE package.json package-lock.json .npmrc tsconfig.base.json nginx/package.json \
    registry-core/{package.json,tsconfig.json,bin,image,src} -type f ! -name '*.test.ts' -print0 | sort -z | xargs -0 sha256sum
  echo "$BASE"
}

import_base() { docker import -c "$PATHS" -c 'CMD ["node"]' - node:24-slim < "$BASE" > /dev/null; }

main() {
  case ${1:-} in -h | --help | '') usage; exit 0 ;; esac
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/entrepot-ci builder=$2 target
  STATE=$1
  [ "${3:-}" != --cache ] || cache=$4
  mkdir -p "$cache"
  docker import -c "$PATHS" -c 'ENTRYPOINT ["/entrypoint.sh"]' -c 'CMD ["/etc/docker/registry/config.yml"]' \
    -c 'VOLUME ["/var/lib/registry"]' -c 'EXPOSE 5000' - registry:2 < "$("$SUPPORT/base-images.sh" registry2 --cache "$cache")" > /dev/null
  BASE=$("$SUPPORT/base-images.sh" node --cache "$cache")
  if [ "$builder" = base ]; then import_base; return; fi
  target=$cache/image-$builder-$(inputs | sha256sum | cut -c1-16).tar
  exec 8> "$cache/image-$builder.lock"; flock 8 # suites run side by side
  if [ -e "$target" ]; then
    docker load -q < "$target" > /dev/null
    return
  fi
  rm -f "$cache/image-$builder-"*.tar
  import_base
  docker build --network host -t entrepot/registry "$ROOT" 8>&- >&2
  docker save entrepot/registry > "$target.part"
  mv "$target.part" "$target"
}

main "$@"
exit # so that editing this file cannot disturb a run
