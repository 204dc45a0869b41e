import { bits } from "./bits.ts";
import { get32 } from "./bytes.ts";

/** What can be wrong with the bytes of a config space. Codes are never renamed. */
export type ProblemCode =
  /**
   * All bytes of the header, or the first extended capability header, are 0xff: no device answers.
   */
  | "all-ff"
  /** The header type is none of 0, 1 and 2; no BARs and no capabilities are looked for. */
  | "unknown-header-type"
  /** The last BAR register says that another one follows. */
  | "bar-cut-off"
  /** A pointer's two low bits are not zero; they are ignored, as the specification says. */
  | "unaligned-pointer"
  /** A pointer leads below the area where its list may have capabilities; the walk ended there. */
  | "pointer-into-header"
  /** A pointer leads beyond the bytes that were given (64 of them); the walk ended there. */
  | "truncated"
  /** A pointer leads to a capability that was already seen; the walk ended there. */
  | "capability-loop"
  /** A pointer leads to bytes that are no capability header; the walk ended there. */
  | "chain-broken"
  /** A capability's own length is less than its header. */
  | "length-too-short"
  /** A capability's own length goes past the end of the space it is in. */
  | "past-end";

/** One thing that is wrong with the bytes of a config space. */
export interface Problem {
  /** Which kind of thing. */
  readonly code: ProblemCode;
  /** Offset of the register, pointer or capability that is wrong. */
  readonly offset: number;
  /** What is wrong about it: the pointer, the length, or the register as read. */
  readonly value: number;
}

/** A capability as its list has it, before its body is looked at. */
export interface ListedCapability {
  /** Offset of the capability's first byte. */
  readonly offset: number;
  /** 8 bits in the standard list, 16 in the extended one. */
  readonly id: number;
  /** Offset of the next capability in the list, its two low bits cleared; 0 in the last one. */
  readonly next: number;
}

/** An extended capability as its list has it. */
export interface ListedExtendedCapability extends ListedCapability {
  /** The 4-bit version. */
  readonly version: number;
}

/** A list of capabilities in the order of its pointers, and what was wrong with it. */
export interface Chain<Listed> {
  readonly listed: readonly Listed[];
  readonly problems: readonly Problem[];
}

/** A pointer as read, and where. */
interface Pointer {
  readonly at: number;
  readonly value: number;
}

const HEADER_END = 0x40;
const EXTENDED_START = 0x100;

/**
 * Follows the standard list from the pointer at `pointerOffset` (PCI Local Bus 3.0, section 6.7),
 * by the rules of `pci_scan_trad_caps` in pciutils, except that a pointer below 0x40 ends the walk.
 */
export function walkStandard(bytes: Uint8Array, pointerOffset: number): Chain<ListedCapability> {
  const pointerAt = (at: number): Pointer => ({ at, value: bytes[at] ?? 0 });
  return follow(pointerAt(pointerOffset), HEADER_END, bytes.length, (offset) => {
    const id = bytes[offset] ?? 0;
    if (id === 0xff) return undefined;
    const pointer = pointerAt(offset + 1);
    return [{ offset, id, next: aligned(pointer.value) }, pointer];
  });
}

/**
 * Follows the extended list from 0x100 (PCI Express Base, section 7.6) in 4096 bytes, by the rules
 * of
 * `pci_scan_ext_caps` in pciutils, except that a pointer below 0x100 ends the walk.
 *
 * @param express Whether the function is a PCI Express one, so that bytes there must answer:
 * elsewhere they may read as 0xff in a healthy function.
 */
export function walkExtended(
  bytes: Uint8Array,
  express: boolean,
): Chain<ListedExtendedCapability> {
  const first = get32(bytes, EXTENDED_START);
  if (first === 0 || (first === 0xffff_ffff && !express)) return { listed: [], problems: [] };
  if (first === 0xffff_ffff) {
    return { listed: [], problems: [{ code: "all-ff", offset: EXTENDED_START, value: first }] };
  }
  const start = { at: EXTENDED_START, value: EXTENDED_START };
  return follow(start, EXTENDED_START, bytes.length, (offset) => {
    const header = get32(bytes, offset);
    if (header === 0 || header === 0xffff_ffff) return undefined;
    const pointer = { at: offset + 2, value: bits(header, 20, 12) };
    const id = bits(header, 0, 16);
    return [{ offset, id, version: bits(header, 16, 4), next: aligned(pointer.value) }, pointer];
  });
}

/** Ends at the latest when every aligned offset between `floor` and `end` was seen once. */
function follow<Listed>(
  start: Pointer,
  floor: number,
  end: number,
  read: (offset: number) => [Listed, Pointer] | undefined,
): Chain<Listed> {
  const listed: Listed[] = [];
  const problems: Problem[] = [];
  const seen = new Set<number>();
  const report = (code: ProblemCode, { at, value }: Pointer): void => {
    problems.push({ code, offset: at, value });
  };
  let pointer = start;
  for (;;) {
    const offset = aligned(pointer.value);
    if (offset !== pointer.value) report("unaligned-pointer", pointer);
    if (offset === 0) break;
    if (offset < floor) {
      report("pointer-into-header", pointer);
      break;
    }
    if (offset >= end) {
      report("truncated", pointer);
      break;
    }
    if (seen.has(offset)) {
      report("capability-loop", pointer);
      break;
    }
    seen.add(offset);
    const found = read(offset);
    if (!found) {
      report("chain-broken", pointer);
      break;
    }
    listed.push(found[0]);
    pointer = found[1];
  }
  return { listed, problems };
}

function aligned(pointer: number): number {
  return pointer & ~3;
}
