import type { Answer, Severity } from "../policy/mod.ts";
import { type ReportedFinding, reportFindings } from "./findings.ts";
import { DECISIONS } from "./labels.ts";

/** One cause: what says why and what to do, and the findings that say the same in other words. */
export interface Cause {
  /** What says why. */
  readonly finding: ReportedFinding;
  /** What it shows in, as the line that QEMU would print. */
  readonly evidence: readonly ReportedFinding[];
}

const QEMU = "qemu/restore-check";

/** What a finding comes of, where no offset tells: of the same device and side. */
const COMES_OF: Readonly<Record<string, readonly string[]>> = {
  [`${QEMU} exempt-differs`]: [
    "nvidia/vsc host-driver-differs",
    "nvidia/vsc records-differ",
    "nvidia/vsc signature-differs",
  ],
  "generic/unknown-vendor not-identified": [`${QEMU} no-config`, `${QEMU} not-answering`],
};

/** What decides outweighs what does not; a warning and a note are alike in that. */
const WEIGHT: Readonly<Record<Severity, number>> = { veto: 2, undecided: 1, warn: 0, info: 0 };

/**
 * Puts findings of one cause together: QEMU compares bytes, and a vendor's policy says what is in
 * them. Where both speak of one byte of a device, the vendor's finding is the cause and QEMU's its
 * evidence; so is what follows from facts whose absence another finding names. What weighs more than
 * the cause stays a cause of its own.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const words = { severity: "veto", data: {}, title: "", message: "", remedy: "" } as const;
 * const at = { ...words, device: "hostdev0", offset: 0xd8 };
 * const causes = causesOf([
 *   { ...at, policy: "nvidia/vsc", code: "body-compared" },
 *   { ...at, policy: "qemu/restore-check", code: "will-fail" },
 * ]);
 * assertEquals(causes.map(({ evidence }) => evidence.map(({ code }) => code)), [["will-fail"]]);
 * ```
 */
export function causesOf(findings: readonly ReportedFinding[]): Cause[] {
  const leads = new Map<string, ReportedFinding>();
  for (const finding of findings) {
    for (const key of leadKeys(finding)) if (!leads.has(key)) leads.set(key, finding);
  }
  const causes = new Map<ReportedFinding, ReportedFinding[]>();
  const evidence: (readonly [lead: ReportedFinding, finding: ReportedFinding])[] = [];
  for (const finding of findings) {
    const lead = evidenceKeys(finding).map((key) => leads.get(key)).find((lead) =>
      lead !== undefined
    );
    if (lead !== undefined && WEIGHT[lead.severity] >= WEIGHT[finding.severity]) {
      evidence.push([lead, finding]);
    } else {
      causes.set(finding, []);
    }
  }
  for (const [lead, finding] of evidence) causes.get(lead)?.push(finding);
  return Array.from(causes, ([finding, evidence]) => ({ finding, evidence }));
}

/** Where a finding may be the cause of others. */
function leadKeys({ policy, code, device, offset, data }: ReportedFinding): string[] {
  const keys = [[`${policy} ${code}`, device, data["side"]]];
  if (policy !== QEMU && offset !== undefined) keys.push(["at", device, offset]);
  return keys.map((key) => JSON.stringify(key));
}

/** Of what a finding may be evidence. */
function evidenceKeys({ policy, code, device, offset, data }: ReportedFinding): string[] {
  const name = `${policy} ${code}`;
  const keys = (Object.hasOwn(COMES_OF, name) ? COMES_OF[name] ?? [] : [])
    .map((lead) => [lead, device, data["side"]]);
  if (policy === QEMU && offset !== undefined) keys.push(["at", device, offset]);
  return keys.map((key) => JSON.stringify(key));
}

/**
 * The verdict in a line: the first cause in the operator's words, and how many more decide.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const verdict = { decision: "allow", findings: [], ran: [], notRun: [] } as const;
 * assertEquals(
 *   headlineOf({ verdict, policies: [] }),
 *   "ALLOW: nothing was found that stops this migration",
 * );
 * ```
 */
export function headlineOf(answer: Pick<Answer, "verdict" | "policies" | "migration">): string {
  const { verdict: { decision } } = answer;
  const [first, ...others] = causesOf(reportFindings(answer))
    .filter(({ finding }) => finding.severity === decision);
  if (first === undefined) return DECISIONS[decision];
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  return `${decision.toUpperCase()}: ${causeText(first.finding)}${more}`;
}

/** Why, in a sentence: of a site's own rule also which it is, as its message may say only what was found. */
export function causeText({ policy, title, message }: ReportedFinding): string {
  return policy.startsWith("site/") ? `${message} (${title})` : message;
}

const COUNTED: Readonly<Record<Severity, readonly [one: string, several: string]>> = {
  veto: ["veto", "vetoes"],
  undecided: ["undecided", "undecided"],
  warn: ["warning", "warnings"],
  info: ["note", "notes"],
};

/**
 * The verdict and how many causes it has, by their severity.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const verdict = { decision: "allow", findings: [], ran: [], notRun: [] } as const;
 * assertEquals(countsOf({ verdict, policies: [], devices: [] }), "ALLOW: no findings; 0 devices compared");
 * ```
 */
export function countsOf(answer: Pick<Answer, "verdict" | "policies" | "devices">): string {
  const causes = causesOf(reportFindings(answer));
  const counts = Object.entries(COUNTED).flatMap(([severity, [one, several]]) => {
    const count = causes.filter(({ finding }) => finding.severity === severity).length;
    return count === 0 ? [] : [`${count} ${count === 1 ? one : several}`];
  });
  const compared = answer.devices.length === 1 ? "1 device" : `${answer.devices.length} devices`;
  return `${answer.verdict.decision.toUpperCase()}: ${
    counts.join(", ") || "no findings"
  }; ${compared} compared`;
}
