import type { FactValues, SiteFact } from "./facts.ts";
import { isAtLeast, versionNumbers } from "../policy/mod.ts";
import { matchesGlob } from "./glob.ts";

/** How a fact is compared with what is wanted of it. */
export type Rule =
  | "equal"
  | "same branch"
  | "at least"
  | "superset"
  | "one of"
  | "not"
  | "present";

/** The names of all rules. */
export const RULES = [
  "equal",
  "same branch",
  "at least",
  "superset",
  "one of",
  "not",
  "present",
] as const satisfies readonly Rule[];

type Holds = (fact: SiteFact, found: FactValues, wanted: FactValues) => boolean | undefined;

const HOLDS: Readonly<Record<Rule, Holds>> = {
  "equal": (fact, found, wanted) => {
    const [some, others] = [keysOf(fact, found), keysOf(fact, wanted)];
    return some.size === others.size && some.isSubsetOf(others);
  },
  "same branch": ({ branch }, [found = ""], [wanted = ""]) => {
    const [one, other] = [versionNumbers(found), versionNumbers(wanted)];
    if (one === undefined || other === undefined) return undefined;
    return one.slice(0, branch).join(".") === other.slice(0, branch).join(".");
  },
  "at least": (_fact, [found = ""], [wanted = ""]) => isAtLeast(found, wanted),
  "superset": (_fact, found, wanted) => new Set(wanted).isSubsetOf(new Set(found)),
  "one of": (fact, found, wanted) =>
    found.length > 0 && found.every((value) => isOneOf(fact, value, wanted)),
  "not": (fact, found, wanted) => !found.some((value) => isOneOf(fact, value, wanted)),
  "present": (_fact, found) => found.length > 0,
};

/** Whether a rule holds; `undefined` where a value is no version. */
export function holds(
  rule: Rule,
  fact: SiteFact,
  found: FactValues,
  wanted: FactValues,
): boolean | undefined {
  return HOLDS[rule](fact, found, wanted);
}

function isOneOf({ kind }: SiteFact, value: string, patterns: FactValues): boolean {
  return patterns.some((pattern) =>
    kind === "number" && !pattern.includes("*")
      ? Number(pattern) === Number(value)
      : matchesGlob(pattern, value)
  );
}

/** What is compared: of a number not how it is written. */
function keysOf({ kind }: SiteFact, values: FactValues): Set<string> {
  return new Set(kind === "number" ? values.map((text) => `${Number(text)}`) : values);
}
