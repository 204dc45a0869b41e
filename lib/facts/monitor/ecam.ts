/**
 * The guest view of a running guest: its devices' config space, read through the ECAM window by
 * QEMU's monitor.
 *
 * libvirt gives the monitor to read-write connections only, and marks the domain as tainted
 * (`custom-monitor`) until it is stopped: this is for those who ask for it.
 *
 * @module
 */
import { hex } from "../../pci/bits.ts";
import { get16 } from "../../pci/bytes.ts";
import { Asker, type Monitor } from "./ecam_monitor.ts";
import {
  type EcamWindow,
  parseEcamWindow,
  parsePciFunctions,
  parseStatus,
  parseWords,
  type PciFunction,
} from "./ecam_replies.ts";
import { oneLine } from "../one_line.ts";

export { type Monitor, type MonitorCommand, virshMonitor } from "./ecam_monitor.ts";

/** Offsets: the first, and the one after the last. */
export type Range = readonly [start: number, end: number];

/** A config space as the guest sees it. */
export interface GuestConfig {
  /** All 4096 bytes, or 256 where the others read as ones, as a conventional device's do. */
  readonly bytes: Uint8Array;
  /** What was left out because reading it does something; 0 in `bytes`. */
  readonly unread: readonly Range[];
}

/** A config space that could not be read. */
export interface MissingConfig {
  /** Why, for people. */
  readonly missing: string;
}

/** One of the guest's PCI functions. */
export interface GuestDevice {
  /** Its address in the guest, like `0000:01:00.0`. */
  readonly address: string;
  /** libvirt's alias; the machine's own devices have none. */
  readonly alias: string | undefined;
  /** Its config space. */
  readonly config: GuestConfig | MissingConfig;
}

/** What the guest sees of its devices. */
export interface GuestView {
  /** Its PCI functions. Those behind a bus that has no number are not among them. */
  readonly devices: readonly GuestDevice[];
}

/**
 * Why there is no guest view:
 *
 * - `impossible`: the machine is an i440FX, which has no ECAM;
 * - `not-enabled`: no ECAM window is mapped, since the firmware has not come to it, or ever;
 * - `not-running`: the guest does not run; it may wait for a migration, and is to be left alone.
 */
export interface NoGuestView {
  /** Why, for programs. */
  readonly code: "impossible" | "not-enabled" | "not-running";
  /** Why, for people. */
  readonly missing: string;
}

const CONFIG_SIZE = 4096;
const STANDARD_SIZE = 256;
const HEADER_SIZE = 64;
const CAPABILITY_POINTER = 0x34;
const VENDOR_SPECIFIC = 0x09;
const INTEL_VENDOR = 0x8086;
const I440FX_HOST_BRIDGE = 0x1237;
const VIRTIO_VENDOR = 0x1af4;
const VIRTIO_PCI_CAP_PCI_CFG = 5;

/**
 * Reads what a running guest sees of its devices: two rounds of commands to the monitor, and for
 * virtio devices one more for each of their capabilities.
 *
 * A read is one of the guest's own: of a passed-through device it goes to the device itself.
 *
 * @param options.host The host that runs the guest, for errors.
 * @param options.aliases Which devices, where they are shown; all unless given.
 * @throws {PremigrateError} An answer is not understood. What `monitor` throws is thrown on.
 *
 * @example
 * ```ts
 * import { readGuestView } from "./ecam.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const answers = ['{"return": {"status": "inmigrate"}}', '{"return": []}', ""];
 * const view = await readGuestView(() => Promise.resolve(answers), { host: "hosta" });
 *
 * assertEquals("code" in view ? view.code : undefined, "not-running");
 * ```
 */
export async function readGuestView(
  monitor: Monitor,
  { host, aliases }: { readonly host: string; readonly aliases?: readonly string[] },
): Promise<GuestView | NoGuestView> {
  const asker = new Asker(monitor, host);
  const [status, functions, window] = await Promise.all([
    asker.ask({ execute: "query-status" }, parseStatus),
    asker.ask({ execute: "query-pci" }, parsePciFunctions),
    asker.ask({ hmp: "info mtree" }, (text) => parseEcamWindow(text) ?? "none"),
  ]);
  if (status !== "running") {
    return { code: "not-running", missing: `The guest is ${oneLine(status)}; wait until it runs` };
  }
  if (window === "none") return withoutWindow(functions);
  const wanted = functions.filter(({ alias }) =>
    aliases === undefined || alias !== undefined && aliases.includes(alias)
  );
  return { devices: await Promise.all(wanted.map((fn) => readDevice(asker, window, fn))) };
}

