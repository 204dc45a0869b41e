#!/bin/sh
# Prints what can be read of a host and its PCI functions and mdevs; changes nothing.
#
#   probe.sh [--sysfs DIR] [--proc DIR] [--modules DIR] [--emulator PATH [--known IDENTITY | --identify]] [--all]
#     [--guests [--run DIR]] [--premigrate ROOT] [--attribute NAME]... [--file PATH]... [DDDD:BB:SS.F | MDEV-UUID]...
#
# --guests tells of each guest that libvirt runs which process and file its QEMU is.
#
# --premigrate tells what premigrate, installed below that folder, keeps: its applied configuration, its records of
# devices and its waivers; and reads of the devices what its hook would.
#
# An emulator of the known identity is not run, and none is with --identify.
#
# --attribute reads that sysfs attribute of each device too; parent/NAME is one of its physical function
# or, of an mdev, its parent. Its key has attributes/ before the name.
#
# --file tells the size of a regular file and its times of change; it is not opened. A guest's owner may have
# chosen the path.
#
# --all adds every function that may migrate: VFs, mdevs, whatever a VFIO driver is bound to.
# Its output is read by report.ts:
#
#   premigrate-probe 1
#   host | emulator PATH | file PATH | device ADDRESS | guest UUID | premigrate   what the attributes after it are of
#   attr KEY s TEXT                          a line of printable ASCII; again with the same KEY: the next line
#   attr KEY x                               any other bytes: in the next lines, a space and two digits for each
#   attr KEY - WHY                           not known
#   absent ADDRESS                           there is no such device
#   end N                                    N lines are before it that begin with no space, the first not counted
set -u
LC_ALL=C
export LC_ALL
PATH=${PATH:-/usr/bin:/bin}:/usr/sbin:/sbin # the last two have devlink
unset CDPATH
newline='
'
most_bytes=65536
most_applied_bytes=4194304
emulator_seconds=10
answer_blocks=1024 # of 4096 bytes
most_attributes=256
most_attribute_bytes=4096
attribute_seconds=2
most_files=512
file_seconds=2

refuse() { # WHY
  printf 'premigrate-probe: %s\n' "$1" >&2
  exit 2
}

is_path() { # TEXT
  case $1 in
    *[!A-Za-z0-9._/-]* | *..*) return 1 ;;
    /*) return 0 ;;
  esac
  return 1
}

is_identity() { # TEXT
  case $1 in
    *[!0-9:]* | '') return 1 ;;
  esac
}

is_address() { # TEXT
  case $1 in
    *[!0-9a-f:.-]*) return 1 ;;
    *-*-*-*-*-* | *:*:*:* | *.*.* | *-*[:.]* | *[:.]*-*) return 1 ;;
    ????????-????-????-????-????????????) return 0 ;;
    ????*:??:[01]?.[0-7]) [ ${#1} -le 16 ] ;;
    *) return 1 ;;
  esac
}

is_attribute() { # NAME, as lib/policy/attributes.ts has it
  [ ${#1} -le 128 ] || return 1
  case $1 in
    '' | *[!A-Za-z0-9_./-]* | [!A-Za-z0-9_]* | */[!A-Za-z0-9_]* | */ | *..* | */*/*/*/* | sections/* | */sections/*) return 1 ;;
  esac
  case ${1##*/} in
    config | rom | vpd | resource[0-9]*) return 1 ;;
  esac
}

