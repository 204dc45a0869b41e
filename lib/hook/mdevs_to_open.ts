import type { CapturedDevice } from "../facts/mod.ts";

/** What the choice is among, and what has been opened. */
export interface OpenedMdevs {
  /** The source's devices for which none could be chosen. */
  readonly wanted: readonly CapturedDevice[];
  /** The destination's, with whether a guest has them. */
  readonly devices: readonly CapturedDevice[];
  /** Addresses of those that were opened, or on which that was tried. */
  readonly tried: ReadonlySet<string>;
  /** Nothing can be opened after these. */
  readonly isLast: boolean;
}

// As the launcher; an arrival opens no more than that.
const MOST = 16;

/**
 * Which of this host's mediated devices have to be opened before a guest's can be chosen: free ones of
 * the type that is wanted. While one is open a guest that starts with it fails, so that these are two for
 * each that is wanted, as a guest may be taking one of them, and all of them where these do not do.
 *
 * @returns With those that were read: they are to be read again with the others.
 *
 * @example
 * ```ts
 * import { mdevsToOpen } from "./mdevs_to_open.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const mdevType = { id: "mtty-2" };
 * const devices = [1, 2, 3].map((last) => ({
 *   address: `c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a0${last}`,
 *   mdevType,
 *   inUse: false,
 * }));
 * const wanted = [{ address: "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a09", mdevType }];
 * const asked = { wanted, devices, tried: new Set<string>() };
 *
 * const all = devices.map(({ address }) => address);
 * assertEquals(mdevsToOpen({ ...asked, isLast: false }), all.slice(0, 2));
 * assertEquals(mdevsToOpen({ ...asked, isLast: true }), all);
 * ```
 */
export function mdevsToOpen({ wanted, devices, tried, isLast }: OpenedMdevs): string[] {
  const types = new Set(wanted.flatMap(({ mdevType }) => mdevType?.id ?? []));
  const more = Array.from(types).flatMap((type) => {
    const ofType = ({ mdevType }: CapturedDevice): boolean => mdevType?.id === type;
    const count = isLast ? MOST : 2 * wanted.filter(ofType).length;
    // NVIDIA's are not: its driver would start the vGPU.
    return type.startsWith("nvidia-") ? [] : devices
      .filter((device) => ofType(device) && device.inUse === false && !tried.has(device.address))
      .map(({ address }) => address)
      .sort()
      .slice(0, count);
  });
  if (more.length === 0) return [];
  const read = devices.filter(({ address, config }) =>
    tried.has(address) && config?.kind === "realize" && !config.derived
  );
  return [...read.map(({ address }) => address), ...more].slice(0, MOST);
}
