#!/bin/sh
# Makes k3s on this machine use the box box.example. Read it before you run it; --help says what it does.
set -eu
umask 022
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin

BOX='box.example'
SYSTEM='k3s'
MIRROR='https://box.example:5444'
CA_NAME='entrepot-box.example'
PROBE='docker.io/library/hello-world:latest'
PROBE_PATH='library/hello-world'
PROBE_TAG='latest'
PROBE_IS_ONLY_HERE=''
LOGIN_PLACE='NAME-AND-SECRET-IN-BASE64'
IS_KNOWN_ANYWAY=''
TAB=$(printf '\t')

usage() {
  cat <<'HELP'
Makes k3s on this machine use the Entrepot box box.example, and proves it by a pull.

  sh install.sh --fingerprint SHA256   install, or bring what is installed up to date
  sh install.sh --undo                 put everything back as it was, byte by byte

  --fingerprint SHA256   of the box's authority, as the box itself shows it (npx entrepot certificates show): nothing is
                         trusted that has another one
  --account NAME --secret-file FILE    where the box wants an account for pulls; the secret is the file's first line
  --dry-run              say what would be done, change nothing
  --replace              also replace files that somebody else wrote (--undo brings them back)
  --no-system-ca         leave the system's own list of authorities alone
  --no-reload            the daemon is told by you
  --reload COMMAND       tell the daemon by this command
  --no-prove             pull nothing
  --probe IMAGE          pull this one
  --root FOLDER          the files of a system that lies in a folder; its daemons are not reloaded
  --help

The script can be altered on its way as the authority can. So fetch the authority first, compare its fingerprint, and fetch
the script through it:  curl --cacert ca.pem … > install.sh
HELP
}

say() { printf '%s\n' "entrepot: $*"; }
warn() { printf '%s\n' "entrepot: $*" >&2; }
die() { warn "$@"; exit 1; }
has() { command -v "$1" > /dev/null 2>&1; }

parse_options() {
  ROOT='' DRY='' UNDO='' REPLACE='' SYSTEM_CA=yes RELOAD=yes RELOAD_COMMAND='' PROVE=yes FINGERPRINT='' ACCOUNT='' SECRET_FILE=''
  while [ $# -gt 0 ]; do
    case $1 in
      --fingerprint | --account | --secret-file | --reload | --probe | --root)
        [ $# -ge 2 ] || { warn "$1 needs a value"; usage >&2; exit 2; } ;;
    esac
    case $1 in
      -h | --help) usage; exit 0 ;;
      --fingerprint) FINGERPRINT=$2; shift ;;
      --account) ACCOUNT=$2; shift ;;
      --secret-file) SECRET_FILE=$2; shift ;;
      --reload) RELOAD_COMMAND=$2; shift ;;
      --probe) set_probe "$2"; shift ;;
      --root) ROOT=${2%/}; shift ;;
      --dry-run) DRY=yes ;;
      --undo) UNDO=yes ;;
      --replace) REPLACE=yes ;;
      --no-system-ca) SYSTEM_CA='' ;;
      --no-reload) RELOAD='' ;;
      --no-prove) PROVE='' ;;
      *) warn "unknown option $1"; usage >&2; exit 2 ;;
    esac
    shift
  done
  STATE=$ROOT/var/lib/entrepot/clients/$SYSTEM
}

set_probe() {
  PROBE=$1 PROBE_PATH='' PROBE_IS_ONLY_HERE=''
}

# The authority is inside this script; whether it is the box's, the fingerprint on the command line says.
check_ca() {
  [ -n "$FINGERPRINT" ] || { warn 'give the fingerprint of the authority of the box: --fingerprint SHA256'; exit 2; }
  is=$(awk '/-----BEGIN/ { inside = 1; next } /-----END/ { exit } inside' "$WORK/ca.pem" | base64 -d | sha256sum | cut -d ' ' -f 1)
  given=$(printf '%s' "$FINGERPRINT" | sed 's/^.*=//' | tr -d ': ' | tr 'A-F' 'a-f')
  [ "$is" = "$given" ] || die "this authority has the fingerprint $is, not $given: nothing was changed"
}

# Name and secret of an account, for files that hold a place for them; never on a command line.
read_login() {
  LOGIN=''
  [ -n "$ACCOUNT$SECRET_FILE" ] || return 0
  [ -n "$ACCOUNT" ] && [ -r "$SECRET_FILE" ] || die '--account NAME and --secret-file FILE go together'
  SECRET=$(head -n 1 "$SECRET_FILE")
  case $ACCOUNT$SECRET in *[!A-Za-z0-9._~+/=@-]*) die 'this secret has characters that have to be put into the files by hand' ;; esac
  LOGIN=$(printf '%s' "$ACCOUNT:$SECRET" | base64 | tr -d '\n')
  (umask 077; printf 'Authorization: Basic %s\n' "$LOGIN" > "$WORK/header")
}