is_file() { # PATH, as lib/facts/rom_files.ts has it
  [ ${#1} -le 1024 ] || return 1
  case $1 in
    *[!A-Za-z0-9._/+@:,=-]* | *..* | */) return 1 ;;
    /*) return 0 ;;
  esac
  return 1
}

# The output is gathered in $out, with the count of its records, and printed a device at a time.
# What is long is in $large: $out is copied with each record.
out=
large=
records=0

record() { # LINE
  out=$out$1$newline
  records=$((records + 1))
}

flush() {
  printf %s%s "$out" "$large"
  out=
  large=
}

unknown() { # KEY FILE
  if ! [ -e "$2" ]; then
    record "attr $1 - not there"
  elif ! [ -r "$2" ]; then
    record "attr $1 - not permitted"
  else
    record "attr $1 - cannot be read"
  fi
}

# That it is not there can be said only of a folder that may be searched.
not_there() { # KEY FILE
  folder=${2%/*}
  while [ -n "$folder" ] && ! [ -d "$folder" ]; do
    folder=${folder%/*}
  done
  if [ -x "${folder:-/}" ]; then unknown "$1" "$2"; else record "attr $1 - not permitted"; fi
}

value() { # KEY TEXT
  case $2 in
    *[!\ -~]*)
      record "attr $1 x"
      out=$out$(printf %s "$2" | od -An -v -tx1)$newline
      ;;
    *) record "attr $1 s $2" ;;
  esac
}

bytes() { # KEY FILE
  if hex=$(od -An -v -tx1 -N "$most_bytes" "$2" 2>/dev/null); then
    record "attr $1 x"
    [ -z "$hex" ] || out=$out$hex$newline
  else
    unknown "$1" "$2"
  fi
}

# A process for each file would take most of the time, so the shell reads them itself. What it drops
# or changes is seen by the size, and by the characters, and then od reads the file.
files() { # PREFIX FILE...
  prefix=$1
  shift
  sizes=$newline$(wc -c "$@" 2>/dev/null)$newline
  for name in "$@"; do
    key=$prefix$name
    case $sizes in
      *" $name$newline"*) ;;
      *)
        if [ -r "$name" ]; then bytes "$key" "$name"; else unknown "$key" "$name"; fi
        continue
        ;;
    esac
    size=${sizes%%" $name$newline"*}
    size=${size##*[ "$newline"]}
    if [ "$size" -gt "$most_bytes" ]; then
      record "attr $key - too large"
      continue
    fi
    lines=
    count=0
    length=0
    if [ "$size" -gt 0 ] && [ "$size" -le 8192 ]; then
      while IFS= read -r line; do
        lines="${lines}attr $key s $line$newline"
        count=$((count + 1))
        length=$((length + ${#line} + 1))
      done 2>/dev/null <"$name"
    fi
    case $length$lines in
      *[!\ -~"$newline"]*) bytes "$key" "$name" ;;
      "$size"attr*)
        out=$out$lines
        records=$((records + count))
        ;;
      *) bytes "$key" "$name" ;;
    esac
  done
}

# The directory that links are relative to; a device may go away while it is read.
enter() { # DIRECTORY
  cd -P "$1" 2>/dev/null || { cd / && return 1; }
  here=$PWD
}

link() { # KEY LINK: the last part of where it leads
  if cd -P "$2" 2>/dev/null; then
    value "$1" "${PWD##*/}"
    enter "$here"
  else
    unknown "$1" "$2"
  fi
}

bounded() { # SECONDS COMMAND...
  if command -v timeout >/dev/null 2>&1; then
    timeout -s KILL "$@"
    return
  fi
  seconds=$1
  shift
  { "$@" <&3 3<&- & } 3<&0
  child=$!
  {
    while [ "$seconds" -gt 0 ] && sleep 1 && kill -0 "$child"; do
      seconds=$((seconds - 1))
    done
    [ "$seconds" -gt 0 ] || kill -KILL "$child"
  } >/dev/null 2>&1 &
  wait "$child"
}

