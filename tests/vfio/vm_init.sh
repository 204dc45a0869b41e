#!/bin/sh
# The nested VM's first process. Mounts the folders that the kernel's command line names, runs the
# script `run` of the one that is called work, leaves its exit code beside it and ends the VM.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root
export PATH HOME
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
hostname nested
ip link set lo up
modprobe -a 9p 9pnet_virtio overlay veth vfio_iommu_type1 vfio_pci mdev config_mdev
# shellcheck disable=SC2013 # words are meant
for share in $(sed 's/.* shares=\([^ ]*\).*/\1/; y/,/ /' /proc/cmdline); do
  tag=${share%%:*} path=${share#*:}
  mkdir -p "$path"
  mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose "$tag" "$path"
  [ "$tag" != work ] || work=$path
done
sh "$work/run" < /dev/null 2>&1
code=$?
# What the kernel says of a fault is one, whatever the tests say.
! dmesg | grep -E 'WARNING:|BUG:|Oops|general protection|INFO: task .* blocked' || code=1
echo $code > "$work/exit"
sync
echo b > /proc/sysrq-trigger # At once: the VM ends instead of starting again.
