import {
  type CodeOwner,
  type CodePage,
  fillMessage,
  type Finding,
  type FindingValue,
  parseBadConfig,
} from "../policy/mod.ts";
import type { Cause } from "./causes.ts";
import { findPage } from "./findings.ts";

/** A value that a finding rests on. */
export interface Evidence {
  /** What the policy calls it. */
  readonly name: string;
  /** The same in words. */
  readonly label: string;
  /** The value; numbers above 9 in hexadecimal too. */
  readonly value: string;
  /** Whether the finding's sentences say it, be it in a line of QEMU's. */
  readonly told: boolean;
  /** Whether it says it in words, so that nobody needs it twice. */
  readonly toldInWords: boolean;
}

/**
 * What a finding rests on: its place in config space and its data.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const finding = {
 *   policy: "premigrate",
 *   code: "not-looked-at",
 *   severity: "info",
 *   data: { type: "usb", count: 12 },
 * } as const;
 * assertEquals(evidenceOf(finding, []), [
 *   { name: "type", label: "type", value: "usb", told: true, toldInWords: true },
 *   { name: "count", label: "count", value: "12 (0xc)", told: false, toldInWords: false },
 * ]);
 * ```
 */
export function evidenceOf(finding: Finding, policies: readonly CodeOwner[]): Evidence[] {
  const { policy, code, offset, data } = finding;
  const page = findPage(policies, policy, code);
  const message = page?.message ?? "";
  const texts = [message, page?.remedy, ...Object.values(page?.remedies ?? {})].join();
  // A line of QEMU's in the message has its numbers already.
  const inLine = new Map(Object.entries(parseBadConfig(fillMessage(message, data)) ?? {}));
  const values = { ...offset === undefined ? {} : { offset }, ...data };
  const areBytes = typeof data["read"] === "number" && typeof data["device"] === "number";
  return Object.entries(values).filter(([name]) => !isChoice(page, name)).map(([name, value]) => {
    const label = (areBytes ? IN_LINE[name] : undefined) ?? LABELS[name];
    const toldInWords = tells(texts, name);
    return {
      name,
      label: label ?? wordsOf(name),
      value: typeof value === "number" && ((areBytes && name in IN_LINE) || name === "offset")
        ? `0x${value.toString(16)}`
        : valueText(value),
      told: toldInWords || inLine.get(name) === value,
      toldInWords,
    };
  });
}

/**
 * What is to be shown of a cause's finding and of each of its evidence: what their sentences do not say
 * in words, and each value once.
 */
export function valuesOf(
  { finding, evidence }: Cause,
  policies: readonly CodeOwner[],
): Evidence[][] {
  const shown = new Set<string>();
  return [finding, ...evidence].toReversed().map((found) =>
    evidenceOf(found, policies).filter(({ label, value, toldInWords }) => {
      const key = `${label} ${value}`;
      const isNew = !toldInWords && !shown.has(key);
      shown.add(key);
      return isNew;
    })
  ).toReversed();
}

/** What the numbers of QEMU's line are (`get_pci_config_device`), there or by themselves. */
const IN_LINE: Readonly<Record<string, string>> = {
  read: "the source's byte",
  device: "the destination's byte",
  cmask: "bits to compare (cmask)",
  wmask: "but not those the guest may write (wmask)",
  w1cmask: "nor those its writes clear (w1cmask)",
};

const LABELS: Readonly<Record<string, string>> = {
  failing: "bytes that fail the comparison",
  last: "last offset",
};

/** `romSize` as `rom size`. */
function wordsOf(name: string): string {
  return name.replaceAll(/(?<=[a-z\d])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function tells(message: string, name: string): boolean {
  const values = name === "side" ? { side: "", sideHost: "" } : { [name]: "" };
  return fillMessage(message, values) !== message;
}

/** What only names the remedy rests on nothing. */
function isChoice(page: CodePage | undefined, name: string): boolean {
  return name === "remedy" && page?.remedies !== undefined;
}

function valueText(value: FindingValue): string {
  return typeof value === "number" && Number.isInteger(value) && value > 9
    ? `${value} (0x${value.toString(16)})`
    : `${value}`;
}