# Firmware and board id of those whose vendors want them equal.
devlink_info() { # PREFIX
  driver=
  if cd -P driver 2>/dev/null; then
    driver=${PWD##*/}
    enter "$here"
  fi
  case $driver in
    mlx5_core | pds_core) ;;
    *)
      record "attr $1devlink - not there"
      return
      ;;
  esac
  if ! command -v devlink >/dev/null 2>&1; then
    record "attr $1devlink - devlink is not installed"
  elif ! info=$(bounded 5 devlink dev info "pci/${here##*/}" 2>/dev/null); then
    record "attr $1devlink - devlink has no answer"
  elif [ ${#info} -gt "$most_bytes" ]; then
    record "attr $1devlink - too large"
  else
    value "$1devlink" "$info"
  fi
}

# A VF's physical function, or an mdev's parent: read once for all that follow one another.
parent=
parent_out=
parent_records=0
next_index=0

parent() { # LINK
  own_here=$here
  if ! enter "$1"; then
    unknown parent "$1"
  else
    if [ "$here" != "$parent" ]; then
      own_out=$out
      own_records=$records
      out=
      records=0
      parent=$here
      value parent "${here##*/}"
      files parent/ vendor numa_node
      devlink_info parent/
      declared_attributes "$here" parent
      next_index=0
      parent_out=$out
      parent_records=$records
      out=$own_out
      records=$own_records
    fi
    out=$out$parent_out
    records=$((records + parent_records))
    has_parent=yes
  fi
  enter "$own_here"
}

# The files, and those that only some devices have: that one is not there is said too (keys.ts).
own_files() { # FILE...
  files '' "$@" nvidia/current_vgpu_type driver/module/version
}

# Which of the physical function's links leads back. VFs mostly come in order.
vf_index() {
  for virtfn in "physfn/virtfn$next_index" physfn/virtfn*; do
    index=${virtfn#physfn/virtfn}
    case $index in
      *[!0-9]*) continue ;;
    esac
    if cd -P "$virtfn" 2>/dev/null && [ "$PWD" = "$here" ]; then
      value vf_index "$index"
      next_index=$((index + 1))
      return
    fi
    enter "$here"
  done
  record "attr vf_index - its physical function has no link to it"
}

pci_function() {
  own_files vendor device class modalias resource numa_node power_state reset_method
  devlink_info ''
  # After power_state: reading config may wake the device.
  small=$out
  out=
  bytes config config
  large=$out
  out=$small
  if [ -e physfn ]; then
    parent physfn
    vf_index
  else
    record "attr parent - not there"
  fi
}

mediated_device() {
  link mdev_type mdev_type
  own_files mdev_type/name mdev_type/description mdev_type/available_instances
  parent ..
}

# debugfs has a directory for each VFIO device, and in it one for what its driver offers.
migration_support() {
  if enter "$sysfs/kernel/debug/vfio/$address/migration"; then
    value migration yes
    [ ! -e features ] || files migration/ features
  elif [ -d "$sysfs/kernel/debug/vfio/$address" ]; then
    value migration no
  elif [ -d "$sysfs/kernel/debug" ] && ! [ -x "$sysfs/kernel/debug" ]; then
    record "attr migration - not permitted"
  else
    record "attr migration - not there"
  fi
  enter "$directory"
}

# Those that policies ask for, of drivers that nobody here knows. Reading one may never end, so a process
# with a time limit does; and once is enough to find that out.
slow=

attribute() { # NAME FILE
  key=attributes/$1
  if ! [ -e "$2" ]; then
    not_there "$key" "$2"
    return
  fi
  case "$slow " in
    *" $1 "*)
      record "attr $key - not tried again: it took too long of another device"
      return
      ;;
  esac
  hex=$(bounded "$attribute_seconds" \
    od -An -v -tx1 -N $((most_attribute_bytes + 1)) "$2" 2>/dev/null)
  status=$?
  if [ "$status" -eq 137 ]; then # killed
    slow="$slow $1"
    record "attr $key - no answer after $attribute_seconds seconds"
  elif [ "$status" -ne 0 ]; then
    unknown "$key" "$2"
  elif [ ${#hex} -gt $((most_attribute_bytes * 49 / 16)) ]; then
    record "attr $key - too large"
  else
    record "attr $key x"
    [ -z "$hex" ] || out=$out$hex$newline
  fi
}

# By whole paths: a device that has gone has left the shell in another directory.
declared_attributes() { # DIRECTORY [parent]
  for name in $attributes; do
    case $name in
      parent/*) [ -z "${2-}" ] || attribute "$name" "$1/${name#parent/}" ;;
      *) [ -n "${2-}" ] || attribute "$name" "$1/$name" ;;
    esac
  done
}

device() { # ADDRESS
  address=$1
  case $address in
    *-*)
      directory=$sysfs/bus/mdev/devices/$address
      above=$directory/..
      ;;
    *)
      directory=$sysfs/bus/pci/devices/$address
      above=$directory/physfn
      ;;
  esac
  records_before=$records
  has_parent=
  record "device $address"
  if enter "$directory"; then
    link driver driver
    link iommu_group iommu_group
    migration_support
    case $address in
      *-*) mediated_device ;;
      *) pci_function ;;
    esac
    declared_attributes "$directory"
    [ -n "$has_parent" ] || declared_attributes "$above" parent
  fi
  # One that has gone meanwhile has not been read from where it was.
  if ! [ -d "$directory" ]; then
    out=
    large=
    records=$records_before
    record "absent $address"
  fi
  flush
}

# stat alone: whatever it is, nothing of it is read. Where a file server gives no answer, no other file is
# asked for.
hung=

file() { # PATH
  record "file $1"
  if [ -n "$hung" ]; then
    record "attr size - not tried: another file gave no answer"
    return
  fi
  said=$(bounded "$file_seconds" stat -L -c '%f %s %Y %Z' "$1" 2>&1)
  case "$? $said" in
    '0 8'???' '*)
      said=${said#* }
      value size "${said%% *}"
      said=${said#* }
      value modified "${said% *}"
      value changed "${said#* }"
      ;;
    '0 '*) record "attr size - no regular file" ;;
    '137 '*) # killed
      hung=yes
      record "attr size - no answer after $file_seconds seconds"
      ;;
    *': No such file or directory' | *': Not a directory') record "attr size - not there" ;;
    *': Permission denied') record "attr size - not permitted" ;;
    *) record "attr size - cannot be read" ;;
  esac
}

may_migrate() { # DIRECTORY of a PCI function
  [ ! -e "$1/physfn" ] && [ ! -d "$1/vfio-dev" ] || return 0
  cd -P "$1/driver" 2>/dev/null || return 1
  case ${PWD##*/} in
    *vfio*) return 0 ;;
  esac
  return 1
}

