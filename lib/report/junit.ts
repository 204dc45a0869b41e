import type { Decision, DetailedAnswer, Severity } from "../policy/mod.ts";
import { ENGINE_ID } from "../policy/own_codes.ts";
import { headlineOf } from "./causes.ts";
import { reportChoices } from "./choices.ts";
import { evidenceOf } from "./evidence.ts";
import { type ReportedFinding, reportFindings } from "./findings.ts";
import { type Markup, markup } from "./html/markup.ts";
import { addressText, isOnlyObserved, NOT_RUN, notLookedAtText } from "./labels.ts";
import { titleOf } from "./title.ts";
import type { Written } from "./written.ts";

/** What a policy found of a device, or of the migration as a whole. */
interface Case {
  readonly device: string | undefined;
  readonly policy: string;
  readonly findings: ReportedFinding[];
  /** Why the policy was not applied. */
  skipped?: string;
}

/** What becomes of a case by its worst finding, the worst first. */
const OUTCOMES = { veto: "failure", undecided: "error", warn: "passed", info: "passed" } as const;

type Outcome = typeof OUTCOMES[Severity] | "skipped";

/**
 * Verdicts as JUnit XML: a suite for each migration, in it a case for each policy and device. A veto
 * is a failure, what is undecided an error.
 *
 * @param failOnWarn A warning is a failure, too.
 *
 * @example
 * ```ts
 * import { reportJunit } from "premigrate/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const verdict = { decision: "allow", findings: [], ran: [], notRun: [] } as const;
 * const migration = { source: { name: "a" }, destination: { name: "b" }, bytesOnly: false };
 * const text = reportJunit([
 *   { verdict, devices: [], assumptions: [], policies: [], pairs: [], migration },
 * ]);
 * assertStringIncludes(text, 'tests="1" failures="0" errors="0"');
 * ```
 */
export function reportJunit(
  answers: readonly DetailedAnswer[],
  { time, version }: Written = {},
  failOnWarn = false,
): string {
  const outcomeOf = ({ findings, skipped }: Case, decision: Decision): Outcome => {
    const worst = worstOf(findings)?.severity ?? "info";
    if (worst === "warn" && failOnWarn) return "failure";
    if (isOnlyObserved(worst, decision)) return "passed";
    return OUTCOMES[worst] === "passed" && skipped !== undefined ? "skipped" : OUTCOMES[worst];
  };
  const suites = answers.map((answer) => ({
    answer,
    cases: casesOf(answer).map((found) => ({
      ...found,
      outcome: outcomeOf(found, answer.verdict.decision),
    })),
  }));
  const counts = (cases: readonly { readonly outcome: Outcome }[]): Markup => {
    const count = (wanted: Outcome): number =>
      cases.filter(({ outcome }) => outcome === wanted).length;
    return markup`tests="${cases.length}" failures="${count("failure")}" errors="${
      count("error")
    }" skipped="${count("skipped")}"`;
  };
  return markup`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="premigrate ${version}" ${counts(suites.flatMap(({ cases }) => cases))}>${
    suites.map(({ answer, cases }) =>
      markup`
<testsuite name="${titleOf(answer)}" ${counts(cases)}${
        time === undefined ? undefined : markup` timestamp="${time.slice(0, 19)}"`
      }>
<properties>${
        propertiesOf(answer).map(([name, value]) =>
          markup`
<property name="${name}" value="${value}"/>`
        )
      }
</properties>${
        cases.map((one) =>
          markup`
<testcase classname="${one.device ?? "the whole migration"}" name="${one.policy}">${
            outcomeElement(one, answer)
          }</testcase>`
        )
      }
</testsuite>`
    )
  }
</testsuites>
`.text;
}

function worstOf(findings: readonly ReportedFinding[]): ReportedFinding | undefined {
  return Object.keys(OUTCOMES).map((wanted) => findings.find(({ severity }) => severity === wanted))
    .find((found) => found !== undefined);
}

/** What is beside the cases. */
function propertiesOf(answer: DetailedAnswer): [name: string, value: string][] {
  const { devices, assumptions, migration: { machine }, choices = [] } = answer;
  const notLookedAt = notLookedAtText(answer);
  return [
    ["verdict", headlineOf(answer)],
    ["machine type", machine?.name ?? "not known"],
    ...devices.map((device): [string, string] => [device.name, addressText(device)]),
    ...assumptions.map((line): [string, string] => ["assumed", line]),
    ...notLookedAt === undefined ? [] : [["note", notLookedAt] as [string, string]],
    ...reportChoices(choices).map(({ device, chosen }): [string, string] => [
      `chosen for ${device}`,
      chosen ?? "none",
    ]),
  ];
}

/** Premigrate's own comes first and is always there: a suite without a case is no success. */
function casesOf(answer: DetailedAnswer): Case[] {
  const { ran, notRun } = answer.verdict;
  const cases = new Map<string, Case>();
  const caseOf = (policy: string, device: string | undefined): Case => {
    const key = JSON.stringify([policy, device]);
    const found = cases.get(key) ?? { policy, device, findings: [] };
    cases.set(key, found);
    return found;
  };
  caseOf(ENGINE_ID, undefined);
  for (const { policy, device } of ran) caseOf(policy, device);
  for (const { policy, device, reason } of notRun) caseOf(policy, device).skipped = NOT_RUN[reason];
  for (const finding of reportFindings(answer)) {
    caseOf(finding.policy, finding.device).findings.push(finding);
  }
  return [...cases.values()];
}

function outcomeElement(
  { outcome, skipped, findings }: Case & { readonly outcome: Outcome },
  { policies }: DetailedAnswer,
): Markup | undefined {
  const worst = worstOf(findings);
  const lines = findings.map((finding) => {
    const evidence = evidenceOf(finding, policies).filter(({ told }) => !told)
      .map(({ name, value }) => `${name} ${value}`).join(", ");
    return markup`${finding.severity} ${finding.code}: ${finding.message}
${evidence === "" ? undefined : markup`(${evidence})\n`}-> ${finding.remedy}
`;
  });
  if (outcome === "skipped") return markup`<skipped message="${skipped}"/>`;
  if (worst === undefined) return undefined;
  const told = markup`type="${worst.code}" message="${worst.title}"`;
  switch (outcome) {
    case "failure":
      return markup`<failure ${told}>${lines}</failure>`;
    case "error":
      return markup`<error ${told}>${lines}</error>`;
    case "passed":
      return markup`<system-out>${lines}</system-out>`;
  }
}
