#!/bin/sh
# premigrate: vetoes a live migration that would fail, as libvirt's hook qemu.d/90-premigrate.
#
#   90-premigrate GUEST OPERATION SUB-OPERATION EXTRA, with the guest's domain XML as input
#
# For every event but two it ends at once with 0, whatever is broken: libvirt kills a running guest
# whose hook fails at `reconnect begin` (qemuProcessReconnect).
#
# What it runs by is ROOT/etc/premigrate/applied.conf, and it finds ROOT by its own path. lib/hook/main.ts
# is what it starts, and tells what it answers with.
case ${2-}/${3-} in
  migrate/begin | start/begin) ;;
  *) exit 0 ;;
esac

set -uf
LC_ALL=C
export LC_ALL
name=$1
PATH=${PATH:-/usr/bin:/bin}:/usr/sbin:/usr/bin:/sbin:/bin
newline='
'
separator=$(printf '\036') # cannot be in XML
mdevs=/sys/bus/mdev/devices
most_bytes=4194305         # more than libvirt sends, REMOTE_STRING_MAX

root=
case $0 in
  */etc/libvirt/hooks/qemu.d/*) root=${0%/etc/libvirt/hooks/qemu.d/*} ;;
esac
lib=$root/usr/lib/premigrate
applied=$root/etc/premigrate/applied.conf
networks=$root/var/cache/premigrate/networks
network_states=$root/run/libvirt/network

# The operator's choices, and what they are where they cannot be read.
deno=
mode=enforce
deadline=20
on_hook=closed
on_deadline=closed
on_report=open
record=no
reports=1000
all=
plain=no
programs=
attributes=

read_choices() {
  while IFS=' ' read -r key value; do
    case $key in
      deno)
        case $value in
          /usr/lib/premigrate/*) deno=$root$value ;;
          *) deno=$value ;;
        esac
        ;;
      mode) [ "$value" != observe ] || mode=observe ;;
      deadline)
        case $value in
          '' | *[!0-9]*) ;;
          *) deadline=$value ;;
        esac
        ;;
      on-hook) on_hook=$value ;;
      on-deadline) on_deadline=$value ;;
      on-report) on_report=$value ;;
      record) record=$value ;;
      reports)
        case $value in
          '' | *[!0-9]*) ;;
          *) reports=$value ;;
        esac
        ;;
      all-devices) [ "$value" != yes ] || all=--all ;;
      plain-guests) plain=$value ;;
      programs) programs=$programs,$value ;;
      attributes)
        for attribute in $value; do
          attributes="$attributes --attribute $attribute"
        done
        ;;
      plugins) programs=$programs,$lib/plugin.sh ;;
      choices-end) break ;;
    esac
  done <"$applied"
} 2>/dev/null

# A whole document without a word that a host device would need.
has_no_device() {
  [ ${#xml} -lt "$most_bytes" ] || return 1
  case $xml in
    *hostdev* | *vfio* | *mdev* | *teaming* | *urn:premigrate*) return 1 ;;
    *-readconfig* | *'\u'* | *'&#'* | *'<!'* | *'<?'*) return 1 ;; # what may hide one
  esac
  case $xml in
    '<domain '*'</domain>' | '<domain '*"</domain>$newline") return 0 ;;
  esac
  return 1
}

# Every libvirt network that its interfaces are on is known here to be no pool of host devices: the list
# that the agent and `premigrate cache` make says so, and libvirt has not started or changed it since.
# For whatever libvirt does not write so, the bundle is asked.
is_on_plain_networks() {
  case $xml in
    *network*) ;;
    *) return 0 ;;
  esac
  plain_networks=$newline last=
  while IFS= read -r line; do
    last=$line
    case $line in
      'plain '*) plain_networks=$plain_networks${line#plain }$newline ;;
    esac
  done <"$networks"
  [ "$last" = end ] || plain_networks=
  on='' found=yes
  IFS='<'
  for element in $xml; do
    case $element in
      "interface type='network'>"*) [ -z "$on" ] && on=network ;;
      "interface type='network'"*) false ;;
      "interface type='"[a-z]*"'>"*) ;;
      interface*) false ;;
      "source network='"*)
        [ -z "$on" ] || {
          on=
          network=${element#"source network='"}
          is_plain "${network%%"'"*}"
        }
        ;;
      '/interface>'*) [ -z "$on" ] ;;
    esac || {
      found=
      break
    }
  done
  IFS=" $newline"
  [ "$found" = yes ] && [ -z "$on" ]
}

is_plain() { # NETWORK
  case $1 in
    *'&'*) return 1 ;; # escaped
  esac
  # shellcheck disable=SC3013 # every sh of today has -nt
  case $plain_networks in
    *"$newline$1$newline"*)
      [ -e "$network_states/$1.xml" ] && ! [ "$network_states/$1.xml" -nt "$networks" ]
      ;;
    *) return 1 ;;
  esac
}

at_least() { # SECONDS LEAST: the greater, in $seconds
  seconds=$(($1 > $2 ? $1 : $2))
}

if [ "$2" = start ]; then
  {
    # libvirt holds the guest's lock now: nothing here may ask libvirt.
    read_choices
    [ "$record" = yes ] || exit 0
    at_least $((deadline / 10)) 2
    xml=$(head -c "$most_bytes")
    has_no_device ||
      printf %s "$xml" | timeout -s KILL "$seconds" \
        "$lib/premigrate" record-start --seconds "$seconds" ${root:+--root "$root"}
  } >/dev/null 2>&1
  exit 0
fi

# Libvirt waits until nobody holds these, and takes what is printed for the answer.
exec 3>&1 4>&2 >/dev/null 2>&1

xml=$(
  head -c "$most_bytes"
  echo .
)
xml=${xml%.}

read_choices
[ "$plain" = yes ] || ! has_no_device || ! is_on_plain_networks || exit 0

now=0
look_at_clock() {
  read -r now _ </proc/uptime
  now=${now%.*}
}
look_at_clock
began=$now

# Where the devices are to come from, as libvirt writes it; and its QEMU. What this misses the bundle
# asks for.
arguments() {
  printf %s "$xml" | timeout -s KILL 2 sed -n \
    -e 's|.*<emulator>\(/[A-Za-z0-9._/-]*\)</emulator>.*|--emulator \1|p' \
    -e 's/.*<address uuid=.\([0-9a-f-]\{36\}\)[^0-9a-f-].*/\1/p' \
    -e 's/.*<address domain=.0x\([0-9a-f]\{4,8\}\). bus=.0x\([0-9a-f][0-9a-f]\). slot=.0x\([01][0-9a-f]\). function=.0x\([0-7]\)[^0-9a-f].*/\1:\2:\3.\4/p' |
    head -n 1024
}