add_device() { # ADDRESS
  case "$devices " in
    *" $1 "*) ;;
    *) devices="$devices $1" ;;
  esac
}

add_attribute() { # NAME
  case "$attributes " in
    *" $1 "*) return ;;
  esac
  attributes="$attributes $1"
  attribute_count=$((attribute_count + 1))
}

add_file() { # PATH
  case "$files " in
    *" $1 "*) return ;;
  esac
  files="$files $1"
  file_count=$((file_count + 1))
}

add_all() {
  for directory in "$sysfs"/bus/pci/devices/* "$sysfs"/bus/mdev/devices/*; do
    is_address "${directory##*/}" || continue
    case $directory in
      "$sysfs"/bus/pci/*) may_migrate "$directory" || continue ;;
    esac
    add_device "${directory##*/}"
  done
}

host() {
  record host
  value time "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
  value uid "$(id -u)"
  enter "$proc"
  files '' sys/kernel/hostname sys/kernel/osrelease sys/kernel/random/boot_id driver/nvidia/version
  enter /etc
  files '' machine-id
  [ -d "$sysfs/bus/pci/devices" ] || unknown bus/pci "$sysfs/bus/pci/devices"
  enter "$sysfs/module"
  set --
  for module in *; do
    case $module in
      *[!A-Za-z0-9_]*) ;;
      *vfio* | nvidia* | *qat* | mlx5_core | pds_core | hisi_qm | ice | xe | i915 | kvmgt | mdev | mtty)
        set -- "$@" "$module/version"
        ;;
    esac
  done
  [ $# -eq 0 ] || files module/ "$@"
  # Another sysfs is of a kernel with other modules.
  [ "$sysfs" != /sys ] || modules=${modules:-/lib/modules/$(uname -r)}
  [ -z "$modules" ] || vfio_aliases "$modules/modules.alias"
}

# Which VFIO driver fits which device.
vfio_aliases() { # FILE
  if [ -r "$1" ]; then
    value vfio_aliases "$(grep '^alias vfio_pci:' "$1")"
  else
    unknown vfio_aliases "$1"
  fi
}

