import { encodeHex } from "@std/encoding/hex";
import { factsJson } from "../facts/write.ts";
import { oneLine } from "../facts/one_line.ts";
import { reportJson } from "../report/json.ts";
import { type Decision, nameOf } from "./decision.ts";
import type { Paths } from "./paths.ts";
import { writeAll } from "./write_all.ts";

const NEWLINE = 0x0a;

/**
 * Writes a decision's report and its audit line. The launcher removes the oldest reports.
 *
 * @returns Where the report is; or why it or the line could not be written.
 */
export async function recordDecision(
  decision: Decision,
  { reports, audit }: Pick<Paths, "reports" | "audit">,
): Promise<{ readonly path: string } | { readonly problem: string }> {
  const path = `${reports}/${decision.id}.json`;
  try {
    const evidence = JSON.stringify({
      source: decision.source && factsJson(decision.source),
      destination: decision.destination && factsJson(decision.destination),
    });
    const digest = `sha256:${await digestOf(evidence)}`;
    writeNew(path, `${reportText(decision, evidence, digest)}\n`);
    appendLine(audit, JSON.stringify(auditLine(decision, digest, path)));
    return { path };
  } catch (error) {
    // NotCapable too: whatever it is, the decision stands or falls by the operator's choice.
    return { problem: oneLine(error instanceof Error ? error.message : String(error)) };
  }
}

/** The line that tells of a decision; lib/hook/launcher.sh writes the same where this cannot. */
function auditLine(decision: Decision, evidence: string, report: string): Record<string, unknown> {
  const { time, id, name, uuid, settled, answer, rewritten, ms } = decision;
  return {
    time,
    id,
    guest: name,
    uuid: uuid ?? null,
    source: nameOf(decision.source),
    destination: nameOf(decision.destination),
    mode: settled.mode,
    verdict: settled.verdict,
    trouble: settled.trouble,
    effect: settled.effect,
    waiver: settled.waiver?.id,
    rewritten: Object.keys(rewritten).length > 0 ? rewritten : undefined,
    codes: [...new Set(answer.verdict.findings.map(({ policy, code }) => `${policy} ${code}`))],
    evidence,
    report,
    ms: Math.round(ms),
  };
}

function reportText(decision: Decision, evidence: string, digest: string): string {
  const { id, time, name, uuid, settled, answer, rewritten, ms } = decision;
  const { effect, mode, trouble, waiver, verdict } = settled;
  const head = {
    premigrate: "report/1",
    id,
    time,
    guest: { name, uuid },
    effect,
    ...reportJson(answer),
    decision: verdict,
    mode,
    trouble,
    waiver,
    rewritten,
    ms: Math.round(ms),
    digest,
  };
  return `${JSON.stringify(head).slice(0, -1)},"evidence":${evidence}}`;
}

async function digestOf(text: string): Promise<string> {
  return encodeHex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
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
