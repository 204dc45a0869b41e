/**
 * What QEMU does with a vfio-pci device's config space: versions, machine types, the shadow, the
 * masks and the comparison at restore. Pure.
 *
 * @module
 */
export * from "./error_line.ts";
export * from "./machine.ts";
export * from "./option_rom.ts";
export * from "./properties.ts";
export * from "./qapi_bool.ts";
export * from "./realize.ts";
export * from "./region.ts";
export * from "./restore.ts";
export * from "./version.ts";
export * from "./view.ts";
