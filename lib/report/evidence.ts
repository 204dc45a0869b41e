import {
  type CodeOwner,
  type CodePage,
  fillMessage,
  type Finding,
  type FindingValue,
  parseBadConfig,
} from "../policy/mod.ts";
import { findPage } from "./findings.ts";

/** A value that a finding rests on. */
export interface Evidence {
  /** What the policy calls it. */
  readonly name: string;
  /** The value; numbers above 9 in hexadecimal too. */
  readonly value: string;
  /** Whether the finding's message says it. */
  readonly told: boolean;
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
 *   { name: "type", value: "usb", told: true },
 *   { name: "count", value: "12 (0xc)", told: false },
 * ]);
 * ```
 */
export function evidenceOf(finding: Finding, policies: readonly CodeOwner[]): Evidence[] {
  const { policy, code, offset, data } = finding;
  const page = findPage(policies, policy, code);
  const message = page?.message ?? "";
  const told = [message, page?.remedy, ...Object.values(page?.remedies ?? {})].join();
  const place: Evidence[] = offset === undefined
    ? []
    : [{ name: "offset", value: `0x${offset.toString(16)}`, told: tells(message, "offset") }];
  // A line of QEMU's in the message has its numbers already.
  const inLine = new Map(Object.entries(parseBadConfig(fillMessage(message, data)) ?? {}));
  return [
    ...place,
    ...Object.entries(data).filter(([name]) => !isChoice(page, name)).map(([name, value]) => ({
      name,
      value: valueText(value),
      told: tells(told, name) || inLine.get(name) === value,
    })),
  ];
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
