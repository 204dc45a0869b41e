/** The unsigned number in the `width` (at most 31) bits from bit `low` up. */
export function bits(value: number, low: number, width: number): number {
  return (value >>> low) & (2 ** width - 1);
}

/** Bit `index` of `value`. */
export function bit(value: number, index: number): boolean {
  return bits(value, index, 1) === 1;
}

/** Each name with the state of its bit. */
export function flags(
  value: number,
  indexes: Readonly<Record<string, number>>,
): Record<string, boolean> {
  return Object.fromEntries(
    Object.entries(indexes).map(([name, index]) => [name, bit(value, index)]),
  );
}

/** The names whose bit is set. */
export function namesOfSetBits(
  value: number,
  indexes: Readonly<Record<string, number>>,
): string[] {
  return Object.keys(indexes).filter((name) => bit(value, indexes[name] ?? 0));
}

/**
 * `value` as people write offsets and addresses: 0x-prefixed, lower case, at least `digits` long.
 */
export function hex(value: number | bigint, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}