# The questions, and then its input is held open until the emulator has gone: QEMU forgets what it has
# not done yet when its input ends, and what it has not written yet when it is told to quit.
questions() {
  printf '%s\n' '{"execute":"qmp_capabilities"}' '{"execute":"query-version","id":"version"}' \
    '{"execute":"query-machines","arguments":{"compat-props":true},"id":"machines-compat-props"}' \
    '{"execute":"query-machines","id":"machines"}'
  tenths=$((10 * emulator_seconds))
  while [ "$tenths" -gt 0 ] && { sleep 0.1 || sleep 1; } && printf '\n'; do
    tenths=$((tenths - 1))
  done
} 2>/dev/null

# An emulator's process id, and then what it writes.
run_emulator() { # PATH
  # shellcheck disable=SC2016 # for the shell that becomes the emulator
  bounded "$emulator_seconds" sh -c 'echo $$; exec "$@"' sh "$1" \
    -machine none -nodefaults -nographic -display none -S -qmp stdio 2>/dev/null
}

# Its input up to the last answer, then which file answered, and the emulator is ended. dd ends by itself
# where a child of the emulator holds the output open.
answers() {
  read -r pid
  bounded $((emulator_seconds + 1)) dd bs=4096 count="$answer_blocks" 2>/dev/null | {
    sed '/"id": "machines"/q'
    # Where it has a child, that may have answered.
    read -r children 2>/dev/null <"/proc/$pid/task/$pid/children" || children=${children-unknown}
    exe=$(identify_file "/proc/$pid/exe")
    [ -n "$children" ] || [ -z "$exe" ] || printf '\nexe %s\n' "$exe"
    # shellcheck disable=SC2086 # words
    kill "$pid" $children 2>/dev/null
  }
}

identify_file() { # FILE
  stat -L -c '%s:%Y:%Z:%i:%d' "$1" 2>/dev/null
}

