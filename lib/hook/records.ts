import { sha256 } from "../facts/sha256.ts";
import { factsJson } from "../facts/write.ts";
import { oneLine } from "../facts/one_line.ts";
import { hostJson, reportJson } from "../report/json.ts";
import { version } from "../config/version.ts";
import type { Facts } from "../facts/mod.ts";
import { ENGINE_ID } from "../policy/own_codes.ts";
import { type Decision, nameOf } from "./decision.ts";
import type { Paths } from "../config/paths.ts";
import { writeAll } from "./write_all.ts";

const NEWLINE = 0x0a;
/** Twenty times what a guest with one device has. What a stamp says may unpack to far more. */
const LARGEST_REPORT = 1024 * 1024;

/**
 * Writes a decision's report and its audit line, both in printable ASCII: whoever names a guest must
 * not reach the terminal of who reads them. The launcher removes the oldest reports, by their number
 * and by their size.
 *
 * @returns Where the report is; or why it or the line is missing.
 */
export async function recordDecision(
  decision: Decision,
  { reports, audit }: Pick<Paths, "reports" | "audit">,
): Promise<{ readonly path: string } | { readonly missing: string }> {
  const path = `${reports}/${decision.id}.json`;
  try {
    const { text, digest } = await reportText(decision);
    writeNew(path, `${text}\n`);
    appendLine(audit, asciiJson(auditLine(decision, digest, path)));
    return { path };
  } catch (error) {
    // NotCapable too: whatever it is, the decision stands or falls by the operator's choice.
    return { missing: oneLine(error instanceof Error ? error.message : String(error)) };
  }
}

/** The line that tells of a decision; lib/hook/launcher.sh writes the same where this cannot. */
function auditLine(decision: Decision, evidence: string, report: string): Record<string, unknown> {
  const { time, id, name, uuid, settled, answer, rewritten, ms } = decision;
  return {
    premigrate: "audit/1",
    version,
    time,
    id,
    guest: name,
    uuid: uuid ?? null,
    source: nameOf(decision.source),
    destination: nameOf(decision.destination),
    mode: settled.mode,
    verdict: settled.verdict,
    trouble: settled.trouble,
    effect: isUnjudged(decision) ? "unjudged" : settled.effect,
    waiver: settled.waiver?.id,
    rewritten: Object.keys(rewritten).length > 0 ? rewritten : undefined,
    codes: [...new Set(answer.verdict.findings.map(({ policy, code }) => `${policy} ${code}`))],
    evidence,
    report,
    ms: Math.round(ms),
  };
}

/** A call that was not libvirt's decides nothing: libvirt's own call does. */
function isUnjudged({ settled, answer }: Decision): boolean {
  return settled.effect === "refused" &&
    answer.verdict.findings.some(({ policy, code }) =>
      policy === ENGINE_ID && code === "nothing-handed-over"
    );
}

/** What stays in a report, from all there is to what always fits. */
const EXTENTS: readonly {
  /** Said of what is not there. */
  readonly leftOut?: string;
  readonly devices: "all" | "judged" | "none";
  readonly findings: number;
  /** What was judged, and by which policies. */
  readonly answer: boolean;
}[] = [
  { devices: "all", findings: Infinity, answer: true },
  { leftOut: "devices-not-judged", devices: "judged", findings: Infinity, answer: true },
  { leftOut: "devices", devices: "none", findings: Infinity, answer: true },
  { leftOut: "devices, findings after 100", devices: "none", findings: 100, answer: true },
  { leftOut: "devices, findings", devices: "none", findings: 0, answer: false },
];

async function reportText(
  decision: Decision,
): Promise<{ readonly text: string; readonly digest: string }> {
  let [text, digest] = ["", ""];
  for (const extent of EXTENTS) {
    const evidence = JSON.stringify({
      source: evidenceOf(decision, "source", extent.devices),
      destination: evidenceOf(decision, "destination", extent.devices),
    });
    digest = `sha256:${await sha256(evidence)}`;
    const head = JSON.stringify(reportHead(decision, extent, digest));
    text = toAscii(`${head.slice(0, -1)},"evidence":${evidence}}`);
    if (text.length <= LARGEST_REPORT) break;
  }
  return { text, digest };
}

function reportHead(
  decision: Decision,
  { leftOut, findings: most, answer: isWhole }: typeof EXTENTS[number],
  digest: string,
): Record<string, unknown> {
  const { id, time, name, uuid, settled, answer, rewritten, ms } = decision;
  const { effect, mode, trouble, waiver, verdict } = settled;
  const { findings } = answer.verdict;
  return {
    premigrate: "report/1",
    version,
    id,
    time,
    guest: { name, uuid },
    hosts: {
      source: decision.source && hostJson(decision.source.host),
      destination: decision.destination && hostJson(decision.destination.host),
    },
    effect,
    ...isWhole
      ? reportJson({
        ...answer,
        verdict: { ...answer.verdict, findings: findings.slice(0, most) },
      })
      : {},
    ...isWhole && { question: questionOf(decision) },
    decision: verdict,
    mode,
    trouble,
    waiver,
    rewritten,
    ms: Math.round(ms),
    leftOut,
    digest,
  };
}

/** What the evidence does not tell of the guest. */
function questionOf({ answer: { migration, pairs = [] } }: Decision): Record<string, unknown> {
  return {
    machine: migration?.machine?.name,
    devices: pairs.map(({ name, guest }) => ({ name, ...guest })),
  };
}

function evidenceOf(
  { answer, ...facts }: Decision,
  side: "source" | "destination",
  extent: typeof EXTENTS[number]["devices"],
): Record<string, unknown> | undefined {
  const known: Facts | undefined = facts[side];
  if (known === undefined) return undefined;
  const judged = new Set(answer.devices.map((device) => device[side]));
  const devices = extent === "all"
    ? known.devices
    : known.devices.filter(({ address }) => extent === "judged" && judged.has(address));
  return factsJson({ ...known, devices });
}

function asciiJson(data: unknown): string {
  return toAscii(JSON.stringify(data));
}

/** JSON text that reads as the same data. */
function toAscii(json: string): string {
  return json.replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** There whole or not at all. */
function writeNew(path: string, text: string): void {
  using file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
  try {
    writeAll(file, text);
  } catch (error) {
    Deno.removeSync(path);
    throw error;
  }
}

/** A line that a full disk cut short must not swallow this one. */
function appendLine(path: string, line: string): void {
  using file = Deno.openSync(path, { read: true, append: true, create: true, mode: 0o600 });
  const { size } = file.statSync();
  const last = new Uint8Array(1);
  if (size > 0) {
    file.seekSync(-1, Deno.SeekMode.End);
    file.readSync(last);
  }
  const start = size === 0 || last[0] === NEWLINE ? "" : "\n";
  writeAll(file, `${start}${line}\n`);
}