# The bundle's input, while Deno starts: the document, what is to be read of this host, and the config
# regions of mediated devices, which are nowhere else to be read.
input() { # SECONDS ARGUMENT...
  printf %s%s "$xml" "$separator"
  limit=$1
  shift
  # shellcheck disable=SC2046 # words
  [ $# -gt 0 ] || set -- $(arguments)
  # shellcheck disable=SC2086 # words
  timeout -s KILL "$limit" sh "$lib/probe.sh" --identify $all $attributes "$@" </dev/null ||
    { [ $? -ne 137 ] || printf '%sdeadline' "$separator"; }
  # shellcheck disable=SC2012,SC2046 # UUIDs
  [ -z "$all" ] || set -- $(ls "$mdevs" | head -n 64)
  for address in "$@"; do
    case $address in
      ????????-????-????-????-????????????)
        look_at_clock
        [ $((deadline - now + began)) -gt 1 ] || return
        region "$address"
        ;;
    esac
  done
}

region() { # UUID
  group=$(readlink "$mdevs/$1/iommu_group")
  case $(readlink "$mdevs/$1/mdev_type") in
    '' | */nvidia-*) return ;; # opening it would start the vGPU
  esac
  printf '%s%s\n' "$separator" "$1"
  at_least $((deadline / 6)) 3
  run_deno "$seconds" --allow-ffi "$lib/vfio_region_main.js" "$1" "${group##*/}" </dev/null
}

