import { bold } from "@std/fmt/colors";
import {
  type BadConfig,
  type CodeOwner,
  type CodePage,
  type ConfigSpace,
  decodeConfigSpace,
  fieldAt,
  fillMessage,
  formatBadConfig,
  type Policy,
} from "../policy/mod.ts";
import { withEngine } from "./findings.ts";
import { hostNames } from "./host_names.ts";
import { wrap } from "./printable.ts";

/** A code's page, with the policy it belongs to. */
export interface FoundPage extends CodePage {
  /** The policy's id. */
  readonly policy: string;
  /** The code. */
  readonly code: string;
}

/**
 * Finds the pages of a code, given as `code` or `policy code` or `policy:code`.
 *
 * @example
 * ```ts
 * import { findPages } from "premigrate/report";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(findPages([], "premigrate no-facts").length, 1);
 * ```
 */
export function findPages(policies: readonly CodeOwner[], text: string): FoundPage[] {
  const [, policyId, wanted = ""] = /^(?:(\S+)[ :])?(\S+)$/.exec(text.trim()) ?? [];
  return withEngine(policies).flatMap(({ policy: { id, codes } }) => {
    const page = Object.hasOwn(codes, wanted) ? codes[wanted] : undefined;
    const isWanted = page !== undefined && (policyId === undefined || policyId === id);
    return isWanted ? [{ ...page, policy: id, code: wanted }] : [];
  });
}

/**
 * A code's page as text; lines end in `\n`.
 *
 * @example
 * ```ts
 * import { explainCode, findPages } from "premigrate/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const text = findPages([], "no-facts").map(explainCode).join();
 * assertStringIncludes(text, "What to do: ");
 * ```
 */
export function explainCode({ policy, code, severity, title, about, ...page }: FoundPage): string {
  return [
    ...wrap(`${policy} ${code} (${severity}): ${title}`, 0, 4),
    ...wrap(about, 2),
    ...remediesOf(page).flatMap((remedy) => wrap(remedy, 2)),
  ].join("\n") + "\n";
}

/** All that a code's findings may advise: what to do, and for which guests that is. */
export function remediesOf(
  { remedy, remedies = {} }: Pick<CodePage, "remedy" | "remedies">,
): string[] {
  return [["", remedy] as const, ...Object.entries(remedies)].map(([fits, text]) =>
    `What to do${fits === "" ? "" : ` (${fits})`}: ${fillMessage(text, hostNames(undefined))}`
  );
}

/**
 * A policy's page as text; lines end in `\n`.
 *
 * @example
 * ```ts
 * import { BUILT_IN } from "premigrate";
 * import { explainPolicy } from "premigrate/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * for (const policy of BUILT_IN) assertStringIncludes(explainPolicy(policy), policy.title);
 * ```
 */
export function explainPolicy({ id, title, documentation, codes }: Policy): string {
  const listed = Object.entries(codes).flatMap(([code, { severity, title }]) => [
    `  ${code} (${severity})`,
    ...wrap(title, 4),
  ]);
  return [
    bold(`${id}: ${title}`),
    "",
    ...plainText(documentation),
    "",
    bold("Findings:"),
    ...listed,
  ]
    .join("\n") + "\n";
}

/** The rows of a table, without its frame. */
function tableRows(block: string): string[] {
  return block.split("\n").filter((line) => !/^[|\s:-]+$/.test(line)).map((line) =>
    `  ${line.slice(2, -2).replaceAll(" | ", "  ").replaceAll("`", " ")}`.trimEnd()
  );
}

/** Markdown as a terminal shows it: its text, without the page's own title. */
function plainText(markdown: string): string[] {
  const blocks = markdown.trim().replace(/^# .*\n+/, "").split(/\n{2,}/);
  return blocks.flatMap((block, index) => [
    ...index === 0 ? [] : [""],
    ...block.startsWith("|")
      ? tableRows(block)
      : block.startsWith("```") || block.startsWith("    ")
      ? block.split("\n").filter((line) => !line.startsWith("```"))
      : block.startsWith("#")
      ? [bold(block.replace(/^#+ /, ""))]
      : block.split(/\n(?=[-*] |\d+\. )/).flatMap((text) => {
        const [mark = ""] = /^([-*]|\d+\.) /.exec(text) ?? [];
        const words = text.slice(mark.length).replaceAll(/\s+/g, " ")
          .replaceAll(/\[([^\]]*)\]\(([^)]*)\)/g, "$1 ($2)").replaceAll(/\*\*|`/g, "");
        return wrap(mark + words, 0, mark.length);
      }),
  ]);
}

/** What QEMU's line means. */
export interface BadConfigExplanation {
  /** The name of the byte; `undefined` when only a dump of the device could tell it. */
  readonly field: string | undefined;
  /** The bits that differ and are compared. */
  readonly bits: number;
  /** All of it in words; lines end in `\n`. */
  readonly text: string;
}

/**
 * Explains the numbers of QEMU's line; with the destination's config space it names the byte.
 *
 * @example
 * ```ts
 * import { explainBadConfig } from "premigrate/report";
 * import { assertEquals } from "@std/assert";
 *
 * const bad = { offset: 0x08, read: 0xa1, device: 0xa2, cmask: 0xff, wmask: 0, w1cmask: 0 };
 * const { field, bits } = explainBadConfig(bad, undefined);
 * assertEquals([field, bits], ["Revision ID", 0x03]);
 * ```
 */
export function explainBadConfig(
  bad: BadConfig,
  space: ConfigSpace | undefined,
): BadConfigExplanation {
  const isHeader = bad.offset < 0x40;
  const known = space ?? (isHeader ? decodeConfigSpace(new Uint8Array(64)) : undefined);
  const field = known === undefined ? undefined : fieldAt(known, bad.offset).name;
  const bits = (bad.read ^ bad.device) & bad.cmask & ~bad.wmask & ~bad.w1cmask;
  const hex = (value: number): string => `0x${value.toString(16).padStart(2, "0")}`;
  const sentences = [
    `The source sent ${hex(bad.read)}, the destination's own device has ${hex(bad.device)} at ` +
    `offset ${hex(bad.offset)}${field === undefined ? "" : `: ${field}`}.`,
    field === undefined
      ? "The offset is behind the header, where each device has capabilities of its own: with " +
        "--dump FILE (a dump of the destination's device) premigrate names the field."
      : "",
    bits === 0
      ? "By these numbers no compared bit differs, so QEMU would not have printed this line."
      : `QEMU compares the bits ${
        hex(bad.cmask & ~bad.wmask & ~bad.w1cmask & 0xff)
      } of this byte ` +
        `(cmask without wmask and w1cmask), and ${hex(bits)} of them differ.`,
    "It compares in ascending order and stops here, so later bytes may differ, too. The guest's " +
    "memory had been sent by then; the source resumes the guest.",
  ];
  const lines = sentences.filter((sentence) => sentence !== "")
    .flatMap((sentence) => wrap(sentence, 2, 4));
  return { field, bits, text: [formatBadConfig(bad), ...lines].join("\n") + "\n" };
}
