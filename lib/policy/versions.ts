const MOST_NUMBERS = 8;

/**
 * The numbers with which a version begins; `undefined` where it begins with none.
 *
 * @example
 * ```ts
 * import { versionNumbers } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(versionNumbers("5.14.0-427.el9.x86_64"), [5, 14, 0, 427]);
 * ```
 */
export function versionNumbers(text: string): number[] | undefined {
  const [numbers = ""] = /^\d{1,15}(?:[.-]\d{1,15})*/.exec(text.slice(0, 200)) ?? [];
  return numbers === "" ? undefined : numbers.split(/[.-]/, MOST_NUMBERS).map(Number);
}

/**
 * Whether a version, by the numbers it begins with, is the floor or a later one; what one does not
 * have counts as 0. `undefined` where either begins with none.
 *
 * @example
 * ```ts
 * import { isAtLeast } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(isAtLeast("28.41.1000", "28.9"), true);
 * assertEquals(isAtLeast("8.6.0", "8.6.1"), false);
 * ```
 */
export function isAtLeast(version: string, floor: string): boolean | undefined {
  const [numbers, wanted] = [versionNumbers(version), versionNumbers(floor)];
  if (numbers === undefined || wanted === undefined) return undefined;
  const at = wanted.findIndex((number, index) => number !== (numbers[index] ?? 0));
  return at < 0 || (numbers[at] ?? 0) > (wanted[at] ?? 0);
}

/**
 * Whether a kernel (`uname -r`) has what upstream has since a version; `undefined` where only its
 * distribution can tell: Red Hat's kernels keep their number and take in what is newer.
 *
 * @example
 * ```ts
 * import { kernelHas } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(kernelHas("6.8.0-45-generic", "5.18"), true);
 * assertEquals(kernelHas("5.15.0-125-generic", "5.18"), false);
 * assertEquals(kernelHas("5.14.0-427.el9.x86_64", "5.18"), undefined);
 * ```
 */
export function kernelHas(release: string, since: string): boolean | undefined {
  const has = isAtLeast(release, since);
  return has === false && /\.el\d/.test(release) ? undefined : has;
}
