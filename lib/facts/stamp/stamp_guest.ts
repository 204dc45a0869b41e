import type { Domain } from "../../domain/mod.ts";
import { wantDevices } from "../../policy/guest.ts";
import type { GuestOrigin } from "./guest_origin.ts";
import { keyIds } from "../probe/host_ids.ts";
import { romFilesOf } from "../rom_files.ts";
import type { CapturedDevice, CapturedHost, Facts } from "../schema.ts";
import {
  type Stamp,
  type StampedDevice,
  StampError,
  type StampMetadata,
  withoutNamespace,
  writeStamp,
} from "./stamp.ts";
import { isSeenBare, isStartOf, type StartRecord } from "../vfio/start_records.ts";

/** What a stamp is made of. */
export interface GuestToStamp {
  /** The guest's XML. */
  readonly guest: Domain;
  /** Facts of its host and devices, read now. */
  readonly facts: Facts;
  /** When they were read, in ISO 8601. */
  readonly time: string;
  /** Where its QEMU took the devices' state from. */
  readonly origin: GuestOrigin;
  /** What the guest's metadata has. */
  readonly old: StampMetadata;
  /** What was kept of its start on this host. */
  readonly start: StartRecord | undefined;
}

/** The facts that are those of the host where QEMU was started, and why one of them is missing. */
type Shadow = Pick<CapturedDevice, "config" | "bars" | "romSize" | "missing">;

const COMMAND = 0x04;
const BARS = 0x10;
const REASONS = ["config", "bars", "romSize", "realizeView"];

/** The devices of a guest that a migration carries over, and that have a PCI address in it. */
export function devicesToStamp(guest: Domain): StampedDevice[] {
  const carried = new Set(wantDevices(guest).wanted.map(({ name }) => name));
  return guest.hostDevices.flatMap((device) =>
    (device.kind === "pci" || device.kind === "mdev") && carried.has(device.alias) &&
      device.address?.type === "pci"
      ? [{ guest: device.address.bdf, source: device.source }]
      : []
  );
}

/**
 * Makes a guest's stamp. The config bytes and the sizes of BARs and ROM are those of the host where
 * its QEMU was started: QEMU makes its copy of the config space there, and what it does not compare
 * it carries on from host to host (`get_pci_config_device`). So what an older stamp says of them
 * stays; all else is as it is on this host now.
 *
 * @throws {StampError} When the guest has no UUID, or a device of which there are no facts.
 */
export async function makeStamp(made: GuestToStamp): Promise<Stamp> {
  const { guest: { uuid }, facts, time } = made;
  if (uuid === undefined) throw new StampError("the guest has no UUID");
  const host = await keyIds(facts.host, uuid);
  const devices = devicesToStamp(made.guest);
  const stamped = devices.map((device) => {
    const captured = facts.devices.find(({ address }) => address === device.source);
    if (captured === undefined) {
      throw new StampError(`there are no facts of its device ${device.source}`);
    }
    return withShadow(captured, shadowOf(made, host, device) ?? captured);
  });
  const own = ownRomFiles(host, made.guest);
  return { guest: uuid, time, devices, facts: { ...facts, host: own, devices: stamped } };
}

/** The host, with the sizes of this guest's ROM files and of no other's. */
function ownRomFiles(
  { romFiles = {}, missing: { romFiles: _, ...missing } = {}, ...host }: CapturedHost,
  guest: Domain,
): CapturedHost {
  const own = romFilesOf(guest, { running: true }).flatMap(({ path }) => {
    const size = romFiles[path];
    return size === undefined ? [] : [[path, size] as const];
  });
  return {
    ...host,
    ...own.length === 0 ? {} : { romFiles: Object.fromEntries(own) },
    ...Object.keys(missing).length === 0 ? {} : { missing },
  };
}

/**
 * Writes a stamp for virsh; the attributes that policies declare are left out of one that is too large
 * with them.
 *
 * @param longest As much as virsh takes, in bytes.
 * @throws {StampError} When it is too large nevertheless.
 */
export async function writeFitting(
  stamp: Stamp,
  longest: number,
): Promise<{ readonly stamp: Stamp; readonly element: string }> {
  try {
    return { stamp, element: await writeElement(stamp, longest) };
  } catch (error) {
    const bare = withoutAttributes(stamp);
    if (!(error instanceof StampError) || bare === undefined) throw error;
    return { stamp: bare, element: await writeElement(bare, longest) };
  }
}

async function writeElement(stamp: Stamp, longest: number): Promise<string> {
  const element = await writeStamp(stamp);
  const size = withoutNamespace(element).length;
  if (size <= longest) return element;
  throw new StampError(`its stamp of ${size} bytes is too large for virsh`);
}

/** `undefined` where there are none. */
function withoutAttributes(stamp: Stamp): Stamp | undefined {
  const { facts } = stamp;
  if (!facts.devices.some(({ attributes }) => attributes !== undefined)) return undefined;
  const why = { attributes: "the guest's stamp is too large with them" };
  const devices = facts.devices.map(({ attributes, missing, ...device }): CapturedDevice => ({
    ...device,
    missing: attributes === undefined ? missing : { ...missing, ...why },
  }));
  return { ...stamp, facts: { ...facts, devices } };
}

