import type { Hosts } from "./hosts.ts";

/**
 * Starts a small guest on a host, and waits until its firmware has numbered the buses, found nothing
 * to boot and stands still.
 *
 * @param options.machine Its machine type; a q35 unless given.
 */
export async function bootGuest(
  hosts: Hosts,
  host: "a" | "b",
  name: string,
  { machine = "pc-q35-7.2" }: { readonly machine?: string } = {},
): Promise<void> {
  await hosts.defineAndStart(host, guestXml(name, machine));
  const untilIdle = 'until grep -q "No bootable device" "$0"; do sleep 0.05; done';
  const { code } = await hosts.run(host, ["sh", "-c", untilIdle, serialLog(name)]);
  if (code !== 0) throw new Error(`Booting ${name}: its firmware did not come to an end`);
}

/** Emulated, without an operating system, and with devices of express, conventional and virtio kind. */
function guestXml(name: string, machine: string): string {
  return `<domain type="qemu">
  <name>${name}</name>
  <memory unit="MiB">64</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch="x86_64" machine="${machine}">hvm</type>
    <bios useserial="yes"/>
  </os>
  <cpu mode="custom" match="exact" check="none"><model fallback="forbid">qemu64</model></cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type="usb" model="none"/>
    <interface type="user"><model type="virtio"/><rom enabled="no"/></interface>
    <interface type="user"><model type="e1000e"/><rom enabled="no"/></interface>
    <interface type="user"><model type="e1000"/><rom enabled="no"/></interface>
    <rng model="virtio"><backend model="random">/dev/urandom</backend></rng>
    <memballoon model="virtio"/>
    <serial type="file"><source path="${serialLog(name)}"/></serial>
  </devices>
</domain>
`;
}

function serialLog(name: string): string {
  return `/var/log/libvirt/${name}.serial`;
}