run_deno() { # SECONDS OPTION... SCRIPT ARGUMENT...
  seconds=$1
  shift
  # Which libvirt hands on, and with which Deno starts nothing.
  unset LD_PRELOAD LD_LIBRARY_PATH
  DENO_DIR=$root/var/cache/premigrate/deno DENO_NO_UPDATE_CHECK=1 NO_COLOR=1 \
    timeout -s KILL "$seconds" "$deno" run --quiet --no-prompt --no-config --no-lock --no-npm \
    --no-remote --cached-only "$@"
}

# Its own deadline is a second before.
judge() { # SECONDS ROUND NAME
  cd /
  log=$root/var/log/premigrate
  var=$root/var/lib/premigrate
  run_deno "$1" --allow-write="$log" ${programs:+--allow-run="${programs#,}"} \
    --allow-read="$applied,$var/waivers,$var/realize,$root/var/cache/premigrate/host.json,$networks,$network_states,$log" \
    "$lib/hook.js" "$root" "$3" "$(($1 - 1))" "$2"
}

# Behind libvirt's back: it waits for none of this.
tell_journal() { # TEXT
  (
    exec 3>&- 4>&-
    printf '%s\n' "$1" | timeout 10 logger -t premigrate -p daemon.notice
    # shellcheck disable=SC2012 # names are its own
    cd "$root/var/log/premigrate/reports" &&
      ls -lnr | awk -v count="$reports" -v bytes=268435456 '
        $NF ~ /^[0-9T]*Z-[0-9a-f]*[.]json$/ && (++kept > count || (size += $5) > bytes) {
          print $NF
        }' | xargs rm -f
  ) </dev/null &
}

# What becomes of a migration that the bundle did not decide.
trouble() { # KIND CHOICE WHY
  kind=$1 choice=$2
  why=$(printf %s "$3" | tr -c '[:print:]' ' ' | cut -c 1-200)
  # The first, which is the guest's.
  uuid=$(
    printf %s "$xml" | head -c 65536 | tr '<' '\n' |
      sed -n 's/^uuid>\([0-9a-f-]\{36\}\)$/\1/p' | head -n 1
  )
  own=$(grep "^guest $uuid " "$applied")
  if [ -n "$uuid" ] && [ -n "$own" ]; then
    # shellcheck disable=SC2086 # words
    set -- $own
    case ${3-} in
      enforce | observe) mode=$3 ;;
    esac
    case $kind in
      hook) choice=${4:-$choice} ;;
      deadline) choice=${5:-$choice} ;;
    esac
  fi
  waiver=
  until=
  last=
  if [ -n "$uuid" ] && [ -r "$root/var/lib/premigrate/waivers/$uuid" ]; then
    while IFS=' ' read -r key value; do
      case $key in
        id) waiver=$value ;;
        until) until=$value ;;
      esac
      last=$key
    done <"$root/var/lib/premigrate/waivers/$uuid"
    case $waiver in
      *[!0-9a-f]*) waiver= ;;
    esac
    case $until in
      '' | *[!0-9]*) waiver= ;;
      *) [ "$last" = end ] && [ "$until" -gt "$(date +%s)" ] || waiver= ;;
    esac
  fi
  effect=allowed
  if [ "$mode" = observe ] || [ "$choice" = open ]; then
    waiver=
  elif [ -z "$waiver" ]; then
    effect=refused
  fi

  look_at_clock
  id=$(date -u +%Y%m%dT%H%M%SZ)-$$
  uuid_json=null
  [ -z "$uuid" ] || uuid_json="\"$uuid\""
  escape='s/[\\"]/\\&/g'
  # As lib/hook/records.ts writes it.
  line="{\"time\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\",\"id\":\"$id\",\"guest\":\"$(
    printf %s "$name" | tr -c ' -~' '?' | sed "$escape"
  )\",\"uuid\":$uuid_json,\"source\":null,\"destination\":null,\"mode\":\"$mode\",\"verdict\":\"undecided\",\"trouble\":\"$kind\",\"effect\":\"$effect\",${waiver:+\"waiver\":\"$waiver\",}\"codes\":[],\"why\":\"$(
    printf %s "$why" | sed "$escape"
  )\",\"ms\":$(((now - began) * 1000))}"
  umask 077
  audit=$root/var/log/premigrate/audit.jsonl
  # A line that a full disk cut short must not swallow this one.
  [ -z "$(tail -c 1 "$audit")" ] || line=$newline$line
  printf '%s\n' "$line" >>"$audit" || {
    [ "$on_report" = open ] || [ "$mode" = observe ] || [ -n "$waiver" ] || effect=refused
  }
  tell_journal "$effect, undecided ($kind): $why $line"
  [ "$effect" = refused ] || exit 0
  # Without a line break at the end: virsh adds its own.
  printf '%s\n%s' "premigrate: UNDECIDED, refused: $why" \
    "onTrouble.$kind is closed; see 'premigrate doctor', or let it pass: premigrate waive ${uuid:-UUID} --for 1h --reason TEXT" >&4
  exit 1
}

