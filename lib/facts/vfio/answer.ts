/**
 * What the VFIO reader prints: one JSON object.
 *
 * @module
 */

/** A config region that was read, as JSON has it. */
export interface VfioRead {
  /** Tells the answers apart. */
  readonly result: "read";
  /** The region's bytes from offset 0 in lower-case hexadecimal: 256 or 4096 of them. */
  readonly config: string;
  /** Sizes in bytes of BAR 0 to 5, 0 for none. */
  readonly bars: readonly number[];
  /** Size in bytes of the expansion ROM, 0 for none. */
  readonly romSize: number;
  /** Of a running guest: its QEMU was started for a guest that arrived, or was restored. */
  readonly arrived?: true | undefined;
}

/**
 * Why a config region was not read.
 *
 * - `busy`: another process holds the device, or one of its IOMMU group: nothing was done to it;
 * - `would-reset`: opening it resets it, and that was not allowed: it was not opened;
 * - `not-vfio`: it is not bound to a VFIO driver, or is not where it was said to be;
 * - `no-group`: no device of that IOMMU group is bound to a VFIO driver;
 * - `no-access`: this process may not open it;
 * - `not-viable`: another device of the IOMMU group is bound to a driver of the host;
 * - `unsupported`: the kernel lacks VFIO, or the device is not a PCI
 *   device or has a config region of another size than 256 or 4096 bytes;
 * - `not-held`: of a running guest's device: its QEMU does not hold it, or is gone;
 * - `failed`: anything else, the deadline included.
 */
export const VFIO_REFUSALS = [
  "busy",
  "would-reset",
  "not-vfio",
  "no-group",
  "no-access",
  "not-viable",
  "unsupported",
  "not-held",
  "failed",
] as const;

/** A config region that was not read. */
export interface VfioRefusal {
  /** Why, for programs: one of {@linkcode VFIO_REFUSALS}. */
  readonly result: (typeof VFIO_REFUSALS)[number];
  /** Why, for people: one line. */
  readonly reason: string;
}

/** What the VFIO reader prints. */
export type VfioAnswer = VfioRead | VfioRefusal;
