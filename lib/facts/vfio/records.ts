import { encodeHex } from "@std/encoding/hex";
import * as v from "valibot";
import { oneLine } from "../one_line.ts";
import { nameOf, Store } from "../store.ts";
import type { RunningView } from "../../qemu/view.ts";
import { type RegionBytes, RegionForm } from "./region.ts";

/** What a realize view is kept under: devices alike in all of it are taken to show the same. */
export interface RealizeKey {
  /** The mdev type's name (`NVIDIA A40-8Q`); of a VF its PCI ids and the number of its vGPU type. */
  readonly type: string;
  /** The driver that showed it: `nvidia`, `mlx5_vfio_pci`. */
  readonly driver: string;
  /** The driver's version; the kernel's release for a driver that has none of its own. */
  readonly version: string;
  /** What else may change the bytes. */
  readonly details: string;
}

/** What is kept of a device. */
export interface KeptRegion extends Pick<RegionBytes, "bars" | "romSize"> {
  /** Its config region, read while it was idle or while a guest held it. */
  readonly config: RegionBytes["config"] | RunningView;
}

/** The config region that another device of the same kind showed on this host earlier. */
export interface DerivedRealizeView extends KeptRegion {
  /** That it was not read from the device in question. */
  readonly derived: true;
  /** The device it was read from. */
  readonly address: string;
  /** When, in ISO 8601. */
  readonly time: string;
}

// A record of 4096 bytes takes 9 KB; a host has far fewer kinds of device.
const STORE = new Store(
  v.strictObject({
    premigrate: v.literal("realize/2"),
    key: v.strictObject({
      type: v.string(),
      driver: v.string(),
      version: v.string(),
      details: v.string(),
    }),
    address: v.string(),
    time: v.pipe(v.string(), v.isoTimestamp()),
    view: v.optional(v.literal("running")),
    ...RegionForm,
  }),
  { largest: 65_536, most: 256 },
);

/**
 * Keeps what was read from the device at `address`, over what was kept for the same `key`, in the
 * folder `dir`; what was read of a running guest's device is not kept over what was of an idle one.
 *
 * @returns Why it could not be kept; `undefined` when it was.
 *
 * @example
 * ```ts ignore
 * const key = { type: "NVIDIA A40-8Q", driver: "nvidia", version: "535.161.05", details: "[]" };
 * const region = await readVfioRegion({ address, group: 12 }, signal);
 * if (region.result === "read") await recordRealizeView("/var/lib/premigrate/realize", key, address, region);
 * ```
 */
export async function recordRealizeView(
  dir: string,
  key: RealizeKey,
  address: string,
  { config: { kind, bytes }, bars, romSize }: KeptRegion,
): Promise<string | undefined> {
  const time = new Date().toISOString();
  const view = kind === "running" ? { view: kind } : {};
  const region = { ...view, config: encodeHex(bytes), bars: [...bars], romSize };
  try {
    const name = await keyName(key);
    const kept = kind === "running" ? STORE.find(dir, name) : undefined;
    if (kept !== undefined && kept.view === undefined) return undefined;
    STORE.keep(dir, name, { premigrate: "realize/2", key, address, time, ...region });
    return undefined;
  } catch (error) {
    return oneLine(`Failed to keep the realize view in ${dir}: ${error}`);
  }
}

/**
 * Finds what was last read from any device of that kind on this host. It stands in for a device
 * that cannot be opened, and is marked as derived: bytes of the single card, such as a serial
 * number, are the other device's.
 *
 * @param records The folder; or the files of another host's, by their names.
 *
 * @example
 * ```ts ignore
 * const kept = await findRealizeView("/var/lib/premigrate/realize", key);
 * if ("missing" in kept) kept.missing;
 * else kept.config.bytes;
 * ```
 */
export async function findRealizeView(
  records: string | ReadonlyMap<string, string>,
  key: RealizeKey,
): Promise<DerivedRealizeView | { readonly missing: string }> {
  const name = await keyName(key);
  const kept = typeof records === "string"
    ? STORE.find(records, name)
    : STORE.read(records.get(`${name}.json`));
  if (kept === undefined || await keyName(kept.key) !== name) {
    const kind = `${key.type} like it under ${key.driver} ${key.version}`;
    return { missing: oneLine(`no ${kind} was ever read on this host`) };
  }
  const { address, time, view = "realize", config: { bytes }, bars, romSize } = kept;
  return { derived: true, address, time, config: { kind: view, bytes }, bars, romSize };
}

function keyName({ type, driver, version, details }: RealizeKey): Promise<string> {
  return nameOf(type, driver, version, details);
}
