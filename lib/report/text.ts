import { bold, cyan, dim, green, red, yellow } from "@std/fmt/colors";
import type { Answer, CodeOwner, Decision, ReportedDevice, Severity } from "../policy/mod.ts";
import type { ReportedFinding } from "./findings.ts";
import { evidenceOf } from "./evidence.ts";
import { findingsByDevice } from "./device_findings.ts";
import { printable, wrap } from "./printable.ts";
import { addressText, DECISIONS, notLookedAtText, notRunText } from "./labels.ts";

type Paint = (text: string) => string;

const PAINTS: Readonly<Record<Decision | Severity, Paint>> = {
  allow: green,
  veto: red,
  undecided: yellow,
  warn: cyan,
  info: dim,
};

/**
 * A verdict as text for a terminal, the decision first; lines end in `\n`.
 *
 * @example
 * ```ts
 * import { reportText } from "premigrate/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const verdict = { decision: "allow", findings: [], ran: [], notRun: [] } as const;
 * const text = reportText({ verdict, devices: [], assumptions: [], policies: [] });
 * assertStringIncludes(text, "ALLOW");
 * ```
 */
export function reportText(answer: Answer): string {
  const { verdict: { decision, notRun }, assumptions, policies } = answer;
  const { general, devices, applied } = findingsByDevice(answer);
  const notLookedAt = notLookedAtText(answer);
  const lines = [
    bold(PAINTS[decision](DECISIONS[decision])),
    ...assumptions.map((line) => dim(`assumed: ${printable(line)}`)),
    ...notLookedAt === undefined ? [] : [dim(notLookedAt)],
  ];
  const add = (finding: ReportedFinding): void => {
    lines.push(...findingLines(finding, policies));
  };
  if (general.length > 0) lines.push("");
  general.forEach(add);
  for (const { name, device, findings } of devices) {
    lines.push("", bold(printable(name)) + printable(addresses(device)));
    findings.forEach(add);
  }
  lines.push(
    "",
    dim(`policies applied: ${applied.join(", ") || "none"}`),
    ...notRun.map((policy) => dim(printable(`policy not run: ${notRunText(policy)}`))),
  );
  return lines.join("\n") + "\n";
}

function findingLines(finding: ReportedFinding, policies: readonly CodeOwner[]): string[] {
  const { severity, policy, code, message, remedy } = finding;
  const evidence = evidenceOf(finding, policies).filter(({ told }) => !told)
    .map(({ name, value }) => `${name} ${value}`).join(", ");
  return [
    `  ${PAINTS[severity](severity.padEnd(9))} ${policy} ${code}`,
    ...wrap(printable(message), 12),
    ...evidence === "" ? [] : wrap(printable(`(${evidence})`), 12).map(dim),
    ...wrap(printable(`-> ${remedy}`), 12).map(dim),
  ];
}

function addresses(device: ReportedDevice | undefined): string {
  const text = device && addressText(device);
  return text === undefined || text === device?.name ? "" : ` (${text})`;
}
