import type { CodeOwner, DetailedAnswer, Migration, Side } from "../policy/mod.ts";
import { worstOf } from "../policy/engine.ts";
import type { ReportedFinding } from "./findings.ts";
import { type Cause, causesOf, headlineOf } from "./causes.ts";
import { reportChoices } from "./choices.ts";
import { BYTE_KINDS } from "./config_picture.ts";
import { type ConfigShadows, shadowsOf } from "./config_shadows.ts";
import { type ComparedFact, deviceFacts, hostFacts, NOT_KNOWN } from "./device_facts.ts";
import { differencesOf, type DifferingBytes } from "./differences.ts";
import { valuesOf } from "./evidence.ts";
import { markdownText } from "./markdown_text.ts";
import { findingsByDevice } from "./device_findings.ts";
import { titleOf } from "./title.ts";
import { type Written, writtenText } from "./written.ts";
import { addressText, ASSUMED, DECISIONS, notLookedAtText, notRunText } from "./labels.ts";
import { splitQemuLines } from "./printable.ts";

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
  const several = answers.length > 1;
  const [first] = answers;
  return [
    `# ${several || first === undefined ? DECISIONS[worst] : markdownText(headlineOf(first))}`,
    markdownText(writtenText(written)),
    ...answers.flatMap((answer, index) => answerBlocks(answer, index, several, written)),
  ].join("\n\n") + "\n";
}

/** Blocks of Markdown; an empty line goes between them. */
function answerBlocks(
  answer: DetailedAnswer,
  index: number,
  several: boolean,
  { time }: Written,
): string[] {
  const { verdict, assumptions, policies, migration, pairs, choices = [] } = answer;
  const { general, devices, applied } = findingsByDevice(answer);
  const notLookedAt = notLookedAtText(answer);
  const hosts = [sideName("source", migration), sideName("destination", migration)];
  const idOf = (at: number): string => `migration${index}-device${at}`;
  const told: Told = new Map();
  const blocks = (findings: readonly ReportedFinding[], name: string): string[] =>
    causesOf(findings).flatMap((cause) => causeBlocks(cause, policies, told, name));
  return [
    `## ${markdownText(titleOf(answer))}`,
    ...several ? [`**${markdownText(headlineOf(answer))}**`] : [],
    `Machine type: ${markdownText(migration.machine?.name ?? NOT_KNOWN)}`,
    ...list("Assumed:", assumptions),
    ...notLookedAt === undefined ? [] : [markdownText(notLookedAt)],
    ...devices.length > 1
      ? [
        devices.map(({ name, findings: [worst] }, at) =>
          `- [${markdownText(name)}](#${idOf(at)})${
            worst === undefined ? "" : `: ${worst.severity}, ${markdownText(worst.title)}`
          }`
        ).join("\n"),
      ]
      : [],
    ...general.length === 0 ? [] : ["### The whole migration", ...blocks(general, "")],
    ...devices.flatMap(({ name, device, findings }, at) => {
      const pair = pairs.find((pair) => pair.name === name);
      const shadows = pair && shadowsOf(pair, migration);
      const address = device && addressText(device);
      return [
        ...devices.length > 1 ? [`<a id="${idOf(at)}"></a>`] : [],
        `### ${markdownText(name)}`,
        ...address === undefined || address === name ? [] : [markdownText(address)],
        ...blocks(findings, name),
        ...pair === undefined ? [] : [factsTable(deviceFacts(pair, time), hosts)],
        ...shadows === undefined ? [] : differencesBlocks(shadows, hosts),
      ];
    }),
    ...reportChoices(choices).flatMap(({ device, chosen, candidates }) => [
      `Chosen for ${markdownText(device)}: ${markdownText(chosen ?? "none")}`,
      ...list("Looked at:", candidates.map(({ address, decision }) => `${address} ${decision}`)),
    ]),
    "### Hosts and policies",
    factsTable(hostFacts(migration, time), hosts),
    `Policies applied: ${markdownText(applied.join(", ") || "none")}`,
    ...list("Policies not run:", verdict.notRun.map(notRunText)),
  ];
}

/** Texts that stand in the document already, and with which device. */
type Told = Map<string, string>;

function causeBlocks(
  cause: Cause,
  policies: readonly CodeOwner[],
  told: Told,
  device: string,
): string[] {
  const { finding, evidence } = cause;
  const { severity, title, remedy } = finding;
  const again = (key: string): string | undefined => {
    const first = told.get(key);
    if (first === undefined) told.set(key, device);
    if (first === undefined) return undefined;
    if (first === device) return "as above";
    return `as for ${first === "" ? "the whole migration" : markdownText(first)}`;
  };
  const head = `#### ${severity}: ${markdownText(title)}`;
  const whole = again(
    JSON.stringify([finding, ...evidence].map((found) => ({ ...found, device: "" }))),
  );
  if (whole !== undefined) return [`${head}, ${whole}`];
  const values = valuesOf(cause, policies);
  const [own = [], ...others] = [finding, ...evidence].map(({ message, policy, code }, at) => [
    `${messageText(message)} (${markdownText(`${policy} ${code}`)})`,
    ...list("Evidence:", values[at]?.map(({ label, value }) => `${label}: ${value}`) ?? []),
  ]);
  const [message = "", ...ownValues] = own;
  return [
    head,
    message,
    `**What to do:** ${again(remedy) ?? markdownText(remedy)}`,
    ...ownValues,
    ...others.flat(),
  ];
}

/** A line of QEMU's is code. */
function messageText(message: string): string {
  return splitQemuLines(message)
    .map((part, at) => at % 2 === 1 ? `\`${part}\`` : markdownText(part))
    .filter((part) => part !== "").join(" ");
}

function list(title: string, items: readonly string[]): string[] {
  return items.length === 0
    ? []
    : [title, items.map((item) => `- ${markdownText(item)}`).join("\n")];
}

function sideName(side: Side, migration: Migration): string {
  const { name } = migration[side];
  return name === side ? side : `${name} (${side})`;
}

function factsTable(facts: readonly ComparedFact[], hosts: readonly string[]): string {
  return table(
    ["", ...hosts, ""],
    facts.map(({ name, source, destination, differs }) => [
      name,
      source,
      destination,
      differs ? "differs" : "",
    ]),
  );
}

function differencesBlocks(shadows: ConfigShadows, hosts: readonly string[]): string[] {
  const differences = differencesOf(shadows);
  const bytes = ({ hex, text }: DifferingBytes): string => text === "" ? hex : `${hex} "${text}"`;
  return [
    ...shadows.assumed.map((fact) => ASSUMED[fact]),
    ...differences.length === 0 ? ["No byte of the config space differs."] : [
      table(
        ["bytes that differ", "field", ...hosts, "QEMU"],
        differences.map(({ place, field, source, destination, kind }) => [
          place,
          field,
          bytes(source),
          bytes(destination),
          BYTE_KINDS[kind].text,
        ]),
      ),
    ],
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const [first = "", ...others] = [head, ...rows].map((cells) => line(cells.map(markdownText)));
  return [first, line(head.map(() => "---")), ...others].join("\n");
}
