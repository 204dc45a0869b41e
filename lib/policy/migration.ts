import type { Networks } from "../domain/host_device.ts";
import type { BusKind } from "../pci/bus.ts";
import { get16, get32 } from "../pci/bytes.ts";
import { machineSkipsVscCheck, resolveAlias } from "../qemu/machine.ts";
import type { Machine } from "../qemu/machine.ts";
import { QemuPropertyError } from "../qemu/properties.ts";
import { readRegions } from "../qemu/region.ts";
import type { QemuVersion } from "../qemu/version.ts";
import type { ConfigView, RealizeView } from "../qemu/view.ts";
import { once, propertiesOf } from "./once.ts";

/** The two sides of a migration. */
export const SIDES = ["source", "destination"] as const;

/** One of them. */
export type Side = typeof SIDES[number];

/** What is known of one device on one host. Absent: not known, which is never the same as "none". */
export interface DeviceFacts {
  /** Where it is on its host: `DDDD:BB:SS.F`, or an mdev's UUID. */
  readonly address: string;
  /** Its config space, and whose view of it that is. */
  readonly config?: ConfigView | undefined;
  /** PCI vendor id, where it is known otherwise than from `config` (sysfs `vendor`). */
  readonly vendor?: number | undefined;
  /** PCI device id (sysfs `device`). */
  readonly device?: number | undefined;
  /** PCI class code, 24 bits (sysfs `class`). */
  readonly class?: number | undefined;
  /** Sizes in bytes of BAR 0 to 5, 0 for none. */
  readonly bars?: readonly number[] | undefined;
  /** Size in bytes of the expansion ROM, 0 for none. */
  readonly romSize?: number | undefined;
  /** The host's driver for it. */
  readonly driver?: { readonly name: string; readonly version?: string | undefined } | undefined;
  /** An mdev's type, as the vendor names it. */
  readonly mdevType?: MdevType | undefined;
  /** The VFIO driver that libvirt binds to it for a guest that says `managed='yes'`. */
  readonly managedDriver?: string | undefined;
  /** The NUMA node it is on; -1 where the host says that there is none. */
  readonly numaNode?: number | undefined;
  /** Whether a guest or a host driver has it now. */
  readonly inUse?: boolean | undefined;
  /** What its driver offers VFIO for migration, as the kernel itself tells. */
  readonly migration?: MigrationSupport | undefined;
  /** Firmware of the device or its parent. */
  readonly firmware?: Firmware | undefined;
  /** The number of the vGPU type that NVIDIA's driver made of a VF; 0 for none. */
  readonly vgpuType?: number | undefined;
  /** What NVIDIA's management library (NVML) says of it; nothing here asks it. */
  readonly nvml?: NvmlFacts | undefined;
  /**
   * Sysfs attributes that policies declare, without the newline at their end. `null`: it was looked
   * for and is not there. Absent: nobody looked, or it cannot be read.
   */
  readonly attributes?: Readonly<Record<string, string | null>> | undefined;
}

/** What a VFIO driver offers for a device (the kernel's `vfio_device_debugfs_init`). */
export interface MigrationSupport {
  /** Whether it can migrate at all. */
  readonly offered: boolean;
  /** As `stop-copy`, `p2p`, `pre-copy`, `dirty-tracking`; older kernels do not tell. */
  readonly features?: readonly string[] | undefined;
}

/** Firmware of a device, as devlink tells. */
export interface Firmware {
  /** The version that runs. */
  readonly version?: string | undefined;
  /** The board, as `MT_0000000359`. */
  readonly psid?: string | undefined;
}

/** What NVML says of a vGPU or of the GPU it is on (`nvmlVgpuInstanceGetMetadata` and others). */
export interface NvmlFacts {
  /** Version of the guest's driver. */
  readonly guestDriver?: string | undefined;
  /** The vGPU version that guest and host agreed on (`guestVgpuVersion`). */
  readonly guestVgpuVersion?: number | undefined;
  /** The vGPU versions that the host takes now (`hostSupportedVgpuRange`). */
  readonly hostVgpuRange?: { readonly min: number; readonly max: number } | undefined;
  /** Whether the GPU's ECC is on. */
  readonly ecc?: boolean | undefined;
  /** Whether the GPU is in MIG mode. */
  readonly mig?: boolean | undefined;
  /** Of a destination: what `nvmlGetVgpuCompatibility` answered for one vGPU of the source. */
  readonly compatibility?: NvmlCompatibility | undefined;
}

