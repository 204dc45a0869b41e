/** Drivers of another name than their modules', which have `_` for `-`. */
const DRIVER_OF_MODULE: ReadonlyMap<string, string> = new Map([
  ["vfio_pci", "vfio-pci"],
  ["xe_vfio_pci", "xe-vfio-pci"],
]);

// vNNNNNNNNdNNNNNNNNsvNNNNNNNNsdNNNNNNNNbcNNscNNiNN, where `*` stands for any value.
const FIELDS = "v([0-9A-F]+|\\*)d([0-9A-F]+|\\*)sv([0-9A-F]+|\\*)sd([0-9A-F]+|\\*)" +
  "bc([0-9A-F]+|\\*)sc([0-9A-F]+|\\*)i([0-9A-F]+|\\*)";
const MODALIAS = new RegExp(`^pci:${FIELDS}\\s*$`);
const VFIO_ALIAS = new RegExp(`^alias vfio_pci:${FIELDS} (\\S+)$`, "gm");

/**
 * The driver that libvirt 10.0 or later will bind a `managed='yes'` device to where the domain XML names
 * none: the VFIO driver whose alias fits the device with the fewest wildcards, the first of equals
 * (`virPCIDeviceFindBestVFIOVariant`), else `vfio-pci`. Earlier releases always take `vfio-pci`. What is
 * bound now has no say.
 *
 * @param modalias The device's in sysfs: `pci:v000015B3d0000101Esv...`.
 * @param modulesAlias The text of `/lib/modules/RELEASE/modules.alias` of the running kernel.
 * @returns The driver's name in sysfs, which for a module not known here is taken to be the
 * module's; `undefined` when too little is known of the device or its host.
 *
 * @example
 * ```ts
 * import { predictDriver } from "./driver.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const modulesAlias = `# Aliases extracted from modules themselves.
 * alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci
 * alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci
 * `;
 * const modalias = "pci:v000015B3d0000101Esv000015B3sd0000005Bbc02sc00i00";
 * assertEquals(predictDriver(modalias, modulesAlias), "mlx5_vfio_pci");
 * ```
 */
export function predictDriver(
  modalias: string,
  modulesAlias: string | undefined,
): string | undefined {
  const device = MODALIAS.exec(modalias)?.slice(1);
  if (device === undefined || modulesAlias === undefined) return undefined;
  let best = "vfio_pci";
  let fewest = Infinity;
  for (const [, ...alias] of modulesAlias.matchAll(VFIO_ALIAS)) {
    const wildcards = device.filter((_, field) => alias[field] === "*").length;
    const fits = device.every((value, field) => alias[field] === "*" || alias[field] === value);
    if (fits && wildcards < fewest) {
      best = alias[device.length] ?? best;
      fewest = wildcards;
    }
  }
  return DRIVER_OF_MODULE.get(best) ?? best;
}
