import { hex } from "./bits.ts";

const BDF = /^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$/i;
const LAST_DEVICE = 0x1f;

/**
 * A function's address (domain:bus:device.function, all hexadecimal) in the form sysfs uses: lower
 * case, with the domain, whose digits are at least four.
 *
 * @returns `undefined` when `text` is no such address, or its device number is above 1f.
 *
 * @example
 * ```ts
 * import { normalizeBdf } from "premigrate/pci";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(normalizeBdf("3B:00.4"), "0000:3b:00.4");
 * assertEquals(normalizeBdf("3b:00"), undefined);
 * ```
 */
export function normalizeBdf(text: string): string | undefined {
  const [, domain = "0", bus, device, fn] = BDF.exec(text) ?? [];
  if (bus === undefined || device === undefined || parseInt(device, 16) > LAST_DEVICE) {
    return undefined;
  }
  return `${hex(parseInt(domain, 16), 4).slice(2)}:${bus}:${device}.${fn}`.toLowerCase();
}
