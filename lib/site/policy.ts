import {
  type CodePage,
  definePolicy,
  type Migration,
  type Policy,
  type PolicyFinding,
  v,
} from "../policy/mod.ts";
import { type FactValues, type Sides, SITE_FACTS, type SiteFact, TOLD } from "./facts.ts";
import { factsOfMatch, matchSides } from "./match.ts";
import { holds } from "./rules.ts";
import { factOf, type Requirement, type SitePolicies, type SiteRules } from "./schema.ts";

type Code = "not-met" | "not-known" | "not-comparable" | "match-not-known";
type Found = PolicyFinding<Record<Code, CodePage>>;

const LONGEST = 200;

export function sitePolicies(site: SitePolicies): Policy[] {
  return Object.entries(site).map(([name, rules]) => sitePolicy(name, rules));
}

/**
 * Makes a policy of what a site wrote.
 *
 * @example
 * ```ts
 * import { sitePolicy } from "./policy.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const policy = sitePolicy("same-branch", {
 *   title: "NVIDIA's drivers are of one branch",
 *   match: { vendor: ["0x10de"] },
 *   require: [{ fact: "nvidiaDriver", is: "same branch" }],
 *   severity: "veto",
 *   message: "The drivers are {source} and {destination}",
 *   remedy: "Choose another host.",
 * });
 * assertEquals([policy.id, policy.judgesBytesAlone], ["site/same-branch", false]);
 * ```
 */
export function sitePolicy(name: string, rules: SiteRules): Policy {
  const { title, about, severity, message, remedy } = rules;
  const ofGuest = isOfGuest(rules);
  const attributes = rules.require?.flatMap(({ attribute }) => attribute ?? []) ?? [];
  // A rule that refuses nothing where it is broken refuses nothing where that is not known.
  const unknown = severity === "veto" ? "undecided" : severity;
  const codes: Readonly<Record<Code, CodePage>> = {
    "not-met": {
      severity,
      title: `The site wants: ${title}`,
      message: message.replace(/\.$/, ""),
      remedy,
      about: about ?? title,
    },
    "not-known": {
      severity: unknown,
      title: `Not known whether the site's rule is met: ${title}`,
      message: "{fact} of the {side} is not known",
      remedy: "Gather the facts again; `premigrate doctor` tells what cannot be read.",
      about: "The site's rule needs this fact.",
    },
    "not-comparable": {
      severity: unknown,
      title: `Cannot be compared by the site's rule: ${title}`,
      message:
        "{fact} is {source} on the source and {destination} on the destination: these are no versions",
      remedy: "Compare them by hand, or change the policy.",
      about: "A version begins with a number.",
    },
    "match-not-known": {
      severity: unknown,
      title: `Not known whether the site's rule applies: ${title}`,
      message: "Whether the policy applies depends on {fact}, which is not known",
      remedy: "Gather the facts again; `premigrate doctor` tells what cannot be read.",
      about: "The policy's match names a fact that is known of neither side.",
    },
  };
  return definePolicy({
    id: `site/${name}`,
    title,
    documentation: `${about ?? title}\n\n${describeRules(rules)}`,
    match: ofGuest ? { drivers: [] } : {},
    judgesBytesAlone: factsOf(rules).every(({ isInBytes }) => isInBytes),
    // It says itself what is not known.
    ...attributes.length > 0 && { attributes, judgesUnread: true },
    options: v.strictObject({}),
    codes,
    *evaluate({ source, destination }, migration): Generator<Found> {
      yield* judge(rules, {
        source: { device: source, host: migration.source, migration },
        destination: { device: destination, host: migration.destination, migration },
      });
    },
    ...ofGuest
      ? {
        *evaluateGuest(migration: Migration): Generator<Found> {
          yield* judge(rules, {
            source: { host: migration.source, migration },
            destination: { host: migration.destination, migration },
          });
        },
      }
      : {},
  });
}

/** Whether a site's policy is on the guest as a whole, whatever devices it has. */
export function isOfGuest(rules: SiteRules): boolean {
  return factsOf(rules).every(({ of }) => of !== "device");
}

function factsOf({ match, require = [] }: SiteRules): SiteFact[] {
  return [
    ...factsOfMatch(match).map((name) => SITE_FACTS[name]),
    ...require.map((requirement) => factOf(requirement).fact),
  ];
}

function* judge({ match, require, message }: SiteRules, sides: Sides): Generator<Found> {
  const matches = matchSides(match, [sides.source, sides.destination]);
  if (matches === false) return;
  if (matches !== true) return yield { code: "match-not-known", data: { fact: matches } };
  const said = Object.fromEntries(
    Object.entries(TOLD).filter(([name]) => message.includes(`{${name}}`))
      .map(([name, read]) => [name, show(read(sides))]),
  );
  if (require === undefined) yield { code: "not-met", data: said };
  else for (const requirement of require) yield* judgeRequirement(requirement, sides, said);
}

function* judgeRequirement(
  requirement: Requirement,
  sides: Sides,
  said: Readonly<Record<string, string>>,
): Generator<Found> {
  const { is, value, side = "destination" } = requirement;
  const { name: fact, fact: looksAt } = factOf(requirement);
  const [source, destination] = [looksAt.read(sides.source), looksAt.read(sides.destination)];
  const found = { source, destination };
  const isOfSource = value === undefined && is !== "present";
  const looked = isOfSource || side === "both" ? ["source", "destination"] as const : [side];
  const unknown = looked.filter((name) => found[name] === undefined);
  for (const name of unknown) yield { code: "not-known", data: { fact, side: name } };
  for (const name of isOfSource ? ["destination"] as const : looked) {
    const [values, wanted] = [found[name], value ?? source ?? []];
    if (values === undefined || (isOfSource && source === undefined)) continue;
    const answer = holds(is, looksAt, values, wanted);
    if (answer === true) continue;
    yield {
      code: answer === undefined ? "not-comparable" : "not-met",
      data: {
        fact,
        is,
        side: name,
        source: show(source),
        destination: show(destination),
        // Of two long lists only what is missing is worth reading.
        wanted: show(is === "superset" ? wanted.filter((it) => !values.includes(it)) : wanted),
        ...said,
      },
    };
  }
}

function show(values: FactValues | undefined): string {
  if (values === undefined) return "not known";
  const text = values.join(", ");
  if (text === "") return "none";
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 3).toWellFormed()}...` : text;
}

function describeRules({ match: { not, ...match }, require }: SiteRules): string {
  const matched = describeMatch(match) || "everything";
  const whom = not === undefined ? matched : `${matched}, not for ${describeMatch(not)}`;
  if (require === undefined) return `For ${whom}: each migration.`;
  const wanted = require.map((requirement) => {
    const { is, value, side = "destination" } = requirement;
    const than = is === "present" ? "" : ` ${value?.join(", ") ?? "as on the source"}`;
    return `- ${factOf(requirement).name} (${side}): ${is}${than}`;
  });
  return [`For ${whom}; wanted:`, "", ...wanted].join("\n");
}

function describeMatch(named: NonNullable<SiteRules["match"]["not"]>): string {
  return Object.entries(named).map(([key, globs]) => `${key} ${globs?.join(" or ")}`).join(", ");
}
