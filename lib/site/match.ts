import { type FactName, type Side, SITE_FACTS } from "./facts.ts";
import { matchesGlob } from "./glob.ts";
import type { SiteRules } from "./schema.ts";

type Match = SiteRules["match"];

/** What a policy's match can name. */
export const MATCH_KEYS = [
  "vendor",
  "device",
  "class",
  "driver",
  "mdevType",
  "host",
  "guest",
  "machine",
] as const satisfies readonly (keyof Match)[];

type Named = NonNullable<Match["not"]>;

/** The facts that a policy's match looks at. */
export function factsOfMatch({ not = {}, ...match }: Match): FactName[] {
  return MATCH_KEYS.filter((key) => match[key] !== undefined || not[key] !== undefined)
    .flatMap(factsOf);
}

/**
 * Whether a policy is for a device, or a guest: whether one side is all that `match` names, and not
 * all that its `not` names. The name of a fact where that depends on one that is not known.
 */
export function matchSides(match: Match, sides: readonly Side[]): boolean | FactName {
  const answers = sides.map((side) => matchSide(match, side));
  return answers.includes(true) || (answers.find((answer) => answer !== false) ?? false);
}

function matchSide({ not, ...match }: Match, side: Side): boolean | FactName {
  const excluded = not !== undefined && matchNamed(not, side);
  if (excluded === true) return false;
  const named = matchNamed(match, side);
  return named === true && excluded !== false ? excluded : named;
}

function matchNamed(named: Named, side: Side): boolean | FactName {
  const answers = MATCH_KEYS.map((key) => matchKey(key, named[key], side));
  return !answers.includes(false) && (answers.find((answer) => answer !== true) ?? true);
}

function matchKey(
  key: typeof MATCH_KEYS[number],
  globs: readonly string[] | undefined,
  side: Side,
): boolean | FactName {
  if (globs === undefined) return true;
  const facts = factsOf(key);
  const values = facts.flatMap((name) => SITE_FACTS[name].read(side) ?? []);
  if (values.some((value) => globs.some((glob) => matchesGlob(glob, value)))) return true;
  return facts.find((name) => SITE_FACTS[name].read(side) === undefined) ?? false;
}

/** An mdev's type goes by two names. */
function factsOf(key: typeof MATCH_KEYS[number]): readonly FactName[] {
  return key === "mdevType" ? ["mdevType", "mdevName"] : [key];
}
