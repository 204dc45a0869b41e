/** Decisions of a hook, to be recorded. */
import type { CapturedDevice, Facts } from "premigrate";
import type { Finding } from "premigrate/policy";
import type { Decision } from "../../../lib/hook/decision.ts";
import { recordDecision } from "../../../lib/hook/records.ts";
import { policySet } from "../../../lib/config/policy_set.ts";
import { settle } from "../../../lib/hook/settle.ts";
import { configOf, GUEST } from "../../helpers/hook_arrivals.ts";

/** A decision of a guest that has `hostdev0`. */
export function decisionOf(
  { name = "vm1", findings = [], source, destination, devices = [], notRun = [] }: {
    readonly name?: string;
    readonly findings?: readonly Finding[];
    readonly source?: Facts;
    readonly destination?: Facts;
    readonly devices?: Decision["answer"]["devices"];
    readonly notRun?: Decision["answer"]["verdict"]["notRun"];
  },
): Decision {
  return {
    id: "20260301T120000Z-0badcafe",
    time: "2026-03-01T12:00:00.000Z",
    name,
    uuid: GUEST,
    settled: settle(findings, configOf(), GUEST, undefined),
    answer: {
      verdict: { decision: "undecided", findings, ran: [], notRun },
      devices,
      assumptions: [],
      policies: policySet({ policies: {} }).policies,
    },
    source,
    destination,
    rewritten: {},
    ms: 12.6,
  };
}

/** A host with devices. */
export function hostOf(name: string, devices: readonly CapturedDevice[]): Facts {
  return { premigrate: "facts/1", host: { name }, devices };
}

/** What is written of a decision: the report and the audit line. */
export async function recorded(
  decision: Decision,
): Promise<{ readonly report: string; readonly line: string }> {
  const folder = await Deno.makeTempDir();
  try {
    const paths = { reports: folder, audit: `${folder}/audit` };
    const found = await recordDecision(decision, paths);
    if ("missing" in found) throw new Error(found.missing);
    const [report, line] = await Promise.all(
      [found.path, paths.audit].map((path) => Deno.readTextFile(path)),
    );
    return { report: report ?? "", line: line ?? "" };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
