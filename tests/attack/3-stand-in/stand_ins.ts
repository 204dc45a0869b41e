/** A host with devices of a kind, and what was kept of one when it was opened. */
import { addRealizeViews, type RealizeReaders } from "../../../lib/facts/vfio/realize_views.ts";
import { findRealizeView, recordRealizeView } from "../../../lib/facts/vfio/records.ts";
import type { CapturedDevice, CapturedHost, Facts } from "../../../lib/facts/mod.ts";

/** What in a VF's config space differs from one to another of its kind. */
export interface Shape {
  /** MSI-X vectors. */
  readonly vectors?: number;
  /** The first byte of its Device Serial Number. */
  readonly serial?: number;
  /** Where MSI-X is. */
  readonly msixAt?: number;
  readonly subsystem?: number;
  /** The first byte of PCI Express' capabilities register. */
  readonly express?: number;
}

/** A config space with PCI Express, MSI-X and a Device Serial Number. */
export function configSpace(
  { vectors = 8, serial = 1, msixAt = 0x9c, subsystem = 0x58, express = 2 }: Shape = {},
): Uint8Array {
  const bytes = new Uint8Array(4096);
  bytes.set([0xb3, 0x15, 0x1e, 0x10, 0, 0, 0x10, 0, 0, 0, 0, 2]);
  bytes.set([0xb3, 0x15, subsystem, 0], 0x2c);
  bytes[0x34] = 0x60;
  bytes.set([0x10, msixAt, express, 0], 0x60);
  bytes.set([0x11, 0, vectors - 1, 0, 0, 0x20, 0, 0, 0, 0x30, 0, 0], msixAt);
  bytes.set([0x03, 0, 0x01, 0, serial], 0x100);
  return bytes;
}

export const HOST: CapturedHost = { name: "hosta", uuid: "a", bootId: "1", kernel: "6.12.3" };

/** A VF with a VFIO driver; a guest has it. */
export function virtualFunction(address: string, shape: Shape = {}): CapturedDevice {
  return {
    address,
    source: "sysfs",
    config: { kind: "sysfs", bytes: configSpace(shape), source: "sysfs" },
    vendor: 0x15b3,
    device: 0x101e,
    class: 0x020000,
    bars: [0x100000, 0, 0, 0, 0, 0],
    romSize: 0,
    driver: { name: "mlx5_vfio_pci" },
    iommuGroup: "9",
    inUse: true,
    migration: { offered: true },
  };
}

/** One of which NVIDIA's driver has made a vGPU. */
export function vgpu(address: string, shape: Shape = {}): CapturedDevice {
  const { config } = virtualFunction(address, shape);
  return {
    ...{ address, config, bars: [0x1000000, 0, 0x10000000, 0, 0, 0], romSize: 0 },
    ...{ vendor: 0x10de, device: 0x2235, class: 0x030200, vgpuType: 592 },
    driver: { name: "nvidia", version: "550.54.16" },
    iommuGroup: "9",
    inUse: true,
  };
}

/** A mediated device, of the kernel's own driver for them. */
export function mediated(address: string): CapturedDevice {
  return {
    address,
    mdevType: { id: "nvidia-558", name: "NVIDIA A40-8Q" },
    vendor: 0x10de,
    driver: { name: "vfio_mdev", version: "0.1" },
    iommuGroup: "12",
    inUse: true,
  };
}

/** Sizes that all of the devices that are opened show. */
export const READ_BARS: readonly number[] = [0x100000, 0, 0, 0, 0, 0];

/**
 * What is known of a device that a guest has, after another one was opened; QEMU saw `read` there.
 */
export async function afterOpening(
  opened: CapturedDevice,
  read: Uint8Array,
  asked: CapturedDevice,
  hosts: { readonly then?: CapturedHost; readonly now?: CapturedHost } = {},
): Promise<Facts> {
  const records = await Deno.makeTempDir();
  const readers: RealizeReaders = {
    read: () =>
      Promise.resolve({
        ...{ result: "read", config: { kind: "realize", bytes: read }, bars: READ_BARS },
        romSize: 0,
      }),
    find: findRealizeView,
    record: recordRealizeView,
  };
  const { then = HOST, now = HOST } = hosts;
  const factsOf = (host: CapturedHost, device: CapturedDevice): Facts => ({
    ...{ premigrate: "facts/1", host, devices: [device] },
  });
  try {
    const signal = AbortSignal.timeout(60_000);
    const options = { allowReset: true, records };
    await addRealizeViews(factsOf(then, { ...opened, inUse: false }), options, signal, readers);
    return await addRealizeViews(factsOf(now, asked), options, signal, readers);
  } finally {
    await Deno.remove(records, { recursive: true });
  }
}
