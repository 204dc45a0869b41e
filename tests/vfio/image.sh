#!/bin/sh
# Makes what the nested VM is started from: Debian 13 with its kernel, libvirt and a recent QEMU (of
# backports) beside Debian's own, the mdev module built for it, and a Deno.
#   image.sh FOLDER DENO
# Leaves root.ext4, vmlinuz and initrd.img in FOLDER. Nothing is installed on this machine.
set -eu
folder=$1 deno=$2
sources=$(dirname "$0")
suite=trixie
root=$folder/root
packages=linux-image-amd64,linux-headers-amd64,make,kmod,procps,iproute2
packages=$packages,libvirt-daemon,libvirt-daemon-driver-qemu,libvirt-clients,qemu-system-x86
packages=$packages,openssh-client,openssh-server

started=$(date +%s)
step() { printf '%4d s  %s\n' "$(($(date +%s) - started))" "$1"; }

# The mirror that this machine itself uses.
# shellcheck disable=SC2016 # apt's variables
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' |
  grep '/debian/$' | head -n 1)
[ -n "$mirror" ] || { echo "apt knows no mirror of Debian: run apt-get update" >&2; exit 1; }

rm -rf "$folder"
mkdir -p "$folder"
trap 'rm -rf --one-file-system "$root"' EXIT

step "Debian packages"
# Before the packages: what the kernel's initial RAM disk is made of, and whose QEMU is wanted. The
# mirror may be a dated snapshot, so Valid-Until is not looked at; signatures are.
cat > "$folder/setup.sh" << 'END'
set -eu
mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/etc/initramfs-tools/hooks" "$1/etc/apt/preferences.d"
echo 'MODULES=list' > "$1/etc/initramfs-tools/conf.d/vm"
cat > "$1/etc/initramfs-tools/hooks/vm" << 'HOOK'
#!/bin/sh
[ "$1" = prereqs ] && exit
. /usr/share/initramfs-tools/hook-functions
manual_add_modules virtio_pci virtio_blk ext4
HOOK
chmod +x "$1/etc/initramfs-tools/hooks/vm"
cat > "$1/etc/apt/preferences.d/backports" << 'PIN'
Package: src:qemu src:seabios src:libvirt
Pin: release n=trixie-backports
Pin-Priority: 500
PIN
END
# shellcheck disable=SC2016 # mmdebstrap's shell expands $1
mmdebstrap --variant=apt --include="$packages" \
  --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
  --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
  --setup-hook='sh "'"$folder"'/setup.sh" "$1"' --skip=cleanup/apt/lists \
  "$suite" "$root" "deb $mirror $suite main" "deb $mirror $suite-backports main"

step "Debian's own QEMU beside it"
# The emulator's libraries are those of the same suite, which are installed.
# shellcheck disable=SC2016 # the shell in the folder
chroot "$root" sh -ec '
  cd /tmp
  for package in qemu-system-x86 qemu-system-common qemu-system-data; do
    apt-get -qq -o APT::Sandbox::User=root download "$package/$0"
  done
  for file in qemu-*.deb; do dpkg -x "$file" /opt/qemu-stable; done
  rm qemu-*.deb
' "$suite"
cat > "$root/usr/local/bin/qemu-stable" << 'END'
#!/bin/sh
QEMU_MODULE_DIR=/opt/qemu-stable/usr/lib/x86_64-linux-gnu/qemu exec \
  /opt/qemu-stable/usr/bin/qemu-system-x86_64 -L /opt/qemu-stable/usr/share/qemu \
  -L /usr/share/seabios -L /usr/lib/ipxe/qemu "$@"
END
chmod +x "$root/usr/local/bin/qemu-stable"

step "the mdev module"
mkdir "$root/usr/src/config_mdev"
cp "$sources/config_mdev.c" "$root/usr/src/config_mdev"
echo 'obj-m := config_mdev.o' > "$root/usr/src/config_mdev/Makefile"
# shellcheck disable=SC2016 # the shell in the folder
chroot "$root" sh -ec '
  kernel=$(basename /lib/modules/*)
  # There is no pahole, which BTF wants.
  make -s -C "/lib/modules/$kernel/build" M=/usr/src/config_mdev CONFIG_DEBUG_INFO_BTF_MODULES= \
    modules
  install -D -m 644 -t "/lib/modules/$kernel/extra" /usr/src/config_mdev/config_mdev.ko
  depmod "$kernel"
'

step "the disk"
install -m 755 "$deno" "$root/usr/local/bin/deno"
install -m 755 "$sources/vm_init.sh" "$root/usr/local/sbin/vm-init"
rm -rf "$root/var/lib/apt/lists" "$root/var/cache/apt"
cp -L "$root/vmlinuz" "$root/initrd.img" "$folder/"
size=$(($(du -sm --apparent-size "$root" | cut -f 1) * 5 / 4 + 512))
mke2fs -q -t ext4 -O ^has_journal -d "$root" "$folder/root.ext4" "${size}M"
step "done"
