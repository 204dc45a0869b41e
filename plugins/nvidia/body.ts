import { type DeviceFacts, get16, ownFacts, regionsOf } from "premigrate/policy";

/** A Vendor Specific Capability of an NVIDIA device; offsets count from the start of config space. */
export interface Vsc {
  readonly offset: number;
  readonly next: number;
  /** The length byte: the header's 3 bytes are in it. */
  readonly length: number;
  readonly body: VscBody;
  /** The body's bytes, from `offset + 3`. */
  readonly bytes: Uint8Array;
}

/** What the body of the capability is, by its first bytes. */
export type VscBody =
  /** "VF": a vGPU, with a list of records. */
  | { readonly kind: "vgpu"; readonly records: readonly VscRecord[] | undefined }
  /** 01: a whole GPU, with bytes that differ from card to card. */
  | { readonly kind: "gpu" }
  | { readonly kind: "unknown" };

/** A record: its id, its length with the two bytes of its own header, and its data. */
export interface VscRecord {
  readonly id: number;
  readonly length: number;
  readonly data: Uint8Array;
}

/** What record 0 tells of the host's driver. */
export interface HostDriver {
  readonly version: string;
  readonly branch: string;
}

const VENDOR_SPECIFIC = 0x09;
const HEADER = 3;
const HOST_DRIVER_RECORD = 0;

/** The device's own bytes as QEMU reads them, without the capabilities that QEMU adds. */
export function ownRegion(facts: DeviceFacts): Uint8Array | undefined {
  const own = ownFacts(facts);
  if (own.config === undefined || get16(own.config.bytes, 0) === 0xffff) return undefined;
  return regionsOf(own).at(-1)?.bytes;
}

/**
 * The Vendor Specific Capabilities in the order of the list. It is walked as QEMU walks it, so that
 * each body that QEMU exempts is found, wherever the pointers lead.
 */
export function findVscs(config: Uint8Array): Vsc[] {
  const list = new Set<number>();
  const hasList = ((config[0x06] ?? 0) & 0x10) !== 0;
  for (let at = hasList ? config[0x34] ?? 0 : 0; at !== 0; at = config[at + 1] ?? 0) {
    if (list.has(at)) break;
    list.add(at);
  }
  return [...list].filter((offset) => config[offset] === VENDOR_SPECIFIC).map((offset) => {
    const length = config[offset + 2] ?? 0;
    const limit = Math.min(256, ...[...list].filter((other) => other > offset));
    // A length that cannot be right hides nothing: all that QEMU exempts is the body.
    const isWhole = length >= HEADER && offset + length <= limit;
    const bytes = config.subarray(offset + HEADER, isWhole ? offset + length : limit);
    return {
      offset,
      next: config[offset + 1] ?? 0,
      length,
      bytes,
      body: readBody(bytes, isWhole),
    };
  });
}

function readBody(bytes: Uint8Array, isWhole: boolean): VscBody {
  if (bytes[0] === 0x56 && bytes[1] === 0x46) {
    return { kind: "vgpu", records: isWhole ? readRecords(bytes.subarray(2)) : undefined };
  }
  const isGpu = isWhole && bytes[0] === 0x01 && bytes.length === 0x14 - HEADER;
  return { kind: isGpu ? "gpu" : "unknown" };
}

// Records fill the body; what is left after the last one is zero.
function readRecords(bytes: Uint8Array): VscRecord[] | undefined {
  const records: VscRecord[] = [];
  let at = 0;
  while (at < bytes.length && bytes.subarray(at).some((byte) => byte !== 0)) {
    const [id = 0, length = 0] = bytes.subarray(at, at + 2);
    if (length < 2 || at + length > bytes.length) return undefined;
    records.push({ id, length, data: bytes.subarray(at + 2, at + length) });
    at += length;
  }
  return records;
}

/** The host's driver, from record 0: 10 bytes of version and 10 of branch, padded with NUL. */
export function hostDriver(vsc: Vsc): HostDriver | undefined {
  const record = hostDriverRecord(vsc);
  if (record === undefined || record.data.length < 20) return undefined;
  return { version: text(record.data.subarray(0, 10)), branch: text(record.data.subarray(10, 20)) };
}

/** The records of a vGPU whose meaning is not known. */
export function unknownRecords(vsc: Vsc): VscRecord[] {
  const records = vsc.body.kind === "vgpu" ? vsc.body.records ?? [] : [];
  const known = hostDriverRecord(vsc);
  return records.filter((record) => record !== known || record.length !== 0x16);
}

function hostDriverRecord({ body }: Vsc): VscRecord | undefined {
  return body.kind === "vgpu"
    ? body.records?.find(({ id }) => id === HOST_DRIVER_RECORD)
    : undefined;
}

// What is not printable could be anything, and ends in a terminal: different bytes, different text.
function text(bytes: Uint8Array): string {
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  return Array.from(
    bytes.subarray(0, end),
    (byte) =>
      byte > 0x20 && byte < 0x7f && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, "0")}`,
  ).join("");
}
