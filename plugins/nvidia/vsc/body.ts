import { decodeConfigSpace } from "premigrate/policy";

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

/** The device's own Vendor Specific Capabilities, in the order of the list. */
export function findVscs(config: Uint8Array): Vsc[] {
  return decodeConfigSpace(config).capabilities
    .filter(({ id, offset }) => id === VENDOR_SPECIFIC && !isGpudirectClique(config, offset))
    .map(({ offset }) => {
      const length = config[offset + 2] ?? 0;
      const bytes = config.subarray(offset + HEADER, Math.max(offset + length, offset + HEADER));
      return {
        offset,
        next: config[offset + 1] ?? 0,
        length,
        bytes,
        body: readBody(bytes, length),
      };
    });
}

// "P2P": QEMU's own, added for x-nv-gpudirect-clique (vfio_add_nv_gpudirect_cap).
function isGpudirectClique(config: Uint8Array, offset: number): boolean {
  return config.subarray(offset + 3, offset + 6).join() === "80,50,80";
}

function readBody(bytes: Uint8Array, length: number): VscBody {
  if (bytes[0] === 0x56 && bytes[1] === 0x46) {
    const isWhole = bytes.length === length - HEADER;
    return { kind: "vgpu", records: isWhole ? readRecords(bytes.subarray(2)) : undefined };
  }
  return bytes[0] === 0x01 && length === 0x14 ? { kind: "gpu" } : { kind: "unknown" };
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
export function hostDriver({ body }: Vsc): HostDriver | undefined {
  const record = body.kind === "vgpu"
    ? body.records?.find(({ id }) => id === HOST_DRIVER_RECORD)
    : undefined;
  if (record === undefined || record.data.length < 20) return undefined;
  return { version: text(record.data.subarray(0, 10)), branch: text(record.data.subarray(10, 20)) };
}

/** Whether a record's meaning is known. */
export function isKnownRecord({ id, length }: VscRecord): boolean {
  return id === HOST_DRIVER_RECORD && length === 0x16;
}

// What is not printable could be anything, and ends in a terminal.
function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Array.from(
    end < 0 ? bytes : bytes.subarray(0, end),
    (byte) => byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "?",
  ).join("");
}
