const MOST_NUMBERS = 8;

/**
 * The numbers with which a version begins; `undefined` where it begins with none.
 *
 * @example
 * ```ts
 * import { versionNumbers } from "../../lib/site/version.ts";
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
 * Whether a version is another or later. What one does not have counts as 0.
 *
 * @example
 * ```ts
 * import { isAtLeast } from "../../lib/site/version.ts";
 * import { assert } from "@std/assert";
 *
 * assert(isAtLeast([550, 100], [550, 90, 7]));
 * ```
 */
export function isAtLeast(version: readonly number[], least: readonly number[]): boolean {
  for (const index of Array(MOST_NUMBERS).keys()) {
    const difference = (version[index] ?? 0) - (least[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