[ -x "$deno" ] || trouble hook "$on_hook" "there is no Deno at ${deno:-the path of $applied}"
digest=
read -r digest <"$lib/hook.js.sha256"
[ ${#digest} -eq 64 ] || trouble hook "$on_hook" "$lib/hook.js.sha256 is missing or altered"

asked=
round=1
while :; do
  look_at_clock
  left=$((deadline - now + began))
  [ "$left" -gt 1 ] || trouble deadline "$on_deadline" "the deadline of ${deadline}s passed"
  # shellcheck disable=SC2086 # words
  reply=$(
    exec 3>&- 4>&- 2>&1 5>&1
    {
      sha256sum <"$lib/hook.js" >&5
      # What the probe leaves behind must not hold the reply open.
      input "$((left > 2 ? left - 1 : 1))" $asked 2>/dev/null 5>&-
    } | judge "$left" "$round" "$name" 5>&-
  )
  status=$?
  IFS=$separator
  # shellcheck disable=SC2086 # parts: what Deno and sha256sum said, what the journal is told, the answer
  set -- $reply
  IFS=" $newline"
  # What it says when it is not itself is not heard.
  case $reply in
    *"$digest"*) ;;
    *) trouble hook "$on_hook" "$lib/hook.js is missing or altered" ;;
  esac
  { [ "$status" -eq 83 ] && [ "$round" -lt 3 ] && [ $# -ge 3 ]; } || break
  # What the bundle misses: the architecture whose QEMU is to be asked, or -, whether libvirt's networks
  # are, and the probe's arguments.
  tell_journal "$2"
  asked=$3
  round=$((round + 1))
  arch=${asked%% *}
  asked=${asked#* }
  ask_networks=${asked%% *}
  asked=${asked#* }
  look_at_clock
  left=$((deadline - now + began))
  [ "$left" -gt 1 ] || continue
  # shellcheck disable=SC2046 # words
  [ "$arch" = - ] || timeout -s KILL "$left" "$lib/premigrate" cache --arch "$arch" \
    $(printf %s "$asked" | sed -n 's/^\(--emulator [^ ]*\).*/\1/p') \
    ${root:+--root "$root"} 3>&- 4>&- </dev/null
  [ "$ask_networks" = - ] ||
    timeout -s KILL "$((left > 3 ? left / 2 : 1))" "$lib/premigrate" cache --networks \
      ${root:+--root "$root"} 3>&- 4>&- </dev/null
done

[ "$status" -gt 82 ] || [ "$status" -lt 80 ] || tell_journal "${2-}"
case $status in
  80) ;;
  81) printf %s "$3" >&3 ;;
  82)
    printf %s "$3" >&4
    exit 1
    ;;
  *)
    look_at_clock
    [ $((deadline - now + began)) -gt 0 ] ||
      trouble deadline "$on_deadline" "the deadline of ${deadline}s passed"
    said=$(printf '%s\n' "${1-}" | grep -v '  -$' | grep . | head -n 1)
    trouble hook "$on_hook" "$lib/hook.js ended with $status${said:+: $said}"
    ;;
esac
exit 0
