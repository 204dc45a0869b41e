#!/bin/sh
# One machine of the tests: pid 1 of namespaces of its own. Prints "ready", then lives until its
# standard input ends; the kernel then ends everything that runs in it.
#   host.sh NAME ADDRESS FILES
# NAME is hosta, hostb or operator (which has no daemons). FILES is a folder with the run's ssh keys,
# and the files known_hosts and hosts.
# Nothing of this outlives the mount namespace, beside empty folders /var/*/libvirt.
set -eu
name=$1 address=$2 files=$3
PATH=$PATH:/usr/sbin:/sbin

hostname "$name"
ip link set lo up
ip address add "$address/32" dev lo

mount -t tmpfs tmpfs /run
cp -a /etc /run/etc
mount --bind /run/etc /etc
for folder in /var/lib/libvirt /var/log/libvirt /var/cache; do
  mkdir -p "$folder"
  mount -t tmpfs tmpfs "$folder"
done
# With this network's interfaces, and without cgroups, in which the machines would meet.
mount -t sysfs sysfs /sys

cp "$files/hosts" /etc/hosts
tr -d - < /proc/sys/kernel/random/uuid > /etc/machine-id
rm -rf /etc/ssh
mkdir /etc/ssh
cp "$files/client" "$files/client.pub" "$files/known_hosts" /etc/ssh
cat > /etc/ssh/ssh_config <<'END'
BatchMode yes
IdentitiesOnly yes
IdentityFile /etc/ssh/client
StrictHostKeyChecking yes
GlobalKnownHostsFile /etc/ssh/known_hosts
UserKnownHostsFile none
END
# What the person who runs the tests has configured for ssh has no place in them.
[ ! -d ~/.ssh ] || mount -t tmpfs -o mode=0700 tmpfs ~/.ssh

if [ "$name" = operator ]; then
  echo ready
  cat > /dev/null
  exit
fi

cp "$files/$name" /etc/ssh/host_key
cat > /etc/ssh/sshd_config <<'END'
HostKey /etc/ssh/host_key
AuthorizedKeysFile /etc/ssh/client.pub
PasswordAuthentication no
Subsystem sftp internal-sftp
UsePAM no
END
# sshd refuses an account whose password is locked by "!".
sed -i 's/^root:[^:]*:/root:*:/' /etc/shadow
mkdir /run/sshd
"$(command -v sshd)" # It wants its whole path.

mkdir -p /etc/libvirt
cat > /etc/libvirt/libvirtd.conf <<END
listen_tls = 0
listen_tcp = 1
auth_tcp = "none"
auth_unix_ro = "none"
auth_unix_rw = "none"
host_uuid = "$(cat /proc/sys/kernel/random/uuid)"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
END
cat > /etc/libvirt/qemu.conf <<'END'
user = "root"
group = "root"
security_driver = "none"
dynamic_ownership = 0
remember_owner = 0
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
END
# libvirt's QEMU driver looks these up although QEMU runs as root; libvirt-daemon-system, which is
# not needed, would make them.
grep -q ^libvirt-qemu: /etc/passwd ||
  echo 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin' >> /etc/passwd
for group in libvirt-qemu:64055 kvm:64056 libvirt:64057; do
  grep -q "^${group%:*}:" /etc/group || echo "${group%:*}:x:${group#*:}:" >> /etc/group
done

libvirtd --listen < /dev/null > /var/log/libvirt/libvirtd.out 2>&1 &
if ! timeout 300 sh -c 'until timeout 30 virsh --connect qemu:///system version; do sleep 0.05; done' \
  > /run/virsh.out 2>&1; then
  tail -n 5 /run/virsh.out /var/log/libvirt/libvirtd.* >&2
  exit 1
fi
echo ready
cat > /dev/null
