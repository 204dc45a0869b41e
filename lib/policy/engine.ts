import { propertiesNotUnderstood } from "../qemu/properties.ts";
import { attributesOf } from "./attributes.ts";
import { engineFinding } from "./engine_codes.ts";
import type { Finding, Severity } from "./finding.ts";
import { identify, SIDES } from "./migration.ts";
import type { DevicePair, Identity, Migration } from "./migration.ts";
import type { Match, Policy, PolicyFinding } from "./policy.ts";
import type { RegisteredPolicy, Registry } from "./registry.ts";

/** What is decided. */
export type Decision = "allow" | "veto" | "undecided";

/** A policy that was not applied to a device that it may be for. */
export interface NotRun {
  /** The policy's id. */
  readonly policy: string;
  /** The pair's name. */
  readonly device: string;
  /**
   * `needs-facts`: only bytes were asked about; `unknown-device`: its ids or driver are not known;
   * `attribute-not-read`: a sysfs attribute that it declares is not known.
   */
  readonly reason: "needs-facts" | "unknown-device" | "attribute-not-read";
}

/** The answer: the decision, and all that led to it. */
export interface Verdict {
  /** What is decided. */
  readonly decision: Decision;
  /** Every finding, those that decide first. */
  readonly findings: readonly Finding[];
  /** The policies that were applied, by device; without one: to the guest as a whole. */
  readonly ran: readonly { readonly policy: string; readonly device?: string }[];
  /** The policies that were not, though they may be for the device. */
  readonly notRun: readonly NotRun[];
}

// A policy that never stops giving findings must not stop the others.
const MOST_FINDINGS = 1000;

const WEIGHT: Readonly<Record<Severity, number>> = { veto: 0, undecided: 1, warn: 2, info: 3 };

/**
 * Applies every policy that matches to every pair of devices and decides. A policy that throws is a
 * finding, and the others' findings stand.
 *
 * @param earlier Findings that were made before, in pairing the devices; they count.
 *
 * @example Nothing to look at is nothing against it.
 * ```ts
 * import { evaluate, Registry } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * const migration = {
 *   source: { name: "a" },
 *   destination: { name: "b" },
 *   bytesOnly: false,
 * };
 * assertEquals(evaluate([], migration, new Registry()).decision, "allow");
 * ```
 */
export function evaluate(
  pairs: readonly DevicePair[],
  migration: Migration,
  registry: Registry,
  earlier: readonly Finding[] = [],
): Verdict {
  const findings: Finding[] = [...earlier, ...registry.findings];
  const ran: { policy: string; device?: string }[] = [];
  const notRun: NotRun[] = [];
  const { policies } = registry;
  for (const registered of policies) {
    const { policy, evaluateGuest } = registered;
    if (evaluateGuest === undefined) continue;
    if (migration.bytesOnly) {
      const reason = "needs-facts";
      notRun.push(
        ...pairs.map(({ name }) => ({ policy: policy.id, device: name, reason } as const)),
      );
      continue;
    }
    ran.push({ policy: policy.id });
    findings.push(...apply(registered, undefined, () => evaluateGuest(migration)));
  }
  for (const pair of pairs) {
    findings.push(...findStrangeProperties(pair));
    for (const registered of policies) {
      const { policy, evaluate } = registered;
      const matches = matchPair(policy.match, pair, policies);
      if (matches === false) continue;
      const names = { policy: policy.id, device: pair.name };
      const unread = findUnread(policy, pair);
      if (migration.bytesOnly && needsFacts(policy)) {
        notRun.push({ ...names, reason: "needs-facts" });
      } else if (matches === undefined) {
        notRun.push({ ...names, reason: "unknown-device" });
      } else if (unread.length > 0) {
        notRun.push({ ...names, reason: "attribute-not-read" });
        findings.push(...unread);
      } else {
        ran.push(names);
        findings.push(...apply(registered, pair.name, () => evaluate(pair, migration)));
      }
    }
  }
  findings.sort((a, b) => WEIGHT[a.severity] - WEIGHT[b.severity]);
  return { decision: decide(findings), findings, ran, notRun };
}

/** The one place where findings become a decision. */
export function decide(findings: readonly Finding[]): Decision {
  if (findings.some(({ severity }) => severity === "veto")) return "veto";
  if (findings.some(({ severity }) => severity === "undecided")) return "undecided";
  return "allow";
}

/** The worst of several answers' decisions. */
export function worstOf(
  answers: readonly { readonly verdict: Pick<Verdict, "decision"> }[],
): Decision {
  const decisions = answers.map(({ verdict }) => verdict.decision);
  return (["veto", "undecided"] as const).find((worst) => decisions.includes(worst)) ?? "allow";
}

