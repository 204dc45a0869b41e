/**
 * The numbers of bytes a config space is read in: the standard header (`lspci -x`), the space of a
 * conventional function (PCI Local Bus 3.0, section 6.1), and that of PCI Express and PCI-X mode 2
 * (PCI Express Base, section 7.2).
 */
export const CONFIG_SPACE_SIZES = [64, 256, 4096] as const;

/** One of {@linkcode CONFIG_SPACE_SIZES}. */
export type ConfigSpaceSize = (typeof CONFIG_SPACE_SIZES)[number];

/** Says whether `length` bytes can be a whole config space. */
export function isConfigSpaceSize(length: number): length is ConfigSpaceSize {
  return CONFIG_SPACE_SIZES.some((size) => size === length);
}
