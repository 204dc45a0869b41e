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
 * distribution can tell: those of Red Hat, SUSE and their kin keep their number and take in what is
 * newer.
 *
 * @example
 * ```ts
 * import { kernelHas } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(kernelHas("6.8.0-45-generic", "5.18"), true);
 * assertEquals(kernelHas("5.15.0-125-generic", "5.18"), false);
 * assertEquals(kernelHas("5.14.0-427.el9.x86_64", "5.18"), undefined);
 * assertEquals(kernelHas("5.14.21-150500.55.7-default", "5.18"), undefined);
 * ```
 */
export function kernelHas(release: string, since: string): boolean | undefined {
  const has = isAtLeast(release, since);
  return has === false && KEEPS_NUMBER.test(release) ? undefined : has;
}

// RHEL and its rebuilds (el), openEuler (oe), Anolis (an), Alibaba (al), Kylin (ky), SLES (-15SP00.).
const KEEPS_NUMBER = /\.(?:el|oe|an|al|ky)\d|-1[56]\d{4}\./;

/** A release of Red Hat Enterprise Linux, and of those that rebuild it. */
export interface RedHatRelease {
  /** As 9. */
  readonly major: number;
  /** As 4; `undefined` where the kernel's name does not tell. */
  readonly minor: number | undefined;
}

// Red Hat's knowledge base, "Red Hat Enterprise Linux Release Dates": 5.14.0-N of each minor release.
const RHEL9_BUILDS = [70, 162, 284, 362, 427, 503, 570, 611] as const;

/**
 * The release of Red Hat Enterprise Linux that a kernel (`uname -r`) is of; `undefined` for all
 * others.
 *
 * @example
 * ```ts
 * import { redHatRelease } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(redHatRelease("5.14.0-427.13.1.el9_4.x86_64"), { major: 9, minor: 4 });
 * assertEquals(redHatRelease("5.14.0-503.el9.x86_64"), { major: 9, minor: 5 });
 * assertEquals(redHatRelease("4.18.0-553.el8.x86_64"), { major: 8, minor: undefined });
 * assertEquals(redHatRelease("6.8.0-45-generic"), undefined);
 * ```
 */
export function redHatRelease(kernel: string): RedHatRelease | undefined {
  const [, major, minor] = /\.el(\d{1,3})(?:_(\d{1,3}))?(?![\dA-Za-z])/.exec(kernel) ?? [];
  if (major === undefined) return undefined;
  if (minor !== undefined) return { major: Number(major), minor: Number(minor) };
  const [, build] = /^5\.14\.0-(\d{1,6})\./.exec(kernel) ?? [];
  const index = build === undefined || major !== "9"
    ? -1
    : RHEL9_BUILDS.findLastIndex((first) => first <= Number(build));
  return { major: Number(major), minor: index < 0 ? undefined : index };
}
