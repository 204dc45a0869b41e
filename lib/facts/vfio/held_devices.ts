import type { VfioAnswer } from "./answer.ts";
import {
  answerOf,
  closeLater,
  copyDescriptor,
  ioctl,
  listFolder,
  openProcess,
  readLink,
  readText,
  Refused,
} from "./libc.ts";
import { readDevice } from "./read_device.ts";
import { cString } from "./structs.ts";

/** As much as Linux lets a process have for arguments where libvirt starts it (a quarter of 8 MiB). */
const LONGEST_COMMAND_LINE = 2 * 1024 * 1024;
const PTRACE_SCOPE = "/proc/sys/kernel/yama/ptrace_scope";

/** What QEMU is told where it is to take the state of devices from elsewhere. */
const INCOMING = ["-incoming", "-loadvm"];

/** A guest's QEMU, and what of VFIO's it has open. */
interface Qemu {
  /** A pidfd: another process that gets the same number is never taken for it. */
  readonly process: number;
  /** Descriptors of its groups, by their number. */
  readonly groups: ReadonlyMap<string, number>;
  /** Descriptors of its devices that iommufd has, by their name below `/dev/vfio/devices`. */
  readonly named: ReadonlyMap<string, number>;
  /** It was started for a guest that arrived, or was restored. */
  readonly arrived: boolean;
  /** How many devices it has of groups. */
  readonly ofGroups: number;
}

/**
 * Reads the config regions of devices that a running guest's QEMU holds, as they are now, through copies
 * of its own descriptors. No device is opened that it has not opened: the driver's own opening runs
 * for the first descriptor alone (`vfio_df_open`), and what is closed here stays open there.
 *
 * @param pid The process that is said to be the guest's QEMU.
 * @param guest The guest's UUID.
 * @returns An answer for each address.
 */
export function readHeldDevices(
  pid: number,
  guest: string,
  addresses: readonly string[],
): Record<string, VfioAnswer> {
  using opened = new DisposableStack();
  let qemu: Qemu | undefined;
  return Object.fromEntries(addresses.map((address) => [
    address,
    answerOf(() => {
      qemu ??= findQemu(opened, pid, guest);
      const read = readDevice(findDevice(opened, qemu, address));
      return qemu.arrived ? { ...read, arrived: true } : read;
    }),
  ]));
}

function findQemu(opened: DisposableStack, pid: number, guest: string): Qemu {
  const process = openProcess(opened, pid);
  const step = "look-into-process";
  // Only now, as the number may have gone to another process: if it has, nothing can be copied.
  const command = readText(step, `/proc/${pid}/cmdline`, LONGEST_COMMAND_LINE).split("\0");
  // libvirt's own arguments are before those that a guest's owner may add (qemuBuildCommandLine).
  if (!command.includes("-uuid") || command[command.indexOf("-uuid") + 1] !== guest) {
    throw notHeld(`process ${pid} is not the QEMU of guest ${guest}`);
  }
  const groups = new Map<string, number>();
  const named = new Map<string, number>();
  let ofGroups = 0;
  for (const descriptor of listFolder(step, `/proc/${pid}/fd`) ?? []) {
    // libvirt gives its QEMU a /dev of its own, the end of the path is the same.
    const file = readLink(step, `/proc/${pid}/fd/${descriptor}`) ?? "";
    const [, group] = /\/vfio\/(?:noiommu-)?([0-9]+)$/.exec(file) ?? [];
    const [, name] = /\/vfio\/devices\/(vfio[0-9]+)$/.exec(file) ?? [];
    if (group !== undefined) groups.set(group, Number(descriptor));
    else if (name !== undefined) named.set(name, Number(descriptor));
    else if (file === "anon_inode:[vfio-device]") ofGroups++;
  }
  const arrived = INCOMING.some((argument) => command.includes(argument));
  return { process, groups, named, arrived, ofGroups };
}

function findDevice(opened: DisposableStack, qemu: Qemu, address: string): number {
  const sysfs = `/sys/bus/${address.includes(".") ? "pci" : "mdev"}/devices/${address}`;
  const copy = (descriptor: number): number => copyOf(opened, qemu, address, descriptor);
  for (const name of listFolder("open-device", `${sysfs}/vfio-dev`) ?? []) {
    const device = qemu.named.get(name);
    if (device !== undefined) return copy(device);
  }
  const group = readLink("open-device", `${sysfs}/iommu_group`)?.split("/").at(-1) ?? "";
  const descriptor = qemu.groups.get(group);
  if (descriptor === undefined) throw notHeld(`the guest's QEMU does not hold ${address}`);
  if (sizeOf(group) > 1 && !hasAllOfItsGroups(qemu)) {
    throw notHeld(`it is not known which devices of IOMMU group ${group} the guest's QEMU holds`);
  }
  const doing = `get ${address} of IOMMU group ${group}`;
  const name = cString(address);
  return closeLater(
    opened,
    ioctl("open-device", doing, copy(descriptor), "GROUP_GET_DEVICE_FD", name),
  );
}

/** A descriptor of a device does not name it: only where all are there none can be an idle one. */
function hasAllOfItsGroups({ groups, ofGroups }: Qemu): boolean {
  return [...groups.keys()].reduce((sum, group) => sum + sizeOf(group), 0) === ofGroups;
}

function sizeOf(group: string): number {
  return listFolder("open-device", `/sys/kernel/iommu_groups/${group}/devices`)?.length ?? 0;
}

function copyOf(
  opened: DisposableStack,
  { process }: Qemu,
  address: string,
  descriptor: number,
): number {
  try {
    return copyDescriptor(opened, `reach ${address} through the guest's QEMU`, process, descriptor);
  } catch (error) {
    if (!(error instanceof Refused) || error.answer.result !== "no-access") throw error;
    // yama_ptrace_access_check: nobody, whatever his capabilities.
    const isForbidden = readScope() === "3";
    if (!isForbidden) throw error;
    const reason = `Failed to reach ${address} through the guest's QEMU: ` +
      "kernel.yama.ptrace_scope is 3, so that no process may look into another until the next boot";
    throw new Refused({ result: "no-access", reason });
  }
}

/** Empty where there is no such setting. */
function readScope(): string {
  try {
    return readText("look-into-process", PTRACE_SCOPE, 16).trim();
  } catch (error) {
    if (error instanceof Refused) return "";
    throw error;
  }
}

function notHeld(reason: string): Refused {
  return new Refused({ result: "not-held", reason: `Cannot read the device: ${reason}` });
}
