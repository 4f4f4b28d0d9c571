#!/bin/sh
# Takes what people give to registry:2: nothing, a file, `serve FILE`, `garbage-collect FILE`, `registry …`, or a command of
# their own. It ends in exec, so that signals reach the registry.
set -e
case "${1:-}" in
  *.yaml | *.yml) set -- registry serve "$@" ;;
  serve | garbage-collect | help | -*) set -- registry "$@" ;;
  check | health) set -- registry-core "$@" ;;
esac
exec "$@"
