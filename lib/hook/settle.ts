import type { Decision, Finding } from "../policy/mod.ts";
import { decide } from "../policy/engine.ts";
import type { Trouble } from "../policy/own_codes.ts";
import type { Choice, Config, Mode } from "../config/config.ts";
import type { Waiver } from "../config/waiver.ts";
import { OWN } from "./codes.ts";

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

/** Puts findings beside the operator's choices. */
export function settle(
  findings: readonly Finding[],
  config: Config,
  uuid: string | undefined,
  waiver: Waiver | undefined,
): Settled {
  const mode = own(config.guests, uuid)?.mode ?? config.mode;
  const counted = findings.filter((finding) =>
    own(config.policies, finding.about ?? finding.policy)?.mode !== "observe"
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
    ? own(config.policies, finding.about ?? finding.policy)?.onUndecided
    : undefined;
  const ofGuest: Readonly<Partial<Record<Trouble, Choice | undefined>>> =
    own(config.guests, uuid)?.onTrouble ?? {};
  return chosen ?? ofGuest[trouble] ?? config.onTrouble[trouble];
}

function troubleOf({ policy, code }: Finding): Trouble {
  const { id, codes } = OWN.policy;
  return (policy === id ? own(codes, code)?.trouble : undefined) ?? "facts";
}

/** Not what every object inherits (`constructor`). */
function own<T>(record: Readonly<Record<string, T>>, key: string | undefined): T | undefined {
  return key !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}
