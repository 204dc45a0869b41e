import { get16 } from "../../pci/bytes.ts";
import { decodeConfigSpace } from "../../pci/mod.ts";
import { neverMigrates } from "../../policy/mod.ts";
import type { CapturedConfig, CapturedDevice, CapturedHost, Facts } from "../schema.ts";
import { findRealizeView, type RealizeKey, recordRealizeView } from "./records.ts";
import type { VfioRefusal } from "./answer.ts";
import { readVfioRegion, type RunningRegion } from "./region.ts";

const SUBSYSTEM_VENDOR = 0x2c;
const SUBSYSTEM = 0x2e;
const MSIX = 0x11;
// The low bits of MSI-X's Message Control: its vectors, less one (PCI Local Bus 3.0, 6.8.2.3).
const MSIX_TABLE_SIZE = 0x7ff;

/** NVIDIA: the attribute of a vGPU on which its bytes may hang. */
export const VGPU_PARAMETERS = "nvidia/vgpu_params";

/** How realize views are got. */
export interface RealizeOptions {
  /** Also open devices that opening resets. */
  readonly allowReset: boolean;
  /**
   * QEMU is about to open the devices, and waits: what opening starts, or may reset for a second, is
   * not opened before it, nor what cannot be migrated.
   */
  readonly beforeStart?: boolean | undefined;
  /** Open none at all. */
  readonly closed?: boolean | undefined;
  /** What running guests hold, by address. */
  readonly running?: ReadonlyMap<string, RunningRegion | VfioRefusal> | undefined;
  /** The folder where what was read is kept; or the files of another host's, where nothing is opened. */
  readonly records: string | ReadonlyMap<string, string>;
  /** Which devices; all unless given. */
  readonly only?: ((device: CapturedDevice) => boolean) | undefined;
}

/** Whether sysfs shows nothing of what QEMU will see of a device, or not the truth. */
export function isMediated({ mdevType, vgpuType }: CapturedDevice): boolean {
  return mdevType !== undefined || vgpuType !== undefined;
}

/** What the readers of this folder do; tests put others in their place. */
export interface RealizeReaders {
  /** As {@linkcode readVfioRegion}. */
  readonly read: typeof readVfioRegion;
  /** As {@linkcode findRealizeView}. */
  readonly find: typeof findRealizeView;
  /** As {@linkcode recordRealizeView}. */
  readonly record: typeof recordRealizeView;
}

const READERS: RealizeReaders = {
  read: readVfioRegion,
  find: findRealizeView,
  record: recordRealizeView,
};

/** Whether sysfs shows nothing of the device that QEMU opens: its driver makes it up. */
export function isMadeUp({ mdevType, vgpuType = 0 }: CapturedDevice): boolean {
  return mdevType !== undefined || vgpuType > 0;
}

/**
 * Puts the bytes that QEMU itself will read in the place of sysfs's, for devices of this host that
 * no guest has: their VFIO config region. Of those that running guests have it is what was read
 * through their QEMUs. Where a vGPU or another mediated device cannot be opened,
 * the last region that was kept of one of the same kind stands in for it: sysfs has no bytes of
 * theirs. Any other function keeps its own bytes of sysfs: another one's say less of it, and so does
 * what its guest may have set. Devices in use are not opened.
 */
export async function addRealizeViews(
  facts: Facts,
  options: RealizeOptions,
  signal: AbortSignal,
  readers: RealizeReaders = READERS,
): Promise<Facts> {
  const { only = () => true } = options;
  const devices: CapturedDevice[] = [];
  // One at a time: two devices of an IOMMU group cannot be opened at once by two processes.
  for (const device of facts.devices) {
    devices.push(
      only(device) ? await addRealizeView(device, facts, options, signal, readers) : device,
    );
  }
  return { ...facts, devices };
}

async function addRealizeView(
  device: CapturedDevice,
  { host }: Facts,
  options: RealizeOptions,
  signal: AbortSignal,
  { read, find, record }: RealizeReaders,
): Promise<CapturedDevice> {
  const { allowReset, records, running } = options;
  const { address, driver } = device;
  // NVIDIA's own driver is a VFIO driver where it has made a vGPU of a VF.
  const isVfio = isMadeUp(device) || driver?.name.includes("vfio") === true;
  if (!isVfio) return withMissing(device, "it is not bound to a VFIO driver");
  const key = keyOf(device, host);
  const held = isMadeUp(device) ? running?.get(address) : undefined;
  const unread = held === undefined ? whyNotOpened(device, options) : undefined;
  if (unread !== undefined || typeof records !== "string") {
    return await standIn(device, unread ?? "it was not opened", key, records, find);
  }
  const group = Number(device.iommuGroup);
  const region = held ?? await read({ address, group, allowReset }, signal);
  if (region.result !== "read") return await standIn(device, region.reason, key, records, find);
  const unkept = key === undefined ? undefined : await record(records, key, address, region);
  const { bars, romSize } = region;
  const config: CapturedConfig = { ...region.config, source: "vfio-region", time: now() };
  const known = { ...device, config, bars, romSize };
  return unkept === undefined ? known : withMissing(known, `it was read, but not kept: ${unkept}`);
}

