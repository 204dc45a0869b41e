import { bit, bits, hex } from "./bits.ts";
import { get32 } from "./bytes.ts";

/** A base address register that is not zero (PCI Local Bus 3.0, section 6.2.5.1). */
export interface Bar {
  /** Number of the register, counted from 0; a 64-bit BAR takes two and has the lower number. */
  readonly index: number;
  /** Offset of the register in config space. */
  readonly offset: number;
  /**
   * The space it decodes and the width of its address; the obsolete and reserved types are 32 bits
   * wide.
   */
  readonly kind: "io" | "memory32" | "memory64";
  /** Whether reads have no side effects; always false for I/O. */
  readonly prefetchable: boolean;
  /** The address without the type bits, as 0x-prefixed hexadecimal. */
  readonly address: string;
}

const MEMORY_64_BIT = 2;

/**
 * Decodes the base address registers in `registers`, the first of which is at `offset` in config
 * space. A 64-bit BAR in the last register has only its lower half.
 */
export function decodeBars(registers: Uint8Array, offset: number): Bar[] {
  const bars: Bar[] = [];
  for (let at = 0; at + 4 <= registers.length; at += 4) {
    const low = get32(registers, at);
    if (low === 0) continue;
    const place = { index: at / 4, offset: offset + at };
    if (bit(low, 0)) {
      bars.push({ ...place, kind: "io", prefetchable: false, address: hex((low & ~3) >>> 0) });
      continue;
    }
    const prefetchable = bit(low, 3);
    const address = (low & ~0xf) >>> 0;
    if (bits(low, 1, 2) !== MEMORY_64_BIT) {
      bars.push({ ...place, kind: "memory32", prefetchable, address: hex(address) });
      continue;
    }
    at += 4;
    const high = get32(registers, at);
    const wide = (BigInt(high) << 32n) | BigInt(address);
    bars.push({ ...place, kind: "memory64", prefetchable, address: hex(wide) });
  }
  return bars;
}