/** An answer of `nvmlGetVgpuCompatibility`. */
export interface NvmlCompatibility {
  /** The address of the source's vGPU on its host. */
  readonly source: string;
  /** `vgpuVmCompatibility`: 1 cold, 2 hibernate, 4 sleep, 8 live. */
  readonly vm: number;
  /** `compatibilityLimitCode`: 1 host driver, 2 guest driver, 4 GPU, 0x80000000 other. */
  readonly limit: number;
}

/** What an mdev is, in the words of its vendor's driver. */
export interface MdevType {
  /** As `nvidia-558`; its number may differ between drivers. */
  readonly id: string;
  /** As `NVIDIA A40-8Q`. */
  readonly name?: string | undefined;
  /** What the driver says of it. */
  readonly description?: string | undefined;
  /** How many more of them the parent can have. */
  readonly availableInstances?: number | undefined;
}

/** What is known of one host. */
export interface HostFacts {
  /** What reports call it. */
  readonly name: string;
  /** By which libvirt tells hosts apart. */
  readonly uuid?: string | undefined;
  /** What its libvirt networks are. */
  readonly networks?: Networks | undefined;
  /** The QEMU that runs, or will run, the guest there. */
  readonly qemu?: QemuVersion | undefined;
  /**
   * What the host's QEMU itself says of its machine types' compat: machine type to the value of
   * vfio-pci's `skip-vsc-check`. Needed for a distribution's own machine types.
   */
  readonly skipVscCheck?: Readonly<Record<string, boolean>> | undefined;
  /** All machine types that the host's QEMU has, aliases too. */
  readonly machineTypes?: readonly string[] | undefined;
  /** Version of its libvirt daemon. */
  readonly libvirt?: string | undefined;
  /** `uname -r`. */
  readonly kernel?: string | undefined;
  /** Version of NVIDIA's driver. */
  readonly nvidiaDriver?: string | undefined;
  /**
   * Sizes in bytes of the ROM files (`romfile`) of the guest's devices, by path; of the source as they
   * were when its QEMU opened them. `null`: there is no such file. Absent: not known.
   */
  readonly romFiles?: Readonly<Record<string, number | null>> | undefined;
  /** When its facts were gathered, in ISO 8601; for reports. */
  readonly time?: string | undefined;
}

/** How the guest holds a device. */
export interface GuestDevice {
  /** Where it sits. Absent: not known. */
  readonly bus?: BusKind | undefined;
  /** Properties of the device on QEMU's command line, as strings. */
  readonly properties: Readonly<Record<string, string>>;
}

/** A device of the guest on the source, and the one that will stand for it on the destination. */
export interface DevicePair {
  /** What reports call it. */
  readonly name: string;
  /** How the guest holds it. */
  readonly guest: GuestDevice;
  /** The device that the guest has. */
  readonly source: DeviceFacts;
  /** The device that it will have. */
  readonly destination: DeviceFacts;
}

/** The migration that is asked about, as far as it is the same for all its devices. */
export interface Migration {
  /** The guest's name. Absent: not known. */
  readonly guest?: string | undefined;
  /** The guest's machine type. Absent: not known. */
  readonly machine?: Machine | undefined;
  /** The host that the guest leaves. */
  readonly source: HostFacts;
  /** The host that the guest goes to. */
  readonly destination: HostFacts;
  /** How many VFIO devices the guest takes along. Absent: not known. */
  readonly vfioDevices?: number | undefined;
  /** Whether the guest has an IOMMU of its own. Absent: not known. */
  readonly viommu?: boolean | undefined;
  /** Whether it may go over to post-copy. Absent: not known. */
  readonly postCopy?: boolean | undefined;
  /** Only config bytes were asked about: other facts are not missing, they are not the question. */
  readonly bytesOnly: boolean;
}

/** A device's ids as policies match them; `undefined` where neither facts nor bytes tell. */
export interface Identity {
  /** PCI vendor id. */
  readonly vendor: number | undefined;
  /** PCI device id. */
  readonly device: number | undefined;
  /** PCI class code, 24 bits. */
  readonly class: number | undefined;
}

/**
 * The ids of a device: those the host's kernel names, else those in its config space. A VF's own
 * bytes 0 to 3 read as ff (SR-IOV 3.4.1.1), so ffff is no id.
 *
 * @example
 * ```ts
 * import { identify } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Uint8Array(64);
 * bytes.set([0xde, 0x10, 0xb8, 0x1e]);
 * const device = { address: "0000:3b:00.4", config: { kind: "realize", bytes } } as const;
 * assertEquals(identify(device), { vendor: 0x10de, device: 0x1eb8, class: 0 });
 * ```
 */
