/** Little-endian access to config space; bytes past the end read as 0 and are not written. */

/** The 16-bit register at `offset`. */
export function get16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] ?? 0) | (bytes[offset + 1] ?? 0) << 8;
}

/** The 32-bit register at `offset`, unsigned. */
export function get32(bytes: Uint8Array, offset: number): number {
  return (get16(bytes, offset) | get16(bytes, offset + 2) << 16) >>> 0;
}

/** Writes the low 16 bits of `value` at `offset`. */
export function set16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
}

/** Writes the low 32 bits of `value` at `offset`. */
export function set32(bytes: Uint8Array, offset: number, value: number): void {
  set16(bytes, offset, value);
  set16(bytes, offset + 2, value >>> 16);
}
