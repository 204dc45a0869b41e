import {
  type Choice,
  type CodePage,
  type DevicePair,
  ENGINE_CODES,
  ENGINE_ID,
  fillMessage,
  type Finding,
  type Migration,
  type NotLookedAt,
  type RegisteredPolicy,
  type Verdict,
} from "../policy/mod.ts";

/** A device pair as reports name it. */
export interface ReportedDevice {
  /** The pair's name. */
  readonly name: string;
  /** The device's address on the source. */
  readonly source: string;
  /** The device's address on the destination. */
  readonly destination: string;
}

/** A verdict with all that a report says beside it. */
export interface Answer {
  /** The decision and what led to it. */
  readonly verdict: Verdict;
  /** The devices that were compared. */
  readonly devices: readonly ReportedDevice[];
  /** What of the guest was not looked at; absent where no guest was asked about. */
  readonly notLookedAt?: readonly NotLookedAt[] | undefined;
  /** What was taken for granted because nobody said otherwise, a sentence each. */
  readonly assumptions: readonly string[];
  /** The policies that could be run: their codes' pages hold the sentences. */
  readonly policies: readonly RegisteredPolicy[];
}

/** An answer with the facts it rests on, for reports that show the devices themselves. */
export interface DetailedAnswer extends Answer {
  /** The devices that were compared, with what is known of them. */
  readonly pairs: readonly DevicePair[];
  /** The migration that was asked about. */
  readonly migration: Migration;
  /** The guest's name, if one was asked about by name. */
  readonly guest?: string;
  /** What was chosen for each device, if that was asked. */
  readonly choices?: readonly Choice[] | undefined;
}

/** A finding with its sentences. */
export interface ReportedFinding extends Finding {
  /** The code's headline. */
  readonly title: string;
  /** The code's message, filled in. */
  readonly message: string;
  /** What the operator can do. */
  readonly remedy: string;
}

/**
 * Looks up what there is to say about a finding's code; `undefined` when its policy has no such code.
 *
 * @example
 * ```ts
 * import { findPage } from "premigrate";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(findPage([], "premigrate", "no-facts")?.severity, "undecided");
 * ```
 */
export function findPage(
  policies: readonly RegisteredPolicy[],
  policy: string,
  code: string,
): CodePage | undefined {
  const codes: Readonly<Record<string, CodePage>> = policy === ENGINE_ID
    ? ENGINE_CODES
    : policies.find((registered) => registered.policy.id === policy)?.policy.codes ?? {};
  return Object.hasOwn(codes, code) ? codes[code] : undefined;
}

/**
 * Puts findings into words.
 *
 * @example
 * ```ts
 * import { BUILT_IN, Registry, reportFindings } from "premigrate";
 * import { assertEquals } from "@std/assert";
 *
 * const registry = new Registry();
 * for (const policy of BUILT_IN) registry.use(policy);
 * const finding = {
 *   policy: "qemu/restore-check",
 *   code: "no-config",
 *   severity: "undecided",
 *   data: { side: "source" },
 * } as const;
 * const [reported] = reportFindings({
 *   verdict: { decision: "undecided", findings: [finding], ran: [], notRun: [] },
 *   devices: [],
 *   assumptions: [],
 *   policies: registry.policies,
 * });
 * assertEquals(reported?.message, "The config space of the source device is not known");
 * ```
 */
export function reportFindings({ verdict, policies }: Answer): ReportedFinding[] {
  return verdict.findings.map((finding) => {
    const page = findPage(policies, finding.policy, finding.code);
    const values = { ...finding.data, offset: finding.offset };
    return {
      ...finding,
      title: page?.title ?? finding.code,
      message: fillMessage(page?.message ?? finding.code, values) + loweredText(finding),
      remedy: page?.remedy ?? "",
    };
  });
}

function loweredText({ loweredFrom }: Finding): string {
  return loweredFrom === undefined
    ? ""
    : ` (${loweredFrom} by itself: the site's configuration makes it a warning)`;
}
