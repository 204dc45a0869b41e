import type { Networks } from "../domain/mod.ts";
import { parseQemuVersion, type QemuVersion } from "../qemu/version.ts";
import { type EmulatorReplies, readEmulatorReplies } from "./emulator/replies.ts";
import { type DevicesInUse, isInUse, whyNotAllKnown } from "./libvirt/devices_in_use.ts";
import type { MachineType } from "./libvirt/capabilities.ts";
import type { LibvirtHost } from "./libvirt/host.ts";
import { NO_PROBE } from "./libvirt/nodedev.ts";
import type { ProbeReport } from "./probe/report.ts";
import type { ProbedDevice } from "./probe/read_device.ts";
import { readRomFiles, type RomFile } from "./rom_files.ts";
import type { CapturedDevice, CapturedHost, Facts } from "./schema.ts";
import { predictDriver } from "./vfio/driver.ts";

/** What was answered of a host; absent: it was not asked. */
export interface HostAnswers {
  /** What the probe read. */
  readonly probe?: ProbeReport | undefined;
  /** What libvirt says of devices, where the probe was not run. */
  readonly nodes?: { readonly time: string; readonly devices: readonly CapturedDevice[] };
  /** What libvirt says of the host. */
  readonly libvirt?: LibvirtHost | undefined;
  /** What its QEMU said of itself; absent: what the probe has of it. */
  readonly replies?: EmulatorReplies | undefined;
  /** The ROM files that the probe was asked for. */
  readonly romFiles?: readonly RomFile[] | undefined;
  /** What its networks are. */
  readonly networks?: Networks | undefined;
  /** The devices that guests have now. */
  readonly inUse?: DevicesInUse | undefined;
}

/** Makes facts of what was answered of a host, by processes or by the hook's launcher. */
export function hostFacts(answers: HostAnswers): Facts {
  const { probe, nodes, inUse } = answers;
  const devices = probe === undefined
    ? nodes?.devices ?? []
    : probe.devices.map((device) => asManaged(device, answers));
  return {
    premigrate: "facts/1",
    host: hostOf(answers),
    devices: devices.map((device) => ({ ...device, inUse: isInUse(device, inUse) })),
  };
}

function hostOf(answers: HostAnswers): CapturedHost {
  const { probe, nodes, libvirt, inUse, networks, romFiles = [] } = answers;
  const without = { name: "", time: nodes?.time, modules: {}, missing: { probe: NO_PROBE } };
  const { name, missing, ...read } = probe?.host ?? without;
  const emulator = probe?.emulator;
  const { replies = readEmulatorReplies(emulator?.qmp) } = answers;
  const rom = readRomFiles(romFiles, probe?.files ?? []);
  const unread = whyNotAllKnown(inUse);
  return {
    name: (libvirt?.name ?? name) || "unnamed",
    ...read,
    qemu: replies.qemu ?? installedQemu(libvirt),
    skipVscCheck: replies.skipVscCheck,
    machineTypes: libvirt?.machines && namesOf(libvirt.machines),
    uuid: libvirt?.uuid,
    libvirt: libvirt?.libvirt,
    emulator: emulator?.path,
    networks,
    romFiles: romFiles.length === 0 ? undefined : rom.sizes,
    missing: {
      ...missing,
      ...emulator?.missing,
      ...replies.missing,
      ...libvirt?.missing,
      ...rom.missing === undefined ? {} : { romFiles: rom.missing },
      ...unread === undefined ? {} : { inUse: unread },
    },
  };
}

function namesOf(machines: readonly MachineType[]): string[] {
  return [...new Set(machines.flatMap(({ name, canonical }) => [name, canonical]))];
}

function installedQemu(libvirt: LibvirtHost | undefined): QemuVersion | undefined {
  return libvirt?.installedQemu === undefined ? undefined : parseQemuVersion(libvirt.installedQemu);
}

/** With the driver that libvirt will bind; before 10.0 it knew no other VFIO driver than vfio-pci. */
function asManaged(
  { modalias, ...device }: ProbedDevice,
  { probe, libvirt }: HostAnswers,
): CapturedDevice {
  const version = libvirt?.libvirt;
  if (modalias === undefined || version === undefined) return device;
  const managedDriver = Number.parseInt(version) < 10
    ? "vfio-pci"
    : predictDriver(modalias, probe?.vfioAliases);
  return { ...device, managedDriver };
}
