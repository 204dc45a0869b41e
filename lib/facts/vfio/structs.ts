/**
 * The arguments of VFIO's ioctls as bytes, after `<linux/vfio.h>`. Deno runs on little-endian
 * machines only, and there x86_64 and aarch64 lay them out alike.
 *
 * @module
 */

/** `_IO(';', 100 + n)`: VFIO's requests say nothing of direction or size. */
export const VFIO_REQUEST = {
  GET_API_VERSION: 0x3b64n,
  CHECK_EXTENSION: 0x3b65n,
  SET_IOMMU: 0x3b66n,
  GROUP_GET_STATUS: 0x3b67n,
  GROUP_SET_CONTAINER: 0x3b68n,
  GROUP_GET_DEVICE_FD: 0x3b6an,
  DEVICE_GET_INFO: 0x3b6bn,
  DEVICE_GET_REGION_INFO: 0x3b6cn,
} as const;

/** The IOMMU types of x86 and Arm, in the order QEMU asks for them. */
export const IOMMU_TYPES = { TYPE1V2: 3n, TYPE1: 1n } as const;

/** What `VFIO_GET_API_VERSION` has answered since Linux 3.6. */
export const VFIO_API_VERSION = 0;

/** Indices of a PCI device's regions; BAR 0 to 5 are 0 to 5. */
export const PCI_REGION = { ROM: 6, CONFIG: 7 } as const;

const DEVICE_PCI = 1 << 1;
const GROUP_VIABLE = 1 << 0;
const REGION_READABLE = 1 << 0;

/** A string as C has it, for a path or a device's name. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** A file descriptor where an ioctl wants a pointer to one (`__s32 *`). */
export function descriptorArgument(descriptor: number): Uint8Array<ArrayBuffer> {
  return words(descriptor);
}

/** An empty `struct vfio_group_status`: 8 bytes. */
export function groupStatusArgument(): Uint8Array<ArrayBuffer> {
  return words(8, 0);
}

/** Whether the kernel would hand the group out (`VFIO_GROUP_FLAGS_VIABLE`). */
export function decodeGroupStatus(status: Uint8Array<ArrayBuffer>): { readonly viable: boolean } {
  return { viable: (word(status, 1) & GROUP_VIABLE) !== 0 };
}

/** An empty `struct vfio_device_info` as far as every kernel has it: 16 bytes. */
export function deviceInfoArgument(): Uint8Array<ArrayBuffer> {
  return words(16, 0, 0, 0);
}

/** What is in a filled `struct vfio_device_info`. */
export function decodeDeviceInfo(
  info: Uint8Array<ArrayBuffer>,
): { readonly pci: boolean; readonly regions: number } {
  return { pci: (word(info, 1) & DEVICE_PCI) !== 0, regions: word(info, 2) };
}

/** A `struct vfio_region_info` that asks for region `index`: 32 bytes. */
export function regionInfoArgument(index: number): Uint8Array<ArrayBuffer> {
  return words(32, 0, index, 0, 0, 0, 0, 0);
}

/** What is in a filled `struct vfio_region_info`: sizes and offsets in bytes. */
export function decodeRegionInfo(
  info: Uint8Array<ArrayBuffer>,
): { readonly readable: boolean; readonly size: bigint; readonly offset: bigint } {
  const view = new DataView(info.buffer, info.byteOffset, info.byteLength);
  return {
    readable: (word(info, 1) & REGION_READABLE) !== 0,
    size: view.getBigUint64(16, true),
    offset: view.getBigUint64(24, true),
  };
}

function words(...values: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) view.setInt32(4 * index, value, true);
  return bytes;
}

function word(bytes: Uint8Array<ArrayBuffer>, index: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(4 * index, true);
}