put_login() {
  grep -rlE "$LOGIN_PLACE|^ +password: SECRET$" "$WORK/new" > "$WORK/with-login" 2> /dev/null || return 0
  [ -n "$LOGIN" ] || die 'this box lets nobody pull without an account: give --account NAME --secret-file FILE'
  printf 's|%s|%s|\ns|username: NAME$|username: "%s"|\ns|password: SECRET$|password: "%s"|\n' "$LOGIN_PLACE" "$LOGIN" "$ACCOUNT" "$SECRET" > "$WORK/login.sed"
  while IFS= read -r file; do
    sed -f "$WORK/login.sed" "$file" > "$WORK/one" && mv "$WORK/one" "$file"
  done < "$WORK/with-login"
}

# PATH MODE HOW < TEXT. HOW is own (the file is ours), json (our lists are merged in) or kept (the text is merged already).
want() {
  mkdir -p "$WORK/new$(dirname "$1")"
  cat > "$WORK/new$1"
  printf '%s\t%s\t%s\n' "$1" "$2" "$3" >> "$WORK/wanted"
  [ "$3" != json ] || merge_json "$1"
}

# Where a link leads, so that it stays a link.
target_of() {
  target=$ROOT$1
  [ ! -L "$target" ] || target=$(readlink -f "$target")
}

is_listed() { [ -f "$STATE/list" ] && grep -qxF "$1" "$STATE/list"; }
is_ours_still() { [ -f "$STATE/after$1" ] && cmp -s "$STATE/after$1" "$target"; }

# What is merged into: the file as it was before us, unless somebody has changed it since. Empty when there was none.
base_of() {
  target_of "$1"
  if is_ours_still "$1"; then
    if [ -f "$STATE/before$1" ]; then cat "$STATE/before$1"; fi
  elif [ -f "$target" ]; then
    cat "$target"
  fi
}

merge_json() {
  new=$WORK/new$1
  base_of "$1" > "$WORK/base.json"
  grep -q '[^[:space:]]' "$WORK/base.json" || return 0
  if has jq; then
    jq -e 'type == "object"' "$WORK/base.json" > /dev/null 2>&1 || die "$1 holds no JSON object: nothing was changed"
    # shellcheck disable=SC2016
    jq --slurpfile ours "$new" 'reduce ($ours[0] | to_entries[]) as $our (.; .[$our.key] = $our.value + ((.[$our.key] // []) - $our.value))' \
      "$WORK/base.json" > "$WORK/merged.json" || die "$1 cannot be merged: nothing was changed"
    [ "$(jq -S . "$WORK/base.json")" != "$(jq -S . "$WORK/merged.json")" ] || cp "$WORK/base.json" "$WORK/merged.json"
  elif has python3; then
    python3 - "$WORK/base.json" "$new" "$WORK/merged.json" <<'PYTHON' || die "$1 cannot be merged: nothing was changed"
import json, shutil, sys
base, ours, merged = sys.argv[1:]
value = json.load(open(base))
before = json.dumps(value)
for key, entries in json.load(open(ours)).items():
    value[key] = entries + [each for each in value.get(key) or [] if each not in entries]
if json.dumps(value) == before:
    shutil.copyfile(base, merged)
else:
    with open(merged, 'w') as file:
        file.write(json.dumps(value, indent=2, ensure_ascii=False) + '\n')
PYTHON
  else
    warn "$1 is there, and neither jq nor python3 to merge it with. Add this to it, and run this again with --replace:"
    cat "$new" >&2
    exit 1
  fi
  mv "$WORK/merged.json" "$new"
}

# A file that somebody else wrote is not ours to replace.
check_foreign() {
  foreign=''
  while IFS="$TAB" read -r path _ how; do
    target_of "$path"
    [ "$how" = own ] && [ -s "$target" ] && ! is_listed "$path" && ! cmp -s "$WORK/new$path" "$target" || continue
    ! grep -q '^# Made by Entrepot' "$target" || continue
    [ -z "$REPLACE" ] || continue
    foreign=yes
    warn "$path is there, and not by us. What it needs:"
    sed 's/^/    /' "$WORK/new$path" >&2
  done < "$WORK/wanted"
  [ -z "$foreign" ] || die 'nothing was changed: put that in by hand, or run this again with --replace (--undo brings the files back)'
}

