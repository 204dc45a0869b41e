import { bold, cyan, dim, green, red, yellow } from "@std/fmt/colors";
import type { Decision, NotRun, Severity, Verdict } from "../policy/mod.ts";
import { type Answer, type ReportedFinding, reportFindings } from "./answer.ts";
import { printable, wrap } from "./printable.ts";

type Paint = (text: string) => string;

const DECISIONS: Readonly<Record<Decision, { paint: Paint; text: string }>> = {
  allow: { paint: green, text: "ALLOW: nothing was found that stops this migration" },
  veto: { paint: red, text: "VETO: this migration will fail or harm the guest" },
  undecided: { paint: yellow, text: "UNDECIDED: facts are missing" },
};

const SEVERITIES: Readonly<Record<Severity, Paint>> = {
  veto: red,
  undecided: yellow,
  warn: cyan,
  info: dim,
};

const REASONS: Readonly<Record<NotRun["reason"], string>> = {
  "needs-facts": "needs more than config bytes",
  "unknown-device": "the device's ids are not known",
};

/**
 * A verdict as text for a terminal, the decision first; lines end in `\n`.
 *
 * @example
 * ```ts
 * import { reportText } from "premigrate";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const verdict = { decision: "allow", findings: [], ran: [], notRun: [] } as const;
 * const text = reportText({ verdict, devices: [], assumptions: [], policies: [] });
 * assertStringIncludes(text, "ALLOW");
 * ```
 */
export function reportText(answer: Answer): string {
  const { verdict, devices, assumptions } = answer;
  const { paint, text } = DECISIONS[verdict.decision];
  const findings = reportFindings(answer);
  const lines = [
    bold(paint(text)),
    ...assumptions.map((line) => dim(`assumed: ${printable(line)}`)),
  ];
  const general = findings.filter(({ device }) => device === undefined);
  if (general.length > 0) lines.push("", ...general.flatMap(findingLines));
  for (const { name, source, destination } of devices) {
    lines.push("", bold(printable(name)) + printable(addresses(name, source, destination)));
    lines.push(...findings.filter(({ device }) => device === name).flatMap(findingLines));
  }
  const listed = new Set(devices.map(({ name }) => name));
  const others = findings.filter(({ device }) => device !== undefined && !listed.has(device));
  for (const finding of others) {
    lines.push("", bold(printable(finding.device ?? "")), ...findingLines(finding));
  }
  lines.push("", ...policyLines(verdict));
  return lines.join("\n") + "\n";
}

function findingLines(finding: ReportedFinding): string[] {
  const { severity, policy, code, message, remedy } = finding;
  const lines = [
    `  ${SEVERITIES[severity](severity.padEnd(9))} ${policy} ${code}`,
    ...wrap(printable(message), 12),
  ];
  if (severity !== "info") lines.push(...wrap(printable(`-> ${remedy}`), 12).map(dim));
  return lines;
}

function policyLines({ ran, notRun }: Verdict): string[] {
  const applied = [...new Set(ran.map(({ policy }) => policy))];
  return [
    dim(`policies applied: ${applied.join(", ") || "none"}`),
    ...notRun.map(({ policy, device, reason }) =>
      dim(printable(`policy not run: ${policy} for ${device}: ${REASONS[reason]}`))
    ),
  ];
}

function addresses(name: string, source: string, destination: string): string {
  if (source !== destination) return ` (${source} -> ${destination})`;
  return source === name ? "" : ` (${source})`;
}
