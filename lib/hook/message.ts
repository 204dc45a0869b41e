import { causesOf, causeText } from "../report/causes.ts";
import { type ReportedFinding, reportFindings } from "../report/findings.ts";
import { printable } from "../report/printable.ts";
import { type Decision, nameOf } from "./decision.ts";

// Far below libvirt's longest message, and enough for QEMU's own line with a remedy.
const LONGEST_LINE = 400;
const MOST_FINDINGS = 50;

/**
 * What virsh shows the operator behind libvirt's own words: the cause, what to do, and where and how
 * to read more or to let the guest pass.
 *
 * @param unwritten Why there is no report, if so.
 */
export function refusal(decision: Decision, unwritten?: string): string {
  const { settled: { because, verdict }, answer } = decision;
  const findings = reportFindings({ ...answer, verdict: { ...answer.verdict, findings: because } });
  const [cause, ...others] = causesOf(findings);
  const { device, remedy = "" } = cause?.finding ?? {};
  const message = cause === undefined ? "" : causeText(cause.finding);
  const word = verdict === "veto" ? "VETO" : "UNDECIDED, refused";
  const named = device === undefined ? "" : ` ${deviceText(decision, device)}`;
  const more = others.length > 0 ? ` (and ${others.length} more)` : "";
  // What people search for comes last, and is not cut off: the others leave room for it.
  const line = cause?.evidence.map(({ data }) => data["line"]).find((line) => line !== undefined);
  const shown = line === undefined || message.includes(`${line}`) ? "" : ` QEMU: ${line}`;
  return [
    shorten(`premigrate: ${word}${named}: ${message}`, more),
    shorten(remedy, shown),
    shorten(readMore(decision, unwritten), waiverHint(decision)),
  ].join("\n");
}

function readMore({ id, destination }: Decision, unwritten: string | undefined): string {
  if (unwritten !== undefined) return `no report of ${id}: ${unwritten}`;
  return `On ${nameOf(destination) ?? "the destination"}: premigrate report ${id}`;
}

/** How the guest passes all the same; a waiver is by its UUID. */
function waiverHint({ name, uuid }: Decision): string {
  if (uuid === undefined) return "";
  const who = /^[\w][\w.-]*$/.test(name) ? name : uuid;
  return `; to let the guest pass: premigrate waive ${who} --for 1h --reason TEXT`;
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
  ].map((line) => shorten(line)).join("\n");
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

/** One line; what is too long is cut before `end`. */
function shorten(line: string, end = ""): string {
  const [text, last] = [printable(line), printable(end)];
  const most = LONGEST_LINE - Math.min(last.length, LONGEST_LINE / 2);
  const start = text.length > most ? `${text.slice(0, most - 3).toWellFormed()}...` : text;
  return start + last.slice(0, LONGEST_LINE - start.length).toWellFormed();
}