show_plan() {
  while IFS="$TAB" read -r path _; do
    target_of "$path"
    if cmp -s "$WORK/new$path" "$target"; then say "stays: $path"
    elif [ -e "$target" ]; then say "would change: $path"
    else say "would write: $path"; fi
  done < "$WORK/wanted"
  [ ! -f "$STATE/list" ] || while IFS= read -r path; do
    is_wanted "$path" || say "would put back: $path"
  done < "$STATE/list"
}

is_wanted() { cut -f 1 "$WORK/wanted" | grep -qxF "$1"; }

apply_plan() {
  mkdir -p "$(dirname "$STATE")"
  (umask 077; mkdir -p "$STATE")
  while IFS="$TAB" read -r path mode how; do
    target_of "$path"
    cmp -s "$WORK/new$path" "$target" || write_file "$path" "$mode" "$how"
  done < "$WORK/wanted"
  [ -f "$STATE/list" ] || return 0
  cp "$STATE/list" "$WORK/listed"
  while IFS= read -r path; do
    is_wanted "$path" || put_back "$path"
  done < "$WORK/listed"
}

# First kept, then noted, then written: whatever ends us in between, --undo knows what to do.
write_file() {
  remember "$1"
  (umask 077; mkdir -p "$STATE/after$(dirname "$1")"; cp "$WORK/new$1" "$STATE/after$1")
  mkdir -p "$(dirname "$target")"
  if [ "$3" != own ] && [ -e "$target" ]; then
    cp -p "$target" "$target.entrepot-new"
    cat "$WORK/new$1" > "$target.entrepot-new"
  else
    (umask 077; cat "$WORK/new$1" > "$target.entrepot-new")
    chmod "$2" "$target.entrepot-new"
  fi
  mv "$target.entrepot-new" "$target"
  CHANGED="$CHANGED $1"
  say "wrote $1"
}

remember() {
  if is_listed "$1"; then
    # Somebody changed it since: that is what it goes back to.
    if [ -e "$target" ] && ! is_ours_still "$1"; then keep_before "$1"; fi
    return 0
  fi
  if [ -e "$target" ]; then
    keep_before "$1"
  else
    folder=$(dirname "$target")
    while [ ! -d "$folder" ]; do
      printf '%s\n' "$folder" >> "$STATE/folders"
      folder=$(dirname "$folder")
    done
  fi
  printf '%s\n' "$1" >> "$STATE/list"
}

keep_before() {
  (umask 077; mkdir -p "$STATE/before$(dirname "$1")")
  cp -p "$target" "$STATE/before$1.entrepot-new"
  mv "$STATE/before$1.entrepot-new" "$STATE/before$1"
}

# One file as it was. What somebody has changed since is left to that person.
put_back() {
  target_of "$1"
  before=$STATE/before$1
  if [ -e "$target" ] && [ -f "$STATE/after$1" ] && ! is_ours_still "$1" && ! cmp -s "$before" "$target"; then
    warn "$1 was changed since, and stays. Take out of it what we put in:"
    sed 's/^/    /' "$STATE/after$1" >&2
    LEFT=yes
    return 0
  fi
  if [ -e "$before" ]; then
    mkdir -p "$(dirname "$target")"
    cp -p "$before" "$target.entrepot-new"
    mv "$target.entrepot-new" "$target"
    say "put back $1"
  else
    rm -f "$target"
    say "removed $1"
  fi
  CHANGED="$CHANGED $1"
  rm -f "$before" "$STATE/after$1"
  grep -vxF "$1" "$STATE/list" > "$WORK/list" || true
  cat "$WORK/list" > "$STATE/list"
}

undo_all() {
  [ -f "$STATE/list" ] || { say "nothing of ours is installed for $SYSTEM"; return 0; }
  if [ -n "$DRY" ]; then sed 's/^/entrepot: would put back: /' "$STATE/list"; return 0; fi
  CHANGED='' LEFT=''
  cp "$STATE/list" "$WORK/listed"
  while IFS= read -r path; do put_back "$path"; done < "$WORK/listed"
  update_system_ca
  tell_daemon
  [ -z "$LEFT" ] || exit 1
  if [ -f "$STATE/folders" ]; then
    sort -r "$STATE/folders" | while IFS= read -r folder; do rmdir "$folder" 2> /dev/null || true; done
  fi
  rm -rf "$STATE"
  rmdir "$ROOT/var/lib/entrepot/clients" "$ROOT/var/lib/entrepot" 2> /dev/null || true
}

