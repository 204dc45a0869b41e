import type { Networks } from "../domain/mod.ts";
import { encodeHex } from "@std/encoding/hex";
import { CONFIG_SPACE_SIZES } from "../pci/mod.ts";
import { parseQemuVersion, type QemuVersion } from "../qemu/version.ts";
import { type DevicesInUse, whyNotAllKnown, withInUse } from "./libvirt/devices_in_use.ts";
import type { MachineType } from "./libvirt/capabilities.ts";
import type { LibvirtHost } from "./libvirt/host.ts";
import { type EmulatorReplies, readEmulatorReplies } from "./emulator/replies.ts";
import type { ProbedDevice, ProbedEmulator, ProbedHost, ProbeReport } from "./probe/report.ts";
import { foretellDriver } from "./vfio/driver.ts";
import { readRomFiles, type RomFile } from "./rom_files.ts";
import type { CapturedConfig, CapturedDevice, CapturedHost, Facts } from "./schema.ts";

/** What is known beside the probe's report. */
export interface Beside {
  /** What libvirt says of the host. */
  readonly libvirt?: LibvirtHost | undefined;
  /** Why libvirt says nothing. */
  readonly libvirtMissing?: string | undefined;
  /** What the emulator said of itself; absent: what the report has of it. */
  readonly replies?: EmulatorReplies | undefined;
  /** The ROM files that were asked for. */
  readonly romFiles?: readonly RomFile[] | undefined;
  /** What its networks are, where libvirt was asked. */
  readonly networks?: Networks | undefined;
  /** The devices that guests have now; `undefined`: not known. */
  readonly inUse?: DevicesInUse | undefined;
}

/** Makes facts of what the probe and libvirt read. */
export function assembleFacts(report: ProbeReport, beside: Beside = {}): Facts {
  const time = report.host.time;
  return {
    premigrate: "facts/1",
    host: assembleHost(report, beside),
    devices: report.devices.map((device) => ({
      ...withInUse(assembleDevice(device, time), beside.inUse),
      managedDriver: foretellManagedDriver(
        device,
        report.host.vfioAliases,
        beside.libvirt?.libvirt,
      ),
    })),
  };
}

/** Facts of the host itself, from as much of a report as there is. */
export function assembleHost(
  { host, files = [], emulator }: {
    readonly files?: ProbeReport["files"];
    readonly host: Partial<ProbedHost> & Pick<ProbedHost, "time" | "modules" | "missing">;
    readonly emulator?: ProbedEmulator | undefined;
  },
  beside: Beside,
): CapturedHost {
  const { libvirt, libvirtMissing, inUse, networks, romFiles = [] } = beside;
  const { replies = readEmulatorReplies(emulator?.qmp) } = beside;
  const rom = readRomFiles(romFiles, files);
  const unread = whyNotAllKnown(inUse);
  const qemu = replies.qemu ?? installedQemu(libvirt);
  const modules = Object.entries(host.modules).map(([name, { version }]) => [name, version ?? ""]);
  return {
    name: (libvirt?.name ?? host.hostname) || "unnamed",
    time: host.time,
    qemu,
    skipVscCheck: replies.skipVscCheck,
    machineTypes: libvirt?.machines && namesOf(libvirt.machines),
    uuid: libvirt?.uuid,
    libvirt: libvirt?.libvirt,
    emulator: emulator?.path,
    kernel: host.kernel,
    bootId: host.bootId,
    machineId: host.machineId,
    nvidiaDriver: host.nvidiaVersion,
    networks,
    romFiles: romFiles.length === 0 ? undefined : rom.sizes,
    modules: Object.fromEntries(modules),
    missing: {
      ...host.missing,
      ...emulator?.missing,
      ...replies.missing,
      ...libvirt?.missing,
      ...libvirtMissing === undefined ? {} : { libvirt: libvirtMissing },
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

// Before 10.0 libvirt knew no other VFIO driver than vfio-pci.
function foretellManagedDriver(
  { modalias }: ProbedDevice,
  modulesAlias: string | undefined,
  libvirt: string | undefined,
): string | undefined {
  if (modalias === undefined || libvirt === undefined) return undefined;
  const isOld = Number.parseInt(libvirt) < 10;
  return isOld ? "vfio-pci" : foretellDriver({ modalias, modulesAlias });
}

function assembleDevice(
  probed: ProbedDevice,
  time: string | undefined,
): CapturedDevice {
  const { parent, driver, mdevType, nvidia } = probed;
  const config = assembleConfig(probed, time);
  const firmware = probed.firmware ?? parent?.firmware;
  return {
    address: probed.address,
    source: "sysfs",
    config: "missing" in config ? undefined : config,
    // An mdev has no ids of its own in sysfs; its vendor is that of the driver that made it.
    vendor: probed.vendor ?? (mdevType && parent?.vendor),
    device: probed.device,
    class: probed.class,
    bars: probed.bars,
    romSize: probed.romSize,
    driver: driver && { name: driver.name, version: driver.version },
    mdevType: mdevType && {
      id: mdevType.id,
      name: mdevType.name,
      description: mdevType.description,
      availableInstances: mdevType.availableInstances,
    },
    numaNode: probed.numaNode ?? parent?.numaNode,
    iommuGroup: probed.iommuGroup,
    parent: parent?.address,
    vfIndex: probed.vfIndex,
    powerState: probed.powerState,
    resetMethods: probed.resetMethods,
    migration: probed.migration,
    vgpuType: nvidia?.currentType,
    vgpuCreatable: nvidia?.creatableTypes,
    vgpuParams: nvidia?.params,
    firmware,
    qatServices: probed.qat?.services ?? parent?.qat?.services,
    vpd: probed.vpd && encodeHex(probed.vpd),
    attributes: probed.attributes,
    missing: { ...probed.missing, ..."missing" in config ? { config: config.missing } : {} },
  };
}

function assembleConfig(
  { config, mdevType, missing }: ProbedDevice,
  time: string | undefined,
): CapturedConfig | { missing: string } {
  if (config === undefined) {
    const why = mdevType === undefined
      ? missing["config"] ?? "sysfs has none"
      : "sysfs has none for a mediated device; only its VFIO config region tells";
    return { missing: why };
  }
  const { bytes, doubts } = config;
  // Bytes of a device that sleeps or does not answer are no reading of it.
  if (doubts.includes("asleep")) return { missing: "the device was asleep (D3cold)" };
  if (doubts.includes("power-unknown")) {
    return { missing: "whether the device was asleep is not known" };
  }
  if (doubts.includes("all-ff")) return { missing: "the device answered with ff only" };
  if (!CONFIG_SPACE_SIZES.some((size) => size === bytes.length)) {
    return { missing: `sysfs has ${bytes.length} bytes, wanted 64, 256 or 4096` };
  }
  return { kind: "sysfs", bytes, source: "sysfs", time };
}
