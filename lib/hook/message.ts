import { type ReportedFinding, reportFindings } from "../report/findings.ts";
import { printable } from "../report/printable.ts";
import { type Decision, nameOf } from "./decision.ts";

// Far below libvirt's longest message, and enough for QEMU's own line with a remedy.
const LONGEST_LINE = 400;
const MOST_FINDINGS = 50;

/**
 * What virsh shows the operator behind libvirt's own words: the verdict and the device, the reason
 * and what to do, and where the report is.
 *
 * @param report Where the report is, or why there is none.
 */
export function refusal(decision: Decision, report: string): string {
  const { settled: { because, verdict }, answer } = decision;
  const deciding = reportFindings({
    ...answer,
    verdict: { ...answer.verdict, findings: because },
  });
  const [first] = deciding;
  // The vendor's policy knows why and what to do, QEMU's own line is what people search for.
  const { message = "" } =
    deciding.find(({ policy, device }) =>
      policy === "qemu/restore-check" && device === first?.device
    ) ?? first ?? {};
  const more = because.length > 1 ? ` (and ${because.length - 1} more)` : "";
  const word = verdict === "veto" ? "VETO" : "UNDECIDED, refused";
  const device = first?.device === undefined ? "" : ` ${deviceText(decision, first.device)}`;
  return [
    `premigrate: ${word}${device}: ${first?.title ?? ""}${more}`,
    `${message}. ${first?.remedy ?? ""}`,
    report,
  ].map(shorten).join("\n");
}

/** What the journal is told, a line each: the decision, then every finding. */
export function journalLines(decision: Decision, report: string): string {
  const { settled, answer, name, uuid, ms } = decision;
  const { verdict, effect, mode, trouble, waiver } = settled;
  const head = [
    `${effect}: ${verdict}${trouble === undefined ? "" : ` (${trouble})`}`,
    `guest ${name} ${uuid ?? ""}`,
    `from ${nameOf(decision.source) ?? "an unknown host"}`,
    ...mode === "observe" ? ["mode observe"] : [],
    ...waiver === undefined ? [] : [`waiver ${waiver.id} (${waiver.reason})`],
    ...Object.entries(decision.rewritten).map(([alias, { from, to }]) =>
      `${alias} ${from} -> ${to}`
    ),
    `${Math.round(ms)} ms`,
    report,
  ];
  const findings = reportFindings(answer);
  return [
    head.join(", "),
    ...findings.slice(0, MOST_FINDINGS).map(findingLine),
    ...findings.length > MOST_FINDINGS ? [`and ${findings.length - MOST_FINDINGS} more`] : [],
  ].map(shorten).join("\n");
}

function findingLine({ severity, policy, code, device, message }: ReportedFinding): string {
  return `${severity} ${policy} ${code}${device === undefined ? "" : ` ${device}`}: ${message}`;
}

function deviceText({ answer }: Decision, name: string): string {
  const device = answer.devices.find((device) => device.name === name);
  if (device === undefined) return name;
  const { source, destination } = device;
  return `${name} (${source === destination ? source : `${source} -> ${destination}`})`;
}

function shorten(line: string): string {
  const text = printable(line);
  return text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE - 3).toWellFormed()}...` : text;
}