want_system_ca() {
  for each in ; do
    [ -d "$ROOT${each% *}" ] || continue
    want "${each% *}/$CA_NAME.${each#* }" 644 own < "$WORK/ca.pem"
    return 0
  done
}

# The list itself is the system's to make.
update_system_ca() {
  case $CHANGED in *"/$CA_NAME."*) ;; *) return 0 ;; esac
  [ -z "$ROOT" ] || { say "the list of authorities below $ROOT is not made anew"; return 0; }
  if has update-ca-certificates; then
    if [ -n "$UNDO" ]; then update-ca-certificates --fresh > /dev/null; else update-ca-certificates > /dev/null; fi
  elif has update-ca-trust; then update-ca-trust
  elif has trust; then trust extract-compat
  else warn 'nothing here makes the list of authorities: do it by hand'; fi
}

tell_daemon() {
  TOLD=''
  [ -n "$CHANGED" ] && needs_telling || return 0
  TOLD=yes
  if [ -n "$RELOAD_COMMAND" ]; then sh -c "$RELOAD_COMMAND" || die "this failed: $RELOAD_COMMAND"
  elif [ -n "$ROOT" ] || [ -z "$RELOAD" ]; then TOLD=''; say 'the daemon is not told'
  else reload_daemon; fi
}

# A daemon takes up its files a moment after it was told: as soon as this command succeeds, in half a minute at most.
wait_until() {
  left=30
  until "$@" > /dev/null 2>&1; do
    [ "$left" -gt 0 ] || { warn "not within 30 seconds: $*"; return 0; }
    left=$((left - 1))
    sleep 1
  done
}

# The first of these units that runs, told by that verb.
tell_unit() {
  verb=$1; shift
  has systemctl || { warn "no systemd here: $verb $1 by hand"; return 0; }
  for unit in "$@"; do
    systemctl is-active --quiet "$unit" 2> /dev/null || continue
    systemctl "$verb" "$unit" || die "systemctl $verb $unit failed: see journalctl -u $unit"
    say "systemctl $verb $unit"
    return 0
  done
  say "$1 does not run; it reads its files when it starts"
}

# Headers of the box's answer, by TLS that this authority vouches for.
ask_box() {
  set -- -fsS --max-time 20 --head "$MIRROR$1"
  [ -n "$IS_KNOWN_ANYWAY" ] || set -- --cacert "$WORK/ca.pem" "$@"
  [ -z "$LOGIN" ] || set -- -H "@$WORK/header" "$@"
  curl -H 'Accept: application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json' \
    -H 'Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json' "$@"
}

prove() {
  if has curl; then
    ask_box /v2/ > /dev/null || die "$MIRROR does not answer; the files are in place, --undo takes them out"
    say "$MIRROR answers, with a certificate of this authority"
  fi
  [ -n "$PROBE" ] || { say 'nothing to pull for a proof: name an image by --probe IMAGE'; return 0; }
  can_pull || { say 'nothing here pulls, so this is no proof yet'; return 0; }
  [ -z "$TOLD" ] || wait_until is_ready
  pull_probe || die "$PROBE cannot be pulled; the files are in place, --undo takes them out"
  digest=''
  if has curl && [ -n "$PROBE_PATH" ]; then
    digest=$(ask_box "/v2/$PROBE_PATH/manifests/$PROBE_TAG" 2> /dev/null | tr -d '\r' | sed -n 's/^[Dd]ocker-[Cc]ontent-[Dd]igest: //p') || true
  fi
  if [ -z "$digest" ]; then say "pulled $PROBE; whether by $BOX its log says"
  elif [ -n "$PROBE_IS_ONLY_HERE" ]; then
    # Its digest is the box's alone; of what the system does not tell, the name has to do.
    digests=$(probe_digests)
    case $digests in
      '' | *"$digest"*) say "pulled $PROBE, which $BOX alone has: this machine pulls from it" ;;
      *) die "pulled another $PROBE than $BOX has, $digest; the files are in place, --undo takes them out" ;;
    esac
  elif probe_digests | grep -qF "$digest"; then say "pulled $PROBE, the same that $BOX has: $digest"
  else say "pulled $PROBE; whether by $BOX its log says"; fi
}

# What belongs to this system alone.
plan_system() { :; }

# Read at its start only; what runs goes on.
needs_telling() { :; }

reload_daemon() { tell_unit restart k3s k3s-agent; }

runtime() { k3s crictl "$@"; }

is_ready() { runtime version; }

