import { DomainXmlError, parseDomain } from "../../domain/mod.ts";
import { namedDevices } from "../../domain/named_devices.ts";
import { listRunning } from "./guests.ts";
import { guestCommands, type GuestId, isGone, isRunning } from "./guest.ts";
import type { LibvirtUri } from "./uri.ts";
import { oneLine } from "../one_line.ts";
import type { CapturedDevice } from "../schema.ts";
import { runVirsh } from "./virsh.ts";
import type { VirshAnswer } from "./virsh_script.ts";

/** A guest that runs, and the devices that its document names. */
export interface HoldingGuest {
  /** Its UUID. */
  readonly uuid: string;
  /** Addresses on its host. */
  readonly devices: readonly string[];
}

/** The devices that the running guests of a host have. */
export interface DevicesInUse {
  /** Addresses that their documents name. */
  readonly addresses: ReadonlySet<string>;
  /** The same by guest. */
  readonly guests?: readonly HoldingGuest[] | undefined;
  /** Why not all devices of some guest are known for certain, a line for each guest. */
  readonly unread: readonly string[];
  /** A guest may have VFIO devices that are named nowhere. */
  readonly mayHideMore: boolean;
}

/**
 * Asks libvirt for the devices that running guests have. One guest that cannot be read does not make
 * the others' unknown: what its document names counts as in use, and where it may have more, so that
 * only devices that a VFIO driver has are unknown.
 *
 * @throws {VirshError} When libvirt gives no answer.
 */
export async function findDevicesInUse(
  uri: LibvirtUri,
  signal: AbortSignal,
): Promise<DevicesInUse> {
  const running = await listRunning(uri, signal);
  const commands = running.flatMap(({ uuid }) => guestCommands(uuid));
  const answers = commands.length === 0
    ? []
    : await runVirsh(uri, commands, { readOnly: true, signal });
  const guests = running.map((guest, index) =>
    readOne(guest, answers.slice(2 * index, 2 * index + 2))
  );
  return {
    addresses: new Set(guests.flatMap(({ addresses }) => addresses)),
    guests: running.map(({ uuid }, index) => ({ uuid, devices: guests[index]?.addresses ?? [] })),
    unread: guests.flatMap(({ name, why }) =>
      why === undefined ? [] : [oneLine(`the guest '${name}': ${why}`)]
    ),
    mayHideMore: guests.some(({ mayHideMore }) => mayHideMore),
  };
}

interface OneGuest {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly why?: string;
  readonly mayHideMore: boolean;
}

function readOne(
  { name }: GuestId,
  [info = "", xml = ""]: readonly VirshAnswer[],
): OneGuest {
  for (const answer of [info, xml]) {
    if (typeof answer === "string") continue;
    // A guest that has ended since has no device any more.
    return isGone(answer.missing)
      ? { name, addresses: [], mayHideMore: false }
      : { name, addresses: [], why: answer.missing.found, mayHideMore: true };
  }
  if (typeof info !== "string" || typeof xml !== "string" || !isRunning(info)) {
    return { name, addresses: [], mayHideMore: false };
  }
  try {
    const { hostDevices } = parseDomain(xml);
    const addresses = hostDevices.flatMap((device) =>
      device.kind === "pci" || device.kind === "mdev" ? [device.source] : []
    );
    // A guest that has a device without its XML saying which.
    const isOpen = hostDevices.some(({ kind }) => kind === "unknown-until-start");
    const byHand = hostDevices.some((device) =>
      device.kind === "other" && device.type === "qemu:commandline"
    );
    if (!isOpen && !byHand) return { name, addresses, mayHideMore: false };
    const named = namedDevices(xml);
    const mayHideMore = isOpen || named.mayHideMore;
    return {
      name,
      addresses: [...addresses, ...named.addresses],
      ...mayHideMore ? { why: "its XML does not name a device that it has" } : {},
      mayHideMore,
    };
  } catch (error) {
    if (!(error instanceof DomainXmlError)) throw error;
    return { name, ...namedDevices(xml), why: error.message };
  }
}

/** What is said of guests whose devices are not all known; `undefined` where they are. */
export function whyNotAllKnown({ unread }: DevicesInUse = NOBODY): string | undefined {
  return unread.length === 0 ? undefined : oneLine(unread.join("; "));
}

const NOBODY: DevicesInUse = { addresses: new Set(), unread: [], mayHideMore: false };

/** Whether a guest has the device; `undefined`: not known. */
export function isInUse(
  { address, driver, mdevType, vgpuType }: CapturedDevice,
  use: DevicesInUse | undefined,
): boolean | undefined {
  if (use === undefined) return undefined;
  if (use.addresses.has(address)) return true;
  if (!use.mayHideMore) return false;
  // QEMU opens a device by the VFIO driver that is bound to it; NVIDIA's own is one where it has made
  // a vGPU of a function.
  const cannotBeOpen = driver !== undefined && !driver.name.includes("vfio") &&
    mdevType === undefined && (vgpuType === 0 || !driver.name.startsWith("nvidia"));
  return cannotBeOpen ? false : undefined;
}