/**
 * `undefined`: as it is on this host now.
 *
 * @param host This host as stamps name it.
 */
function shadowOf(
  made: GuestToStamp,
  host: CapturedHost,
  device: StampedDevice,
): Shadow | undefined {
  const { origin, facts: { host: { bootId }, devices }, start } = made;
  if (wasPluggedSince(made, host, device)) return undefined;
  const old = oldShadow(made, host, device);
  const { config } = devices.find(({ address }) => address === device.source) ?? {};
  const now = config?.kind === "running" && !config.derived ? config : undefined;
  if (origin.kind !== "started") {
    const isKnown = old?.config !== undefined && !old.config.derived;
    if (now === undefined) return old ?? { missing: { config: whyUnknown(made) } };
    return isKnown ? withAddresses(old, now.bytes) : undefined;
  }
  const read = start !== undefined && isStartOf(start, { bootId, since: origin.since })
    ? start.devices.find(({ address }) => address === device.source)
    : undefined;
  if (start === undefined || read === undefined) {
    // What another device of this host showed is no more now than it was then.
    const isExact = old?.config?.kind === "realize" && !old.config.derived;
    return old?.config?.derived || (now !== undefined && !isExact) ? undefined : old;
  }
  const { bars, romSize } = read;
  return { config: { ...read.config, source: "vfio-region", time: start.time }, bars, romSize };
}

/** What was read of a running guest on its host before, with where it has its BARs now. */
function withAddresses(old: Shadow, now: Uint8Array): Shadow {
  const { config } = old;
  if (config?.kind !== "running") return old;
  const bytes = config.bytes.slice();
  for (const [start, end] of [[COMMAND, COMMAND + 2], [BARS, BARS + 24]] as const) {
    bytes.set(now.subarray(start, end), start);
  }
  return { ...old, config: { ...config, bytes } };
}

/**
 * Whether the QEMU that runs was seen on this host without the device, by an earlier stamp or with no
 * device at all: then QEMU has opened it here, whatever it was before.
 */
function wasPluggedSince(
  { guest, facts, origin, old, start }: GuestToStamp,
  host: CapturedHost,
  device: StampedDevice,
): boolean {
  const qemu = { bootId: facts.host.bootId, since: origin.since };
  const oldTime = old.kind === "stamp" ? Date.parse(old.stamp.time) : -Infinity;
  if (start !== undefined && isSeenBare(start, qemu) && oldTime < Date.parse(start.time)) {
    return true;
  }
  if (old.kind !== "stamp" || old.stamp.guest !== guest.uuid || origin.since === undefined) {
    return false;
  }
  return isOf(host, old.stamp) && Date.parse(old.stamp.time) >= origin.since.getTime() &&
    !old.stamp.devices.some((old) => old.guest === device.guest && old.source === device.source);
}

function isOf(host: CapturedHost, stamp: Stamp): boolean {
  const there = stamp.facts.host;
  return there.uuid !== undefined && there.uuid === host.uuid &&
    there.bootId !== undefined && there.bootId === host.bootId;
}

/** What the guest's stamp says of the device, where that is of the QEMU that runs. */
function oldShadow(
  { guest, origin, old }: GuestToStamp,
  host: CapturedHost,
  device: StampedDevice,
): Shadow | undefined {
  if (old.kind !== "stamp" || old.stamp.guest !== guest.uuid) return undefined;
  const isOurs = isOf(host, old.stamp);
  if (origin.kind === "started") {
    // One of an earlier life may have come back with the guest's persistent XML.
    const isOfThisLife = origin.since === undefined ||
      Date.parse(old.stamp.time) >= origin.since.getTime();
    if (!isOurs || !isOfThisLife) return undefined;
  }
  const same = old.stamp.devices.find((old) => old.guest === device.guest);
  // On one host another source is another device, plugged in since.
  if (same === undefined || (isOurs && same.source !== device.source)) return undefined;
  return old.stamp.facts.devices.find(({ address }) => address === same.source);
}

function whyUnknown({ origin, old }: GuestToStamp): string {
  const why = origin.kind === "incoming"
    ? "the guest was not started on this host"
    : "it is not known where the guest was started";
  const stamp = old.kind === "unusable" ? `its stamp is unusable: ${old.reason}` : "no stamp tells";
  return `${why}, and ${stamp}`;
}

function withShadow(
  captured: CapturedDevice,
  { config, bars, romSize, missing = {} }: Shadow,
): CapturedDevice {
  const reasons = [
    ...Object.entries(captured.missing ?? {}).filter(([name]) => !REASONS.includes(name)),
    ...Object.entries(missing).filter(([name]) => REASONS.includes(name)),
  ];
  return { ...captured, config, bars, romSize, missing: Object.fromEntries(reasons) };
}