can_pull() { has k3s; }

pull_probe() { runtime pull "$PROBE" > /dev/null; }

probe_digests() { runtime inspecti "$PROBE"; }


wanted_files() {
  want '/etc/rancher/k3s/entrepot-ca.pem' 644 own <<'ENTREPOT_FILE_0'
-----BEGIN CERTIFICATE-----
MIIBqzCCAVGgAwIBAgIUHpeLh9aSiBc957zeeGHeHH+8TrIwCgYIKoZIzj0EAwIw
IjEgMB4GA1UEAwwXRW50cmVwb3Qgb2YgYm94LmV4YW1wbGUwIBcNMjYxMTIyMDA0
OTAyWhgPMjEyNjEwMjkwMDQ5MDJaMCIxIDAeBgNVBAMMF0VudHJlcG90IG9mIGJv
eC5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmshw9NnqvZZNTS+j
WViF6Fg9QDEPAF+u4+igohObh56sTm3DZj/qzvYwuhcsQ3HkFI2Q55ci9N+b2O6i
9H4bP6NjMGEwHQYDVR0OBBYEFFyEx3qwMIKXhjDyRwq41jZc6qKLMB8GA1UdIwQY
MBaAFFyEx3qwMIKXhjDyRwq41jZc6qKLMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0P
AQH/BAQDAgEGMAoGCCqGSM49BAMCA0gAMEUCIQDwiJ4Khs0IWy4p00DQkQFQ+Mgt
5CDdnax4jx3IVde37QIgHPjmld802wsBvJlLLj8sC5kfUZF5hOo9reEjCqV4ufQ=
-----END CERTIFICATE-----
ENTREPOT_FILE_0
  want '/etc/rancher/k3s/registries.yaml' 644 own <<'ENTREPOT_FILE_1'
# Made by Entrepot (box.example). Each registry is asked for by the box first, then itself.
mirrors:
  docker.io:
    endpoint:
      - https://box.example:5444
  quay.io:
    endpoint:
      - https://box.example:5444
configs:
  box.example:5444:
    tls:
      ca_file: /etc/rancher/k3s/entrepot-ca.pem
  box.example:5443:
    tls:
      ca_file: /etc/rancher/k3s/entrepot-ca.pem
ENTREPOT_FILE_1
  [ -z "$SYSTEM_CA" ] || want_system_ca
  plan_system
}

write_ca() {
  cat > "$WORK/ca.pem" <<'ENTREPOT_CA'
-----BEGIN CERTIFICATE-----
MIIBqzCCAVGgAwIBAgIUHpeLh9aSiBc957zeeGHeHH+8TrIwCgYIKoZIzj0EAwIw
IjEgMB4GA1UEAwwXRW50cmVwb3Qgb2YgYm94LmV4YW1wbGUwIBcNMjYxMTIyMDA0
OTAyWhgPMjEyNjEwMjkwMDQ5MDJaMCIxIDAeBgNVBAMMF0VudHJlcG90IG9mIGJv
eC5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmshw9NnqvZZNTS+j
WViF6Fg9QDEPAF+u4+igohObh56sTm3DZj/qzvYwuhcsQ3HkFI2Q55ci9N+b2O6i
9H4bP6NjMGEwHQYDVR0OBBYEFFyEx3qwMIKXhjDyRwq41jZc6qKLMB8GA1UdIwQY
MBaAFFyEx3qwMIKXhjDyRwq41jZc6qKLMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0P
AQH/BAQDAgEGMAoGCCqGSM49BAMCA0gAMEUCIQDwiJ4Khs0IWy4p00DQkQFQ+Mgt
5CDdnax4jx3IVde37QIgHPjmld802wsBvJlLLj8sC5kfUZF5hOo9reEjCqV4ufQ=
-----END CERTIFICATE-----
ENTREPOT_CA
}

install_all() {
  check_ca
  read_login
  wanted_files
  put_login
  check_foreign
  if [ -n "$DRY" ]; then show_plan; return; fi
  CHANGED=''
  apply_plan
  if [ -z "$CHANGED" ]; then say 'everything is as it should be'; fi
  update_system_ca
  tell_daemon
  [ -z "$PROVE" ] || prove
}

main() {
  parse_options "$@"
  WORK=$(mktemp -d)
  trap 'rm -rf "$WORK"' EXIT
  trap 'exit 130' INT TERM HUP
  chmod 700 "$WORK"
  : > "$WORK/wanted"
  write_ca
  if [ -n "$UNDO" ]; then undo_all; else install_all; fi
}

main "$@"
