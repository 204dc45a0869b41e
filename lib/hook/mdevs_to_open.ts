import type { CapturedDevice } from "../facts/mod.ts";

/** What the choice is among, and what has been opened. */
export interface OpenedMdevs {
  /** The source's devices that the guest has. */
  readonly wanted: readonly CapturedDevice[];
  /** The destination's, with whether a guest has them. */
  readonly devices: readonly CapturedDevice[];
  /** Addresses of those that were opened, or on which that was tried. */
  readonly tried: ReadonlySet<string>;
}

// As the launcher; an arrival opens no more than that.
const MOST = 16;

/**
 * Which of this host's mediated devices have to be opened before a guest's can be chosen: free ones of
 * the type that is wanted, two for each that is still wanted, as a guest may be taking one of them.
 * While one is open a guest that starts with it fails, so that no other is.
 *
 * @example
 * ```ts
 * import { mdevsToOpen } from "../../lib/hook/mdevs_to_open.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const mdevType = { id: "mtty-2" };
 * const free = ["c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01", "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a02"]
 *   .map((address) => ({ address, mdevType, inUse: false }));
 * const wanted = [{ address: "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a09", mdevType }];
 *
 * const tried = new Set<string>();
 * assertEquals(mdevsToOpen({ wanted, devices: free, tried }), free.map(({ address }) => address));
 * ```
 */
export function mdevsToOpen({ wanted, devices, tried }: OpenedMdevs): string[] {
  const types = new Set(wanted.flatMap(({ mdevType }) => mdevType?.id ?? []));
  const found = Array.from(types).flatMap((type) => {
    const free = devices.filter(({ mdevType, inUse }) => mdevType?.id === type && inUse === false);
    const isRead = ({ address, config }: CapturedDevice): boolean =>
      tried.has(address) && config?.kind === "realize" && !config.derived;
    const needed = wanted.filter(({ mdevType }) => mdevType?.id === type).length -
      free.filter(isRead).length;
    // NVIDIA's are not: its driver would start the vGPU.
    return needed <= 0 || type.startsWith("nvidia-") ? [] : free
      .map(({ address }) => address)
      .filter((address) => !tried.has(address))
      .sort()
      .slice(0, 2 * needed);
  });
  return found.slice(0, MOST);
}