function needsFacts({ judgesBytesAlone = false, attributes = [] }: Policy): boolean {
  return !judgesBytesAlone || attributes.length > 0;
}

/** A finding for each property that may change anything; a hostile document may have any number. */
function findStrangeProperties({ name, guest }: DevicePair): Finding[] {
  return propertiesNotUnderstood(guest.properties).slice(0, 16).map((property) =>
    engineFinding("property-not-understood", name, { property: property.slice(0, 80) })
  );
}

/** A finding for each attribute that the policy declares and that is not known of a side. */
function findUnread({ id, attributes, judgesUnread }: Policy, pair: DevicePair): Finding[] {
  if (attributes === undefined || judgesUnread) return [];
  return SIDES.flatMap((side) => {
    const known = new Map(Object.entries(pair[side].attributes ?? {}));
    return attributesOf([{ attributes }])
      .filter((attribute) => known.get(attribute) === undefined)
      .map((attribute) =>
        engineFinding("attribute-not-read", pair.name, { id, attribute, side }, id)
      );
  });
}

function apply(
  registered: RegisteredPolicy,
  device: string | undefined,
  evaluate: () => Iterable<PolicyFinding>,
): Finding[] {
  const findings: Finding[] = [];
  try {
    for (const found of evaluate()) {
      if (findings.length === MOST_FINDINGS) {
        throw new RangeError(`It gave more than ${MOST_FINDINGS} findings at once`);
      }
      findings.push(complete(registered, device, found));
    }
  } catch (error) {
    const { id } = registered.policy;
    findings.push(engineFinding("policy-failed", device, { id, problem: textOf(error) }, id));
  }
  return findings;
}

/** What was thrown may be anything, even what String throws at. */
function textOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return "It threw what cannot be shown as text";
  }
}

function complete(
  { policy, warnings }: RegisteredPolicy,
  device: string | undefined,
  found: PolicyFinding,
): Finding {
  const page = Object.hasOwn(policy.codes, found.code) ? policy.codes[found.code] : undefined;
  if (page === undefined) {
    throw new TypeError(`It gave a finding of code "${found.code}", which it does not declare`);
  }
  const severity = found.severity ?? page.severity;
  if (!Object.hasOwn(WEIGHT, severity)) {
    throw new TypeError(`It gave a finding of severity "${severity}", which does not exist`);
  }
  const data = Object.entries(found.data ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const]
  );
  const isLowered = warnings.has(found.code) && (severity === "veto" || severity === "undecided");
  return {
    policy: policy.id,
    code: found.code,
    ...isLowered ? { severity: "warn", loweredFrom: severity } : { severity },
    ...device === undefined ? {} : { device },
    ...found.offset === undefined ? {} : { offset: found.offset },
    data: Object.fromEntries(data),
  };
}

/** Whether a policy is for either device of a pair; `undefined` when that is not known of them. */
function matchPair(
  match: Match,
  pair: DevicePair,
  policies: readonly RegisteredPolicy[],
): boolean | undefined {
  if (match.unclaimed && policies.some(({ policy }) => vouches(policy.match, pair))) {
    return false;
  }
  return matchSides(match, pair);
}

function vouches(match: Match, pair: DevicePair): boolean {
  const { vendors, vouches, unclaimed } = match;
  return vendors !== undefined && vouches !== false && !unclaimed &&
    matchSides(match, pair) === true;
}

function matchSides(match: Match, pair: DevicePair): boolean | undefined {
  const sides = [pair.source, pair.destination].map((facts) =>
    matchDevice(match, identify(facts), facts.driver?.name)
  );
  if (sides.includes(true)) return true;
  return sides.includes(undefined) ? undefined : false;
}

function matchDevice(
  match: Match,
  identity: Identity,
  driver: string | undefined,
): boolean | undefined {
  const baseClass = identity.class === undefined ? undefined : identity.class >>> 16;
  const tests = [
    includes(match.vendors, identity.vendor),
    includes(match.devices, identity.device),
    includes(match.baseClasses, baseClass),
    includes(match.drivers, driver),
  ];
  if (tests.includes(false)) return false;
  return tests.includes(undefined) ? undefined : true;
}

function includes<T>(list: readonly T[] | undefined, value: T | undefined): boolean | undefined {
  if (list === undefined) return true;
  if (list.length === 0) return false;
  return value === undefined ? undefined : list.includes(value);
}
