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
uptime=/proc/uptime
most_bytes=4194305         # more than libvirt sends, REMOTE_STRING_MAX
most_reply_bytes=16777216
most_report_bytes=268435456 # all together
most_opened=16             # mediated devices
last_steps=50              # hundredths of a second of the deadline, for what the shell does at the end

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

# Arithmetic on anything else may end the shell, or be octal.
number() { # TEXT LEAST MOST
  case $1 in
    0 | [1-9]*) ;;
    *) return 1 ;;
  esac
  case $1 in
    *[!0-9]* | ?????????????*) return 1 ;;
  esac
  [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
}

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
      deadline) ! number "$value" 2 600 || deadline=$value ;;
      on-hook) on_hook=$value ;;
      on-deadline) on_deadline=$value ;;
      on-report) on_report=$value ;;
      record) record=$value ;;
      reports) ! number "$value" 1 100000 || reports=$value ;;
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

# Where nothing can be locked, hung or damaged: it saves a tenth of a second, and could cost the verdict.
export DENO_DIR=/dev/null/none DENO_NO_UPDATE_CHECK=1

# Where it is closed, what reads from it would read from the pipe that it writes to.
! [ -d /proc/self/fd ] || [ -e /proc/self/fd/0 ] || exec </dev/null

if [ "$2" = start ]; then
  # Whatever happens, the guest is to start.
  trap 'trap - EXIT; exit 0' EXIT HUP INT PIPE TERM
  {
    # libvirt holds the guest's lock now: nothing here may ask libvirt.
    read_choices
    [ "$record" = yes ] || exit 0
    seconds=$((deadline > 20 ? deadline / 10 : 2))
    xml=$(timeout -s KILL "$seconds" head -c "$most_bytes")
    # In the background: what the recorder leaves behind must not hold the writer, nor that the guest.
    has_no_device || (printf %s "$xml" &) | timeout -s KILL "$seconds" \
      "$lib/premigrate" record-start --seconds "$seconds" ${root:+--root "$root"}
  } >/dev/null 2>&1
  exit 0
fi