function withoutWindow(functions: readonly PciFunction[]): NoGuestView {
  const isI440fx = functions.some(({ vendor, device }) =>
    vendor === INTEL_VENDOR && device === I440FX_HOST_BRIDGE
  );
  return isI440fx
    ? {
      code: "impossible",
      missing: "An i440FX machine has no ECAM window; give the realize view of its devices",
    }
    : {
      code: "not-enabled",
      missing: "The machine maps no ECAM window; try again when the guest has started",
    };
}

async function readDevice(
  asker: Asker,
  window: EcamWindow,
  fn: PciFunction,
): Promise<GuestDevice> {
  return {
    address: `0000:${digits(fn.bus, 2)}:${digits(fn.slot, 2)}.${fn.function}`,
    alias: fn.alias,
    config: await readConfig(asker, window, fn),
  };
}

async function readConfig(
  asker: Asker,
  { base, size }: EcamWindow,
  { bus, slot, function: fn, vendor, device }: PciFunction,
): Promise<GuestConfig | MissingConfig> {
  // PCI Express Base Specification, 7.2.2: bus, device and function are bits 27-20, 19-15 and 14-12.
  const offset = (bus << 20) + (slot << 15) + (fn << 12);
  if (offset >= size) return { missing: `Bus ${bus} is outside the ECAM window` };
  const bytes = new Uint8Array(CONFIG_SIZE);
  const read: Read = async ([start, end]) => {
    const address = base + offset + start;
    const hmp = `xp /${(end - start) / 4}xw ${hex(address)}`;
    bytes.set(await asker.ask({ hmp }, (text) => parseWords(text, address, end - start)), start);
  };
  const unread = vendor === VIRTIO_VENDOR ? await findPciCfgData(bytes, read) : [];
  await Promise.all(around(unread).map(read));
  const ids = [get16(bytes, 0), get16(bytes, 2)];
  if (ids[0] !== vendor || ids[1] !== device) {
    const [found, wanted] = [ids, [vendor, device]].map((pair) =>
      pair.map((id) => digits(id, 4)).join(":")
    );
    return { missing: `It read as ${found}, wanted ${wanted}; it may be gone, or powered down` };
  }
  const isConventional = bytes.subarray(STANDARD_SIZE).every((byte) => byte === 0xff);
  return { bytes: isConventional ? bytes.slice(0, STANDARD_SIZE) : bytes, unread };
}

/** Reads a range into the bytes of a device. */
type Read = (range: Range) => Promise<void>;

/**
 * Where virtio's window into its BARs is: reading that dword reads the BAR (Virtual I/O Device 1.2,
 * 4.1.4.9; QEMU's virtio_read_config). Capability by capability, so that it is not read by chance.
 */
async function findPciCfgData(bytes: Uint8Array, read: Read): Promise<Range[]> {
  const found: Range[] = [];
  const seen = new Set<number>();
  await read([0, HEADER_SIZE]);
  let at = capabilityAt(bytes, CAPABILITY_POINTER);
  while (at >= HEADER_SIZE && !seen.has(at)) {
    seen.add(at);
    await read([at, at + 4]);
    if (bytes[at] === VENDOR_SPECIFIC && bytes[at + 3] === VIRTIO_PCI_CAP_PCI_CFG) {
      found.push([at + 0x10, at + 0x14]);
    }
    at = capabilityAt(bytes, at + 1);
  }
  return found.sort(([a], [b]) => a - b);
}

function capabilityAt(bytes: Uint8Array, pointer: number): number {
  return (bytes[pointer] ?? 0) & 0xfc;
}

/** What is left of a config space without `ranges`, which are in order. */
function around(ranges: readonly Range[]): Range[] {
  const starts = [0, ...ranges.map(([, end]) => end)];
  const ends = [...ranges.map(([start]) => start), CONFIG_SIZE];
  return starts.map((start, index): Range => [start, ends[index] ?? CONFIG_SIZE])
    .filter(([start, end]) => start < end);
}

function digits(value: number, length: number): string {
  return hex(value, length).slice(2);
}
