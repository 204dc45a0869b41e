/** VFIO drivers of Linux (drivers/vfio/pci) that have no migration operations for any device. */
const NEVER = new Set(["nvgrace_gpu_vfio_pci", "vfio_pci"]);

/**
 * Whether a driver migrates none of the devices that it binds, whatever they are.
 *
 * @param driver Its name, as sysfs or as its module has it.
 *
 * @example
 * ```ts
 * import { neverMigrates } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(["vfio-pci", "mlx5_vfio_pci"].map(neverMigrates), [true, false]);
 * ```
 */
export function neverMigrates(driver: string): boolean {
  return NEVER.has(driver.replaceAll("-", "_"));
}
