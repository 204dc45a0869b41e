import { decide, type Decision, ENGINE_ID, type Finding } from "../policy/mod.ts";
import type { Choice, Config, Mode, Trouble } from "../config/config.ts";
import type { Waiver } from "../config/waiver.ts";

/** What becomes of the migration. */
export interface Settled {
  /** What was found, whatever becomes of it. */
  readonly verdict: Decision;
  /** What libvirt is told. */
  readonly effect: "allowed" | "refused";
  /** `observe`: it was allowed whatever was found. */
  readonly mode: Mode;
  /** The findings that decide, or would but for the mode or a waiver. */
  readonly because: readonly Finding[];
  /** What kind of trouble it is, where nothing could be decided. */
  readonly trouble: Trouble | undefined;
  /** The waiver that was used. */
  readonly waiver: Waiver | undefined;
}

const TROUBLES: Readonly<Record<string, Trouble>> = {
  "deadline-passed": "deadline",
  "config-not-read": "config",
  "not-a-domain": "input",
  "nothing-handed-over": "input",
  "report-not-written": "report",
  "hook-failed": "hook",
};

/** Puts findings beside the operator's choices. */
export function settle(
  findings: readonly Finding[],
  config: Config,
  uuid: string | undefined,
  waiver: Waiver | undefined,
): Settled {
  const mode = own(config.guests, uuid)?.mode ?? config.mode;
  const counted = findings.filter((finding) =>
    own(config.policies, policyOf(finding))?.mode !== "observe"
  );
  const because = counted.filter((finding) =>
    finding.severity === "veto" ||
    (finding.severity === "undecided" && choiceOf(finding, config, uuid) === "closed")
  );
  const [first] = because;
  const isForced = first === undefined || mode === "observe";
  const verdict = decide(counted);
  const trouble = [first, ...counted].find((finding) => finding?.severity === "undecided");
  return {
    verdict,
    effect: isForced || waiver !== undefined ? "allowed" : "refused",
    mode,
    because,
    trouble: verdict === "undecided" && trouble ? troubleOf(trouble) : undefined,
    waiver: isForced ? undefined : waiver,
  };
}

function choiceOf(finding: Finding, config: Config, uuid: string | undefined): Choice {
  const trouble = troubleOf(finding);
  const chosen = trouble === "facts"
    ? own(config.policies, policyOf(finding))?.onUndecided
    : undefined;
  const ofGuest: Readonly<Partial<Record<Trouble, Choice | undefined>>> =
    own(config.guests, uuid)?.onTrouble ?? {};
  return chosen ?? ofGuest[trouble] ?? config.onTrouble[trouble];
}

function troubleOf(finding: Finding): Trouble {
  if (isOfFailed(finding)) return "policy";
  return (finding.policy === ENGINE_ID ? own(TROUBLES, finding.code) : undefined) ?? "facts";
}

/** A policy that failed, or was not applied, has no findings of its own. */
function policyOf(finding: Finding): string {
  const isUnread = finding.policy === ENGINE_ID && finding.code === "attribute-not-read";
  return isUnread || isOfFailed(finding) ? String(finding.data["id"]) : finding.policy;
}

function isOfFailed({ policy, code }: Finding): boolean {
  return policy === ENGINE_ID && (code === "policy-failed" || code.startsWith("plugin-"));
}

/** Not what every object inherits (`constructor`). */
function own<T>(record: Readonly<Record<string, T>>, key: string | undefined): T | undefined {
  return key !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}
