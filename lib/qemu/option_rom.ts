import type { QemuVersion } from "./version.ts";

/** The largest `romfile` that QEMU takes (`pci_add_option_rom`), in bytes. */
export const LARGEST_ROM_FILE = 2 ** 31;

/**
 * Size in bytes of the ROM that QEMU makes of a `romfile`, where there is no `romsize`
 * (`pci_add_option_rom`).
 *
 * @example
 * ```ts
 * import { optionRomSize } from "premigrate/qemu";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(optionRomSize(33_000), 0x10000);
 * ```
 */
export function optionRomSize(fileSize: number): number {
  return fileSize === 0 ? 0 : 2 ** Math.ceil(Math.log2(fileSize));
}

/**
 * The name that the RAM block of vfio-pci's `romfile` has after the device's path. It is the name of
 * the device's vmstate, of which vfio-pci has had one since 10.1, else the device type's
 * (`pci_add_option_rom`; `vfio_pci_class_init` sets `vfio_cpr_pci_vmstate`).
 */
export function romBlockName(qemu: QemuVersion): string {
  return qemu.atLeast(10, 1) ? "vfio-cpr-pci.rom" : "vfio-pci.rom";
}

/**
 * Whether a QEMU that waits for a migration looks for the `romfile`. With a `romsize` it does not
 * since 8.1: the ROM comes with the stream (`pci_add_option_rom`, `RUN_STATE_INMIGRATE`).
 */
export function opensRomFile(qemu: QemuVersion, romSize: number | undefined): boolean {
  return romSize === undefined || !qemu.atLeast(8, 1);
}