export const identify: (facts: DeviceFacts) => Identity = once(readIds);

function readIds(facts: DeviceFacts): Identity {
  const bytes = facts.config?.bytes;
  const answers = bytes !== undefined && bytes.length >= 64 && get16(bytes, 0) !== 0xffff;
  return {
    vendor: facts.vendor ?? (answers ? get16(bytes, 0) : undefined),
    device: facts.device ?? (answers ? get16(bytes, 2) : undefined),
    class: facts.class ?? (answers ? get32(bytes, 8) >>> 8 : undefined),
  };
}

/**
 * What QEMU may read of a device: {@linkcode readRegions}, once for the same facts. Empty where its
 * config space is not known.
 *
 * @example
 * ```ts
 * import { regionsOf } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * const config = { kind: "realize", bytes: new Uint8Array(256) } as const;
 * assertEquals(regionsOf({ address: "0000:3b:00.4", config }), [config]);
 * assertEquals(regionsOf({ address: "0000:3b:00.4" }), []);
 * ```
 */
export const regionsOf: (facts: DeviceFacts) => readonly RealizeView[] = once((facts) =>
  facts.config === undefined ? [] : readRegions(facts.config, facts)
);

/**
 * Size in bytes of the file that the device's `romfile` names, as the host has it: `null` where there
 * is none, `undefined` where it is not known or there is no `romfile`.
 */
export function romFileSize(
  { guest: { properties } }: Pick<DevicePair, "guest">,
  { romFiles = {} }: Pick<HostFacts, "romFiles">,
): number | null | undefined {
  const file = properties["romfile"];
  return file !== undefined && Object.hasOwn(romFiles, file) ? romFiles[file] : undefined;
}

const NVIDIA = 0x10de;

/**
 * What is known of the device that QEMU will open. The kernel's sysfs shows an SR-IOV virtual
 * function of NVIDIA, while the vGPU in it has a config space and BARs that NVIDIA's driver makes
 * up: then neither bytes nor sizes are known.
 *
 * @example
 * ```ts
 * import { ownFacts } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * const config = { kind: "sysfs", bytes: new Uint8Array(256).fill(0xff, 0, 4) } as const;
 * const facts = { address: "0000:3b:00.4", vendor: 0x10de, vgpuType: 558, config, bars: [16, 0] };
 * assertEquals(ownFacts(facts).config, undefined);
 * assertEquals(ownFacts(facts).bars, undefined);
 * assertEquals(ownFacts({ ...facts, vendor: 0x15b3 }).bars, [16, 0]);
 * ```
 */
export function ownFacts(facts: DeviceFacts): DeviceFacts {
  const { config, vendor, vgpuType = 0 } = facts;
  const areSizesOfFunction = config === undefined && vendor === NVIDIA && vgpuType > 0;
  return areSizesOfFunction || showsFunctionOnly(facts)
    ? { ...facts, config: undefined, bars: undefined, romSize: undefined }
    : facts;
}

/**
 * Whether the config space that is known is that of a virtual function of NVIDIA's, not of the vGPU
 * in it: its own ids read as ffff (SR-IOV 3.4.1.1), and only sysfs shows them so.
 */
export function showsFunctionOnly({ config, vendor, vgpuType = 0 }: DeviceFacts): boolean {
  if (vendor !== NVIDIA || config === undefined || config.kind !== "sysfs") return false;
  return vgpuType > 0 || get16(config.bytes, 0) === 0xffff;
}

/**
 * Whether the destination's QEMU leaves the body of the device's Vendor Specific Capability
 * uncompared: the device's own property, else the machine type's compat. `undefined`: not known, or
 * without meaning as QEMU refuses the device's properties.
 */
export function skipsVscCheck(pair: DevicePair, migration: Migration): boolean | undefined {
  const { source, destination: { qemu, skipVscCheck = {} } } = migration;
  if (qemu === undefined) return undefined;
  if (!qemu.atLeast(9, 1)) return false;
  try {
    const own = propertiesOf(pair.guest.properties, qemu).skipVscCheck;
    if (own !== undefined) return own;
  } catch (error) {
    if (error instanceof QemuPropertyError) return undefined;
    throw error;
  }
  if (migration.machine === undefined) return undefined;
  const machine = resolveAlias(migration.machine, source.qemu);
  return Object.hasOwn(skipVscCheck, machine.type)
    ? skipVscCheck[machine.type]
    : machineSkipsVscCheck(machine, qemu);
}