function whyNotOpened(
  { inUse, iommuGroup, mdevType, vgpuType = 0, driver, migration, resetMethods }: CapturedDevice,
  { allowReset, beforeStart = false, closed = false }: RealizeOptions,
): string | undefined {
  // Where that is not known the kernel tells: it opens no device twice.
  if (inUse === true) return "a guest has it";
  if (closed) return "it is not opened unless that is asked for";
  if (!/^\d{1,9}$/.test(iommuGroup ?? "")) return "its IOMMU group is not known";
  // NVIDIA's driver starts the vGPU when it is opened, and resets its VF when it is closed.
  const isNvidia = mdevType?.id.startsWith("nvidia-") === true;
  const isVgpu = isNvidia || (beforeStart && vgpuType > 0);
  if (isVgpu && (beforeStart || !allowReset)) return "opening it starts and ends the vGPU";
  if (!beforeStart) return undefined;
  // What is read is for its migration alone, and some devices do not survive a reset more.
  const isStaying = migration?.offered === false || neverMigrates(driver?.name ?? "");
  if (isStaying) return "it cannot be migrated";
  // By the secondary bus, which takes a second (pci_reset_secondary_bus) where a function-level
  // reset takes 100 ms; and opening resets twice. Kernels before 5.15 do not tell. An mdev's reset is
  // its driver's affair.
  const isSlow = mdevType === undefined &&
    (resetMethods === undefined || resetMethods[0]?.endsWith("bus") === true);
  return isSlow ? "resetting it may take too long before a start" : undefined;
}

async function standIn(
  device: CapturedDevice,
  unread: string,
  key: RealizeKey | undefined,
  records: RealizeOptions["records"],
  find: RealizeReaders["find"],
): Promise<CapturedDevice> {
  const kept = key === undefined ? undefined : await find(records, key);
  if (kept === undefined || "missing" in kept) {
    return withMissing(device, kept === undefined ? unread : `${unread}; ${kept.missing}`);
  }
  const { time, bars, romSize } = kept;
  const config: CapturedConfig = { ...kept.config, source: "vfio-region", time, derived: true };
  return withMissing({ ...device, config, bars, romSize }, `${unread}; one of its type stands in`);
}

function withMissing(device: CapturedDevice, why: string): CapturedDevice {
  return { ...device, missing: { ...device.missing, realizeView: why } };
}

/**
 * All that can be read without opening a device, as far as its bytes may depend on it; `undefined`
 * where some of it is not known, or nothing may stand in for the device.
 */
function keyOf(device: CapturedDevice, host: CapturedHost): RealizeKey | undefined {
  const { driver, mdevType, vendor, firmware, attributes = {} } = device;
  const vgpuParams = attributes[VGPU_PARAMETERS] ?? undefined;
  const { kernel, nvidiaDriver, modules = {} } = host;
  const kind = mdevType === undefined ? functionKind(device) : {
    type: mdevType.name ?? mdevType.id,
    details: [mdevType.id, mdevType.description, vendor],
  };
  if (kind === undefined || driver === undefined || kernel === undefined) return undefined;
  // A mediated device's driver may be the kernel's vfio_mdev; the bytes are made by its parent's.
  const versions = Object.entries(modules).filter(([name, version]) =>
    version !== "" && !/^(?:vfio|mdev$)/.test(name)
  ).sort();
  const details = [...kind.details, firmware, vgpuParams, kernel, nvidiaDriver, versions];
  return {
    type: kind.type,
    driver: driver.name,
    version: driver.version ?? kernel,
    details: JSON.stringify(details),
  };
}

/** Of a VF that NVIDIA's driver has made a vGPU of: the VF's bytes in sysfs are not the vGPU's. */
function functionKind(
  { vendor, device, config, bars, romSize, vgpuType = 0 }: CapturedDevice,
): { readonly type: string; readonly details: readonly unknown[] } | undefined {
  const bytes = config?.bytes ?? new Uint8Array();
  const isKnown = vendor !== undefined && device !== undefined && bars !== undefined;
  if (vgpuType === 0 || !isKnown || bytes.length < 256) return undefined;
  const subsystem = [get16(bytes, SUBSYSTEM_VENDOR), get16(bytes, SUBSYSTEM)];
  const ids = [vendor, device, ...subsystem].map((id) => id.toString(16)).join(":");
  const { capabilities, extended } = decodeConfigSpace(bytes);
  const layout = [...capabilities, ...extended].map(({ id, offset }) => [id, offset]);
  const msix = capabilities.filter(({ id }) => id === MSIX)
    .map(({ offset }) => get16(bytes, offset + 2) & MSIX_TABLE_SIZE);
  return { type: `${ids} ${vgpuType}`, details: [bars, romSize, bytes.length, layout, msix] };
}

function now(): string {
  return new Date().toISOString();
}
