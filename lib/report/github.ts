import type { DetailedAnswer } from "../policy/mod.ts";
import { causesOf, headlineOf } from "./causes.ts";
import { reportChoices } from "./choices.ts";
import { evidenceOf } from "./evidence.ts";
import { type ReportedFinding, reportFindings } from "./findings.ts";
import { addressText, isOnlyObserved, notLookedAtText, notRunText } from "./labels.ts";
import { printable } from "./printable.ts";
import { titleOf } from "./title.ts";
import { type Written, writtenText } from "./written.ts";

const COMMANDS = { veto: "error", undecided: "error", warn: "warning" } as const;

/**
 * Verdicts for the log of a GitHub Actions job: what stops a migration is annotated as an error,
 * warnings as such, and the rest is in the log.
 *
 * @example
 * ```ts
 * import { reportGithub } from "premigrate/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const verdict = { decision: "allow", findings: [], ran: [], notRun: [] } as const;
 * const migration = { source: { name: "a" }, destination: { name: "b" }, bytesOnly: false };
 * const text = reportGithub([
 *   { verdict, devices: [], assumptions: [], policies: [], pairs: [], migration },
 * ]);
 * assertStringIncludes(text, "ALLOW");
 * ```
 */
export function reportGithub(answers: readonly DetailedAnswer[], written: Written = {}): string {
  return [plain(writtenText(written)), ...answers.flatMap(answerLines)].join("\n") + "\n";
}

function answerLines(answer: DetailedAnswer): string[] {
  const { verdict, devices, assumptions, policies, migration: { machine }, choices = [] } = answer;
  const title = titleOf(answer);
  const notLookedAt = notLookedAtText(answer);
  const applied = [...new Set(verdict.ran.map(({ policy }) => policy))].join(", ");
  const text = (finding: ReportedFinding): string => {
    const { policy, code, message } = finding;
    const values = evidenceOf(finding, policies).filter(({ told }) => !told)
      .map(({ name, value }) => `${name} ${value}`).join(", ");
    return `${message}${values === "" ? "" : ` (${values})`} [${policy} ${code}]`;
  };
  const findings = causesOf(reportFindings(answer)).map(({ finding, evidence }) => {
    const { severity, device, remedy } = finding;
    const whole = [`${text(finding)} -> ${remedy}`, ...evidence.map(text)].join("; ");
    const where = device === undefined ? title : `${title}, ${device}`;
    if (severity === "info") return plain(`info ${device ?? ""} ${whole}`);
    const command = isOnlyObserved(severity, verdict.decision) ? "warning" : COMMANDS[severity];
    return `::${command} title=${property(`${severity}: ${where}`)}::${data(whole)}`;
  });
  return [
    plain(`${headlineOf(answer)} (${title})`),
    plain(`machine type ${machine?.name ?? "not known"}`),
    ...devices.map((device) => plain(`device ${device.name}: ${addressText(device)}`)),
    ...assumptions.map((line) => plain(`assumed: ${line}`)),
    ...notLookedAt === undefined ? [] : [plain(notLookedAt)],
    ...reportChoices(choices).map(({ device, chosen }) =>
      plain(`chosen for ${device}: ${chosen ?? "none"}`)
    ),
    ...findings,
    plain(`policies applied: ${applied || "none"}`),
    ...verdict.notRun.map((policy) => plain(`policy not run: ${notRunText(policy)}`)),
  ];
}

/** The runner looks for its older commands anywhere in a line (`ActionCommand.TryParse`). */
function plain(text: string): string {
  return printable(text).replaceAll("##[", "#\\u{23}[");
}

/** As the runner reads it back (`ActionCommand`'s escape mappings). */
function data(text: string): string {
  return plain(text).replaceAll("%", "%25");
}

function property(text: string): string {
  return data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
