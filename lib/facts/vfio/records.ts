import { decodeHex, encodeHex } from "@std/encoding/hex";
import * as v from "valibot";
import type { RealizeView } from "../../qemu/view.ts";
import { oneLine } from "../one_line.ts";
import { keepRecord } from "../record_files.ts";
import { ConfigHex, RegionSizes, type VfioRegion } from "./region.ts";

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

/** A realize view that another device of the same kind showed on this host earlier. */
export interface DerivedRealizeView {
  /** That it was not read from the device in question. */
  readonly derived: true;
  /** The device it was read from. */
  readonly address: string;
  /** When, in ISO 8601. */
  readonly time: string;
  /** The bytes: 256 or 4096. */
  readonly config: RealizeView;
  /** Sizes in bytes of BAR 0 to 5, 0 for none. */
  readonly bars: readonly number[];
  /** Size in bytes of the expansion ROM, 0 for none. */
  readonly romSize: number;
}

// Far above the kinds of device one host ever has.
const MOST_RECORDS = 256;
// A record of 4096 bytes takes 9 KB.
const LARGEST_RECORD = 65_536;

const RecordSchema = v.strictObject({
  premigrate: v.literal("realize/2"),
  key: v.strictObject({
    type: v.string(),
    driver: v.string(),
    version: v.string(),
    details: v.string(),
  }),
  address: v.string(),
  time: v.pipe(v.string(), v.isoTimestamp()),
  config: ConfigHex,
  ...RegionSizes,
});
const RecordText = v.pipe(v.string(), v.parseJson(), RecordSchema);

/**
 * Keeps what was read from the device at `address`, over what was kept for the same `key`, in the
 * folder `dir`, which is made where it is missing. The file is readable to its owner alone, and is
 * there whole or not at all.
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
  region: VfioRegion,
): Promise<string | undefined> {
  const { type, driver, version, details } = key;
  const record: v.InferInput<typeof RecordSchema> = {
    premigrate: "realize/2",
    key: { type, driver, version, details },
    address,
    time: new Date().toISOString(),
    config: encodeHex(region.config.bytes),
    bars: [...region.bars],
    romSize: region.romSize,
  };
  const bytes = new TextEncoder().encode(`${JSON.stringify(record)}\n`);
  if (bytes.length > LARGEST_RECORD) return "Its key is longer than any device's";
  try {
    await keepRecord(dir, await nameOf(key), bytes, MOST_RECORDS);
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
 * @example
 * ```ts ignore
 * const kept = await findRealizeView("/var/lib/premigrate/realize", key);
 * if ("missing" in kept) kept.missing;
 * else kept.config.bytes;
 * ```
 */
export async function findRealizeView(
  dir: string,
  key: RealizeKey,
): Promise<DerivedRealizeView | { readonly missing: string }> {
  const kind = oneLine(`${key.type} like it under ${key.driver} ${key.version}`);
  try {
    const path = `${dir}/${await nameOf(key)}.json`;
    const { size, isFile } = await Deno.stat(path);
    if (!isFile || size > LARGEST_RECORD) return { missing: `${path} is no record` };
    return parseRecord(await Deno.readTextFile(path), key);
  } catch (error) {
    return error instanceof Deno.errors.NotFound
      ? { missing: `no ${kind} was ever read on this host` }
      : { missing: oneLine(`Failed to read what was kept of ${kind}: ${error}`) };
  }
}

/**
 * Reads a record, which must be that of `key`.
 *
 * @example
 * ```ts
 * import { parseRecord } from "./records.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const key = { type: "NVIDIA A40-8Q", driver: "nvidia", version: "535.161.05", details: "[]" };
 * assertEquals(parseRecord("{}", key), { missing: "what was kept is damaged" });
 * ```
 */
export function parseRecord(
  text: string,
  key: RealizeKey,
): DerivedRealizeView | { readonly missing: string } {
  const { success, output } = v.safeParse(RecordText, text);
  if (!success) return { missing: "what was kept is damaged" };
  const { address, time, config, bars, romSize } = output;
  const same = output.key.type === key.type && output.key.driver === key.driver &&
    output.key.version === key.version && output.key.details === key.details;
  if (!same) return { missing: "what was kept is of another kind" };
  const view = { kind: "realize", bytes: decodeHex(config) } as const;
  return { derived: true, address, time, config: view, bars, romSize };
}

/** Whatever is in the key, the name is 64 hexadecimal digits. */
async function nameOf(key: RealizeKey): Promise<string> {
  const text = JSON.stringify([key.type, key.driver, key.version, key.details]);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return encodeHex(digest);
}
