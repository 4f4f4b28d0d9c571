#!/bin/sh
# The steps of a change of the configuration, one a call: whoever may reload nginx runs this, a child process of the
# control plane, a container, a systemd unit. It takes the name of a generation and nothing else from its caller; places
# and programs come from the environment, which that unit or container sets.
#
#   apply.sh test ID [nginx|core]  would nginx and the core, or one of them, start with this generation?
#   apply.sh swap ID     make it the one that both read; atomic, and durable
#   apply.sh reload      nginx reads it. "stopped" on stdout when there is no nginx to be told
#   apply.sh rotate LOG KEPT  close access.log or error.log: nginx begins another one, of older ones so many are kept
#   apply.sh keep ID     it has proved itself: what a later start goes back to
#   apply.sh run         run nginx itself, in this process
#
# The core is told by its socket (POST /reload), not here: it answers what became of it, a signal does not. One that runs is
# asked there what it makes of a generation, too (GET /check); `test ID core` starts its program, which takes a second.
# Exit codes: 0 done, 2 wrong usage, 3 failed, 10 nginx refuses the generation, 11 the core does; why is on stderr.
#
# Killed between any two steps, nginx and the core have the old generation or one that both have tested; "current" differs
# from "applied", and the next start puts it back.
set -eu

usage() {
    echo "usage: apply.sh test ID [nginx|core], apply.sh swap|keep ID, apply.sh rotate LOG KEPT, apply.sh reload|run" >&2
    exit 2
}

: "${ENTREPOT_CONFIG:?the folder of generations/ and current}"
: "${ENTREPOT_FRONT_PREFIX:?the folder of logs/, temp/ and nginx.pid}"
nginx=${ENTREPOT_NGINX:-nginx}
core=${ENTREPOT_REGISTRY_CORE:-registry-core}
PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin
umask 022

# A folder of generations/ and nothing else: no path, no option, no hidden file.
generation() {
    case ${1-} in
        '' | *[!A-Za-z0-9._-]* | [!A-Za-z0-9]*) usage ;;
    esac
    [ -d "$ENTREPOT_CONFIG/generations/$1" ] || {
        echo "there is no generation $1 in $ENTREPOT_CONFIG" >&2
        exit 3
    }
}

front() {
    mkdir -p "$ENTREPOT_FRONT_PREFIX/logs" "$ENTREPOT_FRONT_PREFIX/temp"
    "$nginx" -p "$ENTREPOT_FRONT_PREFIX" -e "$ENTREPOT_FRONT_PREFIX/logs/error.log" "$@"
}

test_front() {
    generation "$@"
    front -t -q -c "$ENTREPOT_CONFIG/generations/$1/nginx.conf" || exit 10
}

test_core() {
    generation "$@"
    # Nobody's environment says anything else than the file: REGISTRY_* would.
    said=$(env -i PATH="$PATH" "$core" check "$ENTREPOT_CONFIG/generations/$1/registry.yml" 2>&1) || {
        echo "$said" >&2
        exit 11
    }
}

# The link is made aside and renamed: there is no moment without one.
point() {
    generation "$2"
    rm -f "$ENTREPOT_CONFIG/.$1"
    ln -s "generations/$2" "$ENTREPOT_CONFIG/.$1"
    mv -T "$ENTREPOT_CONFIG/.$1" "$ENTREPOT_CONFIG/$1"
    sync "$ENTREPOT_CONFIG" # after a power cut, too
}

# Answers its number. A pid file may be older than the machine's last start, and its number somebody else's.
master() {
    pid=$(cat "$ENTREPOT_FRONT_PREFIX/nginx.pid" 2>/dev/null) || return 1
    case $pid in
        '' | *[!0-9]*) return 1 ;;
    esac
    # What has this front's error log open is this front's nginx; it may be just about to begin another one.
    prefix=$(cd -P "$ENTREPOT_FRONT_PREFIX" && pwd)
    # shellcheck disable=SC2012 # the links' targets are wanted, find -printf is not POSIX
    ls -l "/proc/$pid/fd" 2>/dev/null | grep -qF -- "-> $prefix/logs/error.log" || return 1
    echo "$pid"
}

reload() {
    if pid=$(master); then
        kill -HUP "$pid"
        echo reloaded
    else
        echo stopped
    fi
}

# The master is looked for first: it is known by its error log. A worker that is late goes on in the renamed file. Killed
# between the two steps nginx goes on in it, too: with no log in its place nothing is renamed, and nginx is told again.
rotate() {
    case $1 in
        access.log | error.log) ;;
        *) usage ;;
    esac
    case $2 in
        [1-9]) ;;
        *) usage ;;
    esac
    pid=$(master) || pid=
    log=$ENTREPOT_FRONT_PREFIX/logs/$1
    kept=$2
    while [ -e "$log" ] && [ "$kept" -gt 1 ]; do
        [ ! -e "$log.$((kept - 1))" ] || mv -f "$log.$((kept - 1))" "$log.$kept"
        kept=$((kept - 1))
    done
    [ ! -e "$log" ] || mv -f "$log" "$log.1"
    [ -z "$pid" ] || kill -USR1 "$pid"
}

run() {
    if pid=$(master); then
        echo "nginx runs already, process $pid" >&2
        exit 3
    fi
    mkdir -p "$ENTREPOT_FRONT_PREFIX/logs" "$ENTREPOT_FRONT_PREFIX/temp"
    # An nginx that was killed leaves its unix sockets, and the next one could not bind them.
    sed -n 's/^ *listen unix:\([^; ]*\).*/\1/p' "$ENTREPOT_CONFIG/current/nginx.conf" |
        while read -r socket; do rm -f "$socket"; done
    exec "$nginx" -p "$ENTREPOT_FRONT_PREFIX" -e "$ENTREPOT_FRONT_PREFIX/logs/error.log" \
        -c "$ENTREPOT_CONFIG/current/nginx.conf"
}

step=${1-}
[ $# -eq 0 ] || shift
case $step/$#/${2-} in
    test/1/)
        test_front "$1"
        test_core "$1"
        ;;
    test/2/nginx) test_front "$1" ;;
    test/2/core) test_core "$1" ;;
    swap/1/) point current "$1" ;;
    keep/1/) point applied "$1" ;;
    rotate/2/*) rotate "$1" "$2" ;;
    reload/0/) reload ;;
    run/0/) run ;;
    *) usage ;;
esac