emulator() { # PATH
  record "emulator $1"
  if ! { [ -f "$1" ] && [ -x "$1" ]; }; then
    record "attr qmp - no executable file"
    return
  fi
  emulator=$1
  # shellcheck disable=SC2046 # a word a file
  set -- $(stat -L -c '%s:%Y:%Z:%i:%d' "$emulator" /usr/sbin/virtqemud /usr/sbin/libvirtd 2>/dev/null)
  identity=${1:-$(ls -Ldin "$emulator")}
  [ $# -eq 0 ] || shift
  value identity "$identity"
  value daemons "$*"
  if [ -n "$identify" ] || [ "$identity" = "$known" ]; then
    record "attr qmp - known"
    return
  fi
  # All at once: it must not wait for a slow connection.
  hex=$(questions | run_emulator "$emulator" | answers | od -An -v -tx1)
  record "attr qmp x"
  [ -z "$hex" ] || out=$out$hex$newline
}

# Its arguments a line each: libvirt's own are before those that a guest's owner may add.
guests() {
  seen=
  for file in "$run"/libvirt/qemu/*.pid; do
    pid=
    read -r pid 2>/dev/null <"$file"
    case $pid in
      '' | *[!0-9]*) continue ;;
    esac
    arguments=$newline$(bounded 2 tr '\000\n' '\n\t' 2>/dev/null <"$proc/$pid/cmdline")$newline
    uuid=${arguments#*"$newline-uuid$newline"}
    uuid=${uuid%%"$newline"*}
    case $uuid in
      *[!0-9a-f-]* | *:*) continue ;;
      ????????-????-????-????-????????????) ;;
      *) continue ;;
    esac
    # A file that was left behind may name another guest's process by now.
    case $seen in
      *" $uuid "*) continue ;;
    esac
    seen="$seen $uuid "
    record "guest $uuid"
    value pid "$pid"
    # Also where it has been replaced since; only its own user and root may look.
    exe=$(identify_file "$proc/$pid/exe")
    if [ -n "$exe" ]; then value exe "$exe"; else record "attr exe - cannot be read"; fi
  done
}

# The lines for a shell of what lib/config/config.ts writes.
applied_choices() { # FILE
  while IFS=' ' read -r key value; do
    case $key in
      all-devices) [ "$value" != yes ] || all=yes ;;
      attributes)
        for name in $value; do
          [ "$attribute_count" -ge "$most_attributes" ] || ! is_attribute "$name" ||
            add_attribute "$name"
        done
        ;;
      choices-end) break ;;
    esac
  done
} 2>/dev/null <"$1"

premigrate() { # ROOT
  record premigrate
  if enter "$1/etc/premigrate"; then
    most_bytes=$most_applied_bytes
    files '' applied.conf
    most_bytes=65536
  else
    not_there applied.conf "$1/etc/premigrate/applied.conf"
  fi
  flush
  for kept in realize waivers; do
    directory=$1/var/lib/premigrate/$kept
    if ! { [ -r "$directory" ] && enter "$directory"; }; then
      not_there "$kept" "$directory"
      continue
    fi
    set -- "$1"
    for name in *; do
      case $name in
        *[!0-9a-fjson.-]*) ;; # none of its own
        *) set -- "$@" "$name" ;;
      esac
    done
    root=$1
    shift
    [ $# -eq 0 ] || files "$kept/" "$@"
    set -- "$root"
    flush
  done
}

main() {
  sysfs=/sys
  run=/run
  guests=
  premigrate=
  proc=/proc
  modules=
  emulator=
  known=
  identify=
  all=
  devices=
  attributes=
  attribute_count=0
  files=
  file_count=0
  argument=0
  while [ $# -gt 0 ]; do
    argument=$((argument + 1))
    case $1 in
      --sysfs | --proc | --modules | --emulator | --run | --premigrate)
        is_path "${2-}" || refuse "argument $((argument + 1)) is no absolute path of A-Z a-z 0-9 . _ / -"
        case $1 in
          --sysfs) sysfs=$2 ;;
          --proc) proc=$2 ;;
          --modules) modules=$2 ;;
          --emulator) emulator=$2 ;;
          --run) run=$2 ;;
          --premigrate) premigrate=$2 ;;
        esac
        shift
        argument=$((argument + 1))
        ;;
      --known)
        is_identity "${2-}" || refuse "argument $((argument + 1)) is no identity of 0-9 :"
        known=$2
        shift
        argument=$((argument + 1))
        ;;
      --attribute)
        argument=$((argument + 1))
        is_attribute "${2-}" || refuse "argument $argument is no name of an attribute that may be read"
        add_attribute "$2"
        [ "$attribute_count" -le "$most_attributes" ] ||
          refuse "argument $argument is an attribute more than the $most_attributes that may be asked for"
        shift
        ;;
      --file)
        argument=$((argument + 1))
        is_file "${2-}" || refuse "argument $argument is no absolute path of A-Z a-z 0-9 . _ / + @ : , = -"
        add_file "$2"
        [ "$file_count" -le "$most_files" ] ||
          refuse "argument $argument is a file more than the $most_files that may be asked for"
        shift
        ;;
      --identify) identify=yes ;;
      --guests) guests=yes ;;
      --all) all=yes ;;
      *)
        is_address "$1" || refuse "argument $argument is neither an option nor a device"
        add_device "$1"
        ;;
    esac
    shift
  done

  # Below the root itself a path has one slash.
  root=${premigrate%/}
  [ -z "$premigrate" ] || applied_choices "$root/etc/premigrate/applied.conf"

  printf 'premigrate-probe 1\n'
  host
  [ -z "$all" ] || add_all
  flush
  for address in $devices; do
    device "$address"
  done
  for path in $files; do
    file "$path"
  done
  [ -z "$emulator" ] || emulator "$emulator"
  [ -z "$guests" ] || guests
  [ -z "$premigrate" ] || premigrate "$root"
  flush
  printf 'end %s\n' "$records"
}

# Here, so that a script that arrives in part does nothing; and what it runs must not read the rest.
main "$@" </dev/null
