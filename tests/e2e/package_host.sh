#!/bin/sh
# A clean host of Debian's packages, with systemd and libvirt, in namespaces of its own: pid 1 of them.
#   package_host.sh FOLDER MIRROR FILES
# Prints "made" when the host is there, then becomes its systemd. FILES is its /mnt. All of it is in memory,
# and nothing of it outlives the namespaces.
set -eu
folder=$1 mirror=$2 files=$3 suite=bookworm
packages=man-db,systemd,systemd-sysv,libvirt-clients,libvirt-daemon-system,libvirt-daemon-driver-qemu

mount -t tmpfs -o mode=0755 tmpfs "$folder"
root=$folder/root
# The mirror may be a dated snapshot, so Valid-Until is not looked at; signatures are.
mmdebstrap --quiet --variant=minbase --include="$packages" \
  --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
  --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
  "$suite" "$root" "deb $mirror $suite main" >&2

mount --bind "$root" "$root"
cd "$root"
mount --bind "$files" mnt
mount -t proc proc proc
# This machine's own, which the host's systemd would change.
mount --bind -o ro proc/sys proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs run
mount -t cgroup2 cgroup2 sys/fs/cgroup
echo made
exec unshare --net chroot . setpriv --bounding-set=-sys_module,-sys_time,-sys_boot \
  env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --log-target=null --show-status=no systemd.unit=basic.target >&2