# Hundredths of a second, in $now.
look_at_clock() {
  now=
  read -r now _ <"$uptime"
  case $now in
    *.[0-9][0-9]) number "${now%.*}" 0 9999999999 || return 1 ;;
    *) return 1 ;;
  esac
  now=$((${now%.*} * 100 + 1${now#*.} - 100))
}

# What a step may take of what is left before the deadline: each asks when it begins, so that all
# together never pass it.
grant() { # MOST RESERVE, in hundredths of a second: seconds, in $limit
  look_at_clock || return 1
  limit=$((deadline * 100 - last_steps - now + began - $2))
  [ "$limit" -lt "$1" ] || limit=$1
  [ "$limit" -gt 0 ] || return 1 # 0 would be no limit at all
  part=$((limit % 100))
  [ "$part" -gt 9 ] || part=0$part
  limit=$((limit / 100)).$part
}

# The host's addresses of the guest's devices, and its QEMU: what stands below the domain's own <devices>,
# where libvirt writes it, and nothing that anybody has put into its <metadata>. Each "<" begins a tag where
# there is no comment, CDATA section or processing instruction; of a document that has one, or is in another
# way not as libvirt writes it, nothing is taken here: the bundle, which parses it, asks for what it misses.
arguments() {
  grant 200 $((2 * reserve)) || return
  # shellcheck disable=SC2016 # awk's own
  printf %s "$xml" | timeout -s KILL "$limit" awk '
    function value(name) {
      if (!match($0, "[ \n\t]" name "=[\047\"][^\047\"]*[\047\"]")) return ""
      name = substr($0, RSTART, RLENGTH - 1)
      sub(/^[^\047"]*[\047"]/, "", name)
      return name
    }
    function hex(name) { name = value(name); sub(/^0x/, "", name); return name }
    function is(name) { return $0 ~ ("^" name "([ \n\t>/]|$)") }
    BEGIN {
      RS = "<"
      digit = "[0-9a-f]"
      four = digit digit digit digit
      uuid = "^" four four "-" four "-" four "-" four "-" four four four "$"
      bdf = "^" four digit "*:" digit digit ":[01]" digit "\\.[0-7]$"
    }
    /^[!?]/ { bad = 1; exit }
    is("metadata") { if (seen++ || devices) { bad = 1; exit } inside = !/\/>[ \n\t]*$/; next }
    is("/metadata") { inside = 0; next }
    inside { next }
    is("devices") { if (devices++) { bad = 1; exit } open = 1; next }
    is("/devices") { open = device = source = 0; next }
    !open { next }
    /^emulator>\/[A-Za-z0-9._\/-]*$/ && !emulator { emulator = substr($0, 10) }
    is("hostdev") || is("interface") { device = !/\/>[ \n\t]*$/; source = 0 }
    is("/hostdev") || is("/interface") { device = source = 0 }
    is("source") { source = device && !/\/>[ \n\t]*$/ }
    is("/source") { source = 0 }
    source && is("address") {
      address = value("uuid")
      if (address !~ uuid) address = hex("domain") ":" hex("bus") ":" hex("slot") "." hex("function")
      if (address ~ uuid || (address ~ bdf && length(address) <= 16)) found[++count] = address
    }
    END {
      if (bad || inside) exit
      if (emulator) print "--emulator " emulator
      for (i = 1; i <= count && i <= 256; i++) print found[i]
    }'
}

# The bundle's input, while Deno starts: the document, what is to be read of this host, and the config
# regions of the guest's mediated devices, which are nowhere else to be read. The bundle may name more:
# of those that it is to choose from.
input() { # ARGUMENT...
  printf %s%s "$xml" "$separator"
  # shellcheck disable=SC2046 # words
  [ $# -gt 0 ] || set -- $(arguments)
  status=137
  if grant 60000 $((2 * reserve)); then
    # shellcheck disable=SC2086 # words
    timeout -s KILL "$limit" sh "$lib/probe.sh" --identify $all $attributes "$@" </dev/null
    status=$?
  fi
  [ "$status" -ne 137 ] || printf '%sdeadline' "$separator"
  opened=0
  for address in "$@"; do
    case $address in
      ????????-????-????-????-????????????) region "$address" || return ;;
    esac
  done
}

region() { # UUID
  group=$(readlink "$mdevs/$1/iommu_group")
  case $(readlink "$mdevs/$1/mdev_type") in
    # It is not here: the others may be. Opening NVIDIA's would start the vGPU.
    '' | */nvidia-*) return 0 ;;
  esac
  opened=$((opened + 1))
  [ "$opened" -le "$most_opened" ] || return
  grant $((deadline > 18 ? deadline * 100 / 6 : 300)) $((2 * reserve)) || return
  printf '%s%s\n' "$separator" "$1"
  run_deno "$limit" --allow-ffi "$lib/vfio_region_main.js" "$1" "${group##*/}" </dev/null ||
    return 0
}

run_deno() { # SECONDS OPTION... SCRIPT ARGUMENT...
  seconds=$1
  shift
  # Which libvirt hands on, and with which Deno starts nothing.
  unset LD_PRELOAD LD_LIBRARY_PATH
  NO_COLOR=1 timeout -s KILL "$seconds" "$deno" run --quiet --no-prompt --no-config --no-lock --no-npm \
    --no-remote --cached-only "$@"
}

# Its own deadline is before that by which it is ended.
judge() { # ROUND
  cd /
  log=$root/var/log/premigrate
  var=$root/var/lib/premigrate
  grant 60000 "$reserve" || return
  own=$limit
  grant 60000 0 || return
  run_deno "$limit" --allow-write="$log" ${programs:+--allow-run="${programs#,}"} \
    --allow-read="$applied,$var/waivers,$var/realize,$root/var/cache/premigrate/host.json,$networks,$network_states,$log" \
    "$lib/hook.js" "$root" "$name" "$own" "$1" "$deadline"
}

# What Deno and sha256sum say, and at last the status.
decide() { # ROUND ARGUMENT...
  round=$1
  shift
  {
    sha256sum <"$lib/hook.js" >&5
    # What the probe leaves behind must not hold the reply open.
    input "$@" 2>/dev/null 5>&-
  } | judge "$round" 5>&-
  printf '\n%sended %s\n' "$separator" "$?"
} 5>&1

# Behind libvirt's back: it waits for none of this.
tell_journal() { # TEXT
  (
    exec 3>&- 4>&-
    printf '%s\n' "$1" | timeout -s KILL 10 logger -t premigrate -p daemon.notice
    # shellcheck disable=SC2012 # names are its own
    cd "$root/var/log/premigrate/reports" &&
      ls -lnr | awk -v count="$reports" -v bytes="$most_report_bytes" '
        $NF ~ /^[0-9T]*Z-[0-9a-f]*[.]json$/ && (++kept > count || (size += $5) > bytes) {
          print $NF
        }' | xargs rm -f
  ) </dev/null &
}

# What becomes of a migration that the bundle did not decide. It leaves a line in the audit file.
trouble() { # KIND CHOICE WHY
  trap - EXIT
  trap '' HUP INT PIPE TERM
  umask 077
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
    case $kind/$choice in
      */never) ;;
      hook/*) choice=${4:-$choice} ;;
      deadline/*) choice=${5:-$choice} ;;
    esac
  fi
  waiver=
  until=
  form=
  if [ -n "$uuid" ] && [ -r "$root/var/lib/premigrate/waivers/$uuid" ]; then
    # As lib/config/waiver.ts reads it.
    while IFS= read -r line; do
      case $line in
        'premigrate-waiver 1') form=${form}w ;;
        'id '????????) form=${form}i waiver=${line#id } ;;
        'until '*) form=${form}u until=${line#until } ;;
        'reason '?*) form=${form}r ;;
        end) form=${form}e ;;
        *) form=${form}x ;;
      esac
    done <"$root/var/lib/premigrate/waivers/$uuid"
    case $waiver in
      *[!0-9a-f]*) waiver= ;;
    esac
    { [ "$form" = wiure ] && number "$until" "$(date +%s)" 999999999999; } || waiver=
  fi
  effect=allowed
  if [ "$mode" = observe ] || [ "$choice" = open ]; then
    waiver=
  elif [ -z "$waiver" ]; then
    effect=refused
  fi

  id=$(date -u +%Y%m%dT%H%M%SZ)-$$
  uuid_json=null
  [ -z "$uuid" ] || uuid_json="\"$uuid\""
  escape='s/[\\"]/\\&/g'
  look_at_clock || now=$began
  # As lib/hook/records.ts writes it.
  line="{\"premigrate\":\"audit/1\",\"time\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\",\"id\":\"$id\",\"guest\":\"$(
    printf %s "$name" | tr -c ' -~' '?' | sed "$escape"
  )\",\"uuid\":$uuid_json,\"source\":null,\"destination\":null,\"mode\":\"$mode\",\"verdict\":\"undecided\",\"trouble\":\"$kind\",\"effect\":\"$effect\",${waiver:+\"waiver\":\"$waiver\",}\"codes\":[],\"why\":\"$(
    printf %s "$why" | sed "$escape"
  )\",\"ms\":$(((now - began) * 10))}"
  append "$line" || {
    # Without a program that this takes, in this very process.
    case $? in
      12[67]) printf '%s%s\n' "$newline" "$line" >>"$audit" ;;
      *) false ;;
    esac
  } || {
    [ "$on_report" = open ] || [ "$mode" = observe ] || [ -n "$waiver" ] || effect=refused
  }
  tell_journal "$effect, undecided ($kind): $why $line"
  [ "$effect" = refused ] || exit 0
  # Without a line break at the end: virsh adds its own.
  printf '%s\n%s' "premigrate: UNDECIDED, refused: $why" \
    "onTrouble.$kind is closed; see 'premigrate doctor', or let it pass: premigrate waive ${uuid:-UUID} --for 1h --reason TEXT" >&4
  exit 1
}

# In a process of its own: the file may be where nothing answers.
audit=$root/var/log/premigrate/audit.jsonl
append() { # LINE
  last=$((deadline * 100 - now + began))
  [ "$last" -ge 20 ] || last=20
  # A line that a full disk cut short must not swallow this one.
  # shellcheck disable=SC2016 # for that process
  timeout -s KILL "$((last / 100)).$((last / 10 % 10))" sh -c '
    start=
    [ -z "$(tail -c 1 "$2")" ] || start="
"
    printf "%s%s\n" "$start" "$1" >>"$2"
  ' sh "$1" "$audit"
}

leave() { # STATUS, of a migration that the bundle has written down
  trap - EXIT
  exit "$1"
}

xml=
now=0
began=0
reserve=0

# What is closed is not to be written to; libvirt waits until nobody holds these, and takes what is
# printed for the answer.
exec 3>&- 4>&-
[ ! -e /proc/self/fd/1 ] || exec 3>&1
[ ! -e /proc/self/fd/2 ] || exec 4>&2
trap 'trouble hook "$on_hook" "the launcher ended with $?"' EXIT
trap 'trouble hook "$on_hook" "SIGHUP ended it"' HUP
trap 'trouble hook "$on_hook" "SIGINT ended it"' INT
trap 'trouble hook "$on_hook" "SIGPIPE ended it"' PIPE
trap 'trouble hook "$on_hook" "SIGTERM ended it"' TERM
exec >/dev/null 2>&1

look_at_clock && began=$now
read_choices
grant 60000 0 || limit=$deadline
xml=$(
  timeout -s KILL "$limit" head -c "$most_bytes"
  echo .
)
xml=${xml%.}
[ "$plain" = yes ] || ! has_no_device || ! is_on_plain_networks || leave 0

[ "$began" -gt 0 ] || trouble hook "$on_hook" "there is no time in $uptime"
reserve=$((deadline > 8 ? 100 : deadline * 100 / 8))
[ -x "$deno" ] || trouble hook "$on_hook" "there is no Deno at ${deno:-the path of $applied}"
digest=
read -r digest <"$lib/hook.js.sha256"
[ ${#digest} -eq 64 ] || trouble hook "$on_hook" "$lib/hook.js.sha256 is missing or altered"

asked=
round=1
while :; do
  grant 60000 0 || trouble deadline "$on_deadline" "the deadline of ${deadline}s passed"
  # In the background, and read up to its last line: what is left behind holds nothing that is waited for.
  # shellcheck disable=SC2086 # words
  reply=$(
    exec 3>&- 4>&-
    { decide "$round" $asked 2>&1 & } | timeout -s KILL "$limit" sed "/^${separator}ended [0-9]*\$/q" |
      head -c "$most_reply_bytes"
  )
  status=${reply##*"$separator"ended }
  case $reply in
    *"$newline${separator}ended "*) number "$status" 0 255 || status= ;;
    *) status= ;;
  esac
  if [ -z "$status" ]; then
    grant 60000 0 || trouble deadline "$on_deadline" "the deadline of ${deadline}s passed"
    trouble hook "$on_hook" "$lib/hook.js gave no answer"
  fi
  reply=${reply%"$newline$separator"ended *}
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
  # shellcheck disable=SC2046 # words
  [ "$arch" = - ] || ! grant 60000 $((4 * reserve)) ||
    timeout -s KILL "$limit" "$lib/premigrate" cache --arch "$arch" \
      $(printf %s "$asked" | sed -n 's/^\(--emulator [^ ]*\).*/\1/p') \
      ${root:+--root "$root"} 3>&- 4>&- </dev/null
  [ "$ask_networks" = - ] || ! grant 60000 $((4 * reserve)) ||
    timeout -s KILL "$limit" "$lib/premigrate" cache --networks ${root:+--root "$root"} \
      3>&- 4>&- </dev/null
done

[ "$status" -gt 82 ] || [ "$status" -lt 80 ] || tell_journal "${2-}"
case $status in
  80) leave 0 ;;
  81)
    # Without it the guest would get the devices that the XML names.
    trap '' PIPE
    printf %s "$3" >&3 || trouble hook never "nobody takes the domain XML with the devices that were chosen"
    leave 0
    ;;
  82)
    printf %s "$3" >&4
    leave 1
    ;;
  *)
    grant 60000 0 || trouble deadline "$on_deadline" "the deadline of ${deadline}s passed"
    said=$(printf '%s\n' "${1-}" | grep -v '  -$' | grep . | head -n 1)
    trouble hook "$on_hook" "$lib/hook.js ended with $status${said:+: $said}"
    ;;
esac
