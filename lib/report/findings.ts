import {
  type Answer,
  type CodeOwner,
  type CodePage,
  fillMessage,
  type Finding,
} from "../policy/mod.ts";
import { ENGINE_CODES } from "../policy/engine_codes.ts";
import { ENGINE_ID } from "../policy/own_codes.ts";
import { hostNames } from "./host_names.ts";

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
 * Looks up the page of a finding's code; `undefined` when its policy has no such code.
 *
 * @example
 * ```ts
 * import { findPage } from "premigrate/report";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(findPage([], "premigrate", "no-facts")?.severity, "undecided");
 * ```
 */
export function findPage(
  policies: readonly CodeOwner[],
  policy: string,
  code: string,
): CodePage | undefined {
  const { codes = {} } = withEngine(policies).find(({ policy: { id } }) => id === policy)?.policy ??
    {};
  return Object.hasOwn(codes, code) ? codes[code] : undefined;
}

/** The engine, which every answer may have findings of. */
export const ENGINE: CodeOwner = { policy: { id: ENGINE_ID, codes: ENGINE_CODES } };

/** The policies, and the engine where premigrate itself is not among them. */
export function withEngine(policies: readonly CodeOwner[]): readonly CodeOwner[] {
  return policies.some(({ policy: { id } }) => id === ENGINE_ID) ? policies : [ENGINE, ...policies];
}

/**
 * Puts findings into words.
 *
 * @example
 * ```ts
 * import { BUILT_IN, Registry } from "premigrate";
 * import { reportFindings } from "premigrate/report";
 * import { assertEquals } from "@std/assert";
 *
 * const finding = {
 *   policy: "qemu/restore-check",
 *   code: "no-config",
 *   severity: "undecided",
 *   data: { side: "source" },
 * } as const;
 * const [reported] = reportFindings({
 *   verdict: { decision: "undecided", findings: [finding], ran: [], notRun: [] },
 *   policies: Registry.from(BUILT_IN).policies,
 * });
 * assertEquals(reported?.message, "The config space of the device on the source is not known");
 * ```
 */
export function reportFindings(
  { verdict, policies, migration }: Pick<Answer, "verdict" | "policies" | "migration">,
): ReportedFinding[] {
  return verdict.findings.map((finding) => {
    // One that was read of a report has them.
    if (isReported(finding)) return finding;
    const page = findPage(policies, finding.policy, finding.code);
    const { data, offset } = finding;
    const values = { ...hostNames(migration, data["side"]), ...data, offset };
    return {
      ...finding,
      title: page?.title ?? finding.code,
      message: capital(fillMessage(page?.message ?? finding.code, values)) + loweredText(finding),
      remedy: fillMessage(remedyOf(page, finding), values),
    };
  });
}

function isReported(finding: Finding): finding is ReportedFinding {
  return "title" in finding && "message" in finding && "remedy" in finding;
}

function remedyOf(page: CodePage | undefined, { data }: Finding): string {
  const { remedies = {}, remedy = "" } = page ?? {};
  const key = `${data["remedy"]}`;
  return Object.hasOwn(remedies, key) ? remedies[key] ?? remedy : remedy;
}

/** A sentence may begin with a host that has no name. */
function capital(sentence: string): string {
  return sentence.replace(/^the /, "The ");
}

function loweredText({ loweredFrom }: Finding): string {
  return loweredFrom === undefined
    ? ""
    : ` (${loweredFrom} by itself: the site's configuration makes it a warning)`;
}
