import type { CodeOwner, DetailedAnswer } from "../policy/mod.ts";
import { worstOf } from "../policy/engine.ts";
import type { ReportedFinding } from "./findings.ts";
import { reportChoices } from "./choices.ts";
import { type ComparedFact, deviceFacts, hostFacts } from "./device_facts.ts";
import { evidenceOf } from "./evidence.ts";
import { markdownText } from "./markdown_text.ts";
import { findingsByDevice } from "./device_findings.ts";
import { titleOf } from "./title.ts";
import { type Written, writtenText } from "./written.ts";
import { addressText, DECISIONS, notLookedAtText, notRunText } from "./labels.ts";

/**
 * Verdicts as one Markdown document (GitHub's), headed by the worst decision.
 *
 * @example
 * ```ts
 * import { reportMarkdown } from "premigrate/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const verdict = { decision: "allow", findings: [], ran: [], notRun: [] } as const;
 * const migration = { source: { name: "a" }, destination: { name: "b" }, bytesOnly: false };
 * const text = reportMarkdown([
 *   { verdict, devices: [], assumptions: [], policies: [], pairs: [], migration },
 * ]);
 * assertStringIncludes(text, "# ALLOW");
 * ```
 */
export function reportMarkdown(
  answers: readonly DetailedAnswer[],
  written: Written = {},
): string {
  const worst = worstOf(answers);
  return [
    `# ${DECISIONS[worst]}`,
    markdownText(writtenText(written)),
    ...answers.flatMap(answerBlocks),
  ].join("\n\n") + "\n";
}

/** Blocks of Markdown; an empty line goes between them. */
function answerBlocks(answer: DetailedAnswer): string[] {
  const { verdict, assumptions, policies, migration, pairs, choices = [] } = answer;
  const { general, devices, applied } = findingsByDevice(answer);
  const notLookedAt = notLookedAtText(answer);
  const blocks = (finding: ReportedFinding): string[] => findingBlocks(finding, policies);
  return [
    `## ${markdownText(titleOf(answer))}`,
    `**${DECISIONS[verdict.decision]}**`,
    ...list("Assumed:", assumptions),
    ...notLookedAt === undefined ? [] : [markdownText(notLookedAt)],
    factsTable(hostFacts(migration)),
    `Machine type: ${markdownText(migration.machine?.name ?? "not known")}`,
    ...general.length === 0 ? [] : ["### The whole migration", ...general.flatMap(blocks)],
    ...devices.flatMap(({ name, device, findings }) => {
      const pair = pairs.find((pair) => pair.name === name);
      return [
        `### ${markdownText(name)}`,
        ...device === undefined ? [] : [markdownText(addressText(device))],
        ...pair === undefined ? [] : [factsTable(deviceFacts(pair))],
        ...findings.flatMap(blocks),
      ];
    }),
    ...reportChoices(choices).flatMap(({ device, chosen, candidates }) => [
      `Chosen for ${markdownText(device)}: ${markdownText(chosen ?? "none")}`,
      ...list("Looked at:", candidates.map(({ address, decision }) => `${address} ${decision}`)),
    ]),
    `Policies applied: ${markdownText(applied.join(", ") || "none")}`,
    ...list("Policies not run:", verdict.notRun.map(notRunText)),
  ];
}

function findingBlocks(finding: ReportedFinding, policies: readonly CodeOwner[]): string[] {
  const { severity, policy, code, title, message, remedy } = finding;
  const evidence = evidenceOf(finding, policies).map(({ name, value }) => `${name}: ${value}`);
  return [
    `#### ${severity}: ${markdownText(title)} (${markdownText(`${policy} ${code}`)})`,
    markdownText(message),
    ...list("Evidence:", evidence),
    `What to do: ${markdownText(remedy)}`,
  ];
}

function list(title: string, items: readonly string[]): string[] {
  return items.length === 0
    ? []
    : [title, items.map((item) => `- ${markdownText(item)}`).join("\n")];
}

function factsTable(facts: readonly ComparedFact[]): string {
  const rows = facts.map(({ name, source, destination }) => [name, source, destination]);
  return [
    "| | source | destination |",
    "| --- | --- | --- |",
    ...rows.map((cells) => `| ${cells.map(markdownText).join(" | ")} |`),
  ].join("\n");
}
