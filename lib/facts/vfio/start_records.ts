import { encodeHex } from "@std/encoding/hex";
import * as v from "valibot";
import { oneLine } from "../one_line.ts";
import { Store } from "../store.ts";
import { type RegionBytes, RegionForm } from "./region.ts";
import { UUID } from "../../domain/uuid.ts";

/** What was read of a guest's devices just before its QEMU was started, or that it has none now. */
export interface StartRecord {
  /** The guest's UUID. */
  readonly guest: string;
  /** When, in ISO 8601. */
  readonly time: string;
  /** The boot of the host in which that was. */
  readonly bootId: string;
  /** The devices that could be read; empty: it was seen to have none. */
  readonly devices: readonly StartedDevice[];
}

/** A device as QEMU was about to see it. */
export interface StartedDevice extends RegionBytes {
  /** Its address on the host: `DDDD:BB:SS.F`, or an mdev's UUID. */
  readonly address: string;
}

// libvirt runs the hook before it prepares the devices, and QEMU writes its pid file after that.
const LONGEST_START_MS = 120_000;
const CLOCK_STEP_MS = 5_000;

// A device with 4096 bytes takes 9 KB. As many guests as have ever had devices on one host, and then some.
const STORE = new Store(
  v.strictObject({
    premigrate: v.literal("started/1"),
    guest: v.pipe(v.string(), v.regex(UUID)),
    time: v.pipe(v.string(), v.isoTimestamp()),
    bootId: v.string(),
    devices: v.pipe(
      v.array(v.strictObject({ address: v.string(), ...RegionForm })),
      v.maxLength(256),
    ),
  }),
  { largest: 4 * 1024 * 1024, most: 4096 },
);

/**
 * Keeps what was read when a guest was about to start, over what was kept of its last start, in the
 * folder `dir`.
 *
 * @returns Why it could not be kept; `undefined` when it was.
 *
 * @example
 * ```ts ignore
 * const why = recordStart("/var/lib/premigrate/started", { guest, time, bootId, devices });
 * ```
 */
export function recordStart(dir: string, record: StartRecord): string | undefined {
  const devices = record.devices.map(({ config, bars, romSize, ...device }) => ({
    ...device,
    config: encodeHex(config.bytes),
    bars: [...bars],
    romSize,
  }));
  try {
    STORE.keep(dir, record.guest, { premigrate: "started/1", ...record, devices });
    return undefined;
  } catch (error) {
    return oneLine(`Failed to keep the start of ${record.guest} in ${dir}: ${error}`);
  }
}

/** Finds what was kept of a guest's last start on this host, by its UUID. */
export function findStart(
  dir: string,
  guest: string,
): StartRecord | { readonly missing: string } {
  const found = STORE.find(dir, guest);
  if (found?.guest !== guest) return { missing: "nothing was read when it was started" };
  const { premigrate: _, ...record } = found;
  return record;
}

/**
 * Whether a record is that of the QEMU that runs now: of this boot, and of the moment before it was
 * there. A start that failed after the hook leaves one, too.
 *
 * @param since When QEMU was there.
 */
export function isStartOf(
  { time, bootId }: StartRecord,
  qemu: { readonly bootId: string | undefined; readonly since: Date | undefined },
): boolean {
  if (qemu.since === undefined || bootId !== qemu.bootId) return false;
  const before = qemu.since.getTime() - Date.parse(time);
  return before <= LONGEST_START_MS && before >= -CLOCK_STEP_MS;
}

/** Whether the QEMU that runs now was seen to have no device. */
export function isSeenBare(
  { time, bootId, devices }: StartRecord,
  qemu: { readonly bootId: string | undefined; readonly since: Date | undefined },
): boolean {
  return devices.length === 0 && qemu.since !== undefined && bootId === qemu.bootId &&
    Date.parse(time) >= qemu.since.getTime();
}
