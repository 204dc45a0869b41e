import * as v from "valibot";
import { FACT_NAMES, SITE_FACTS, type SiteFact } from "./facts.ts";
import { type Rule, RULES } from "./rules.ts";
import { versionNumbers } from "../policy/mod.ts";

/** How a number is written. */
export const NUMBER = /^(0x[0-9a-f]{1,8}|\d{1,15})$/;

const MOST_VALUES = 64;
const MOST_REQUIREMENTS = 32;
// Each is applied to each device.
const MOST_POLICIES = 128;

/** One line of text. */
export function line(most: number): v.GenericSchema<string> {
  return v.pipe(
    v.string(),
    v.trim(),
    v.nonEmpty("wanted a text"),
    v.maxLength(most),
    v.regex(/^[^\p{C}\p{Zl}\p{Zp}]*$/u, "wanted one line of printable text"),
  );
}

const Value = line(256);

/** One value, or a list of them. */
export function oneOrMore(
  value: v.GenericSchema<string>,
): v.GenericSchema<string | readonly string[], readonly string[]> {
  return v.union([
    v.pipe(value, v.transform((one) => [one])),
    v.pipe(v.array(value), v.nonEmpty(), v.maxLength(MOST_VALUES)),
  ]);
}

function hexPattern(digits: number, example: string): v.GenericSchema<string> {
  return v.pipe(
    v.string(),
    v.regex(
      new RegExp(`^0x([0-9a-f]{${digits}}|[0-9a-f]{0,${digits - 1}}\\*)$`),
      `wanted ${digits} hexadecimal digits in lower case, as in ${example}, or a * for the last`,
    ),
  );
}

function pattern(
  value: v.GenericSchema<string>,
  about: string,
): v.GenericSchema<string | readonly string[], readonly string[]> {
  return v.pipe(oneOrMore(value), v.description(about));
}

const Match = v.strictObject({
  vendor: v.optional(pattern(hexPattern(4, "0x10de"), "PCI vendor id, as 0x10de")),
  device: v.optional(pattern(hexPattern(4, "0x1eb8"), "PCI device id")),
  class: v.optional(pattern(hexPattern(6, "0x030200"), "PCI class code, as 0x030200 or 0x03*")),
  driver: v.optional(pattern(Value, "The host's driver; * stands for anything")),
  mdevType: v.optional(pattern(Value, "An mdev's type or that type's name")),
  host: v.optional(pattern(Value, "A host's name")),
  guest: v.optional(pattern(Value, "The guest's name")),
  machine: v.optional(pattern(Value, "The guest's machine type")),
});

const RequirementForm = v.strictObject({
  fact: v.pipe(v.picklist(FACT_NAMES), v.description("What is looked at")),
  is: v.pipe(v.picklist(RULES), v.description("How it is compared")),
  value: v.optional(
    v.pipe(oneOrMore(Value), v.description("What it is compared with; absent: the source's")),
  ),
  side: v.optional(
    v.pipe(
      v.picklist(["destination", "source", "both"]),
      v.description("Whose fact is compared with the value; absent: the destination's"),
    ),
  ),
});

const Requirement = v.pipe(
  RequirementForm,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const [key, message] = findProblem(dataset.value) ?? [];
    if (key === undefined || message === undefined) return;
    const { value: input } = dataset;
    addIssue({
      message,
      path: [{ type: "object", origin: "value", input, key, value: input[key] }],
    });
  }),
);

const PLACEHOLDERS = ["fact", "side", "source", "destination", "wanted"];

/** The rules of a site's policy, as they are applied. */
export const SiteRulesSchema = v.strictObject({
  title: v.pipe(line(200), v.description("A headline")),
  about: v.optional(v.pipe(line(4000), v.description("Why the site has this policy"))),
  match: v.pipe(Match, v.description("For what the policy is: all that is named must match")),
  require: v.pipe(
    v.array(Requirement),
    v.nonEmpty(),
    v.maxLength(MOST_REQUIREMENTS),
    v.description("What is wanted: all of it"),
  ),
  severity: v.pipe(
    v.picklist(["veto", "warn", "info"]),
    v.description("What it is where that is not so"),
  ),
  message: v.pipe(
    line(500),
    v.check(
      (text) =>
        Array.from(text.matchAll(/\{(.*?)\}/g), ([, name = ""]) => name)
          .every((name) => PLACEHOLDERS.includes(name)),
      "wanted no placeholder but {fact}, {side}, {source}, {destination} and {wanted}",
    ),
    v.description(
      "One sentence for the operator; {source}, {destination} and {wanted} stand for values",
    ),
  ),
  remedy: v.pipe(line(500), v.description("What the operator can do")),
});

/** The rules of a site's policy. */
export type SiteRules = v.InferOutput<typeof SiteRulesSchema>;

/** One thing that is wanted. */
export type Requirement = v.InferOutput<typeof Requirement>;

/** The name of a site's policy, which is `site/NAME`; permanent. */
export const SiteNameSchema = v.pipe(
  v.string(),
  v.maxLength(64),
  // Valibot leaves out the two members of a record that every object is born with.
  v.regex(
    /^(?!constructor$|prototype$)[a-z0-9]+(-[a-z0-9]+)*$/,
    "wanted a name in lower case, as in same-branch",
  ),
);

/** The rules by name. */
export const SitePoliciesSchema = v.pipe(
  v.record(SiteNameSchema, SiteRulesSchema),
  v.check(
    (policies) => Object.keys(policies).length <= MOST_POLICIES,
    `wanted ${MOST_POLICIES} policies at most`,
  ),
);

/** All of a site's policies, by name. */
export type SitePolicies = v.InferOutput<typeof SitePoliciesSchema>;

const KINDS: Readonly<Partial<Record<Rule, SiteFact["kind"]>>> = {
  "same branch": "version",
  "at least": "version",
  "superset": "list",
};

/** What is wrong with a requirement that has the right form. */
function findProblem(
  { fact, is, value, side }: v.InferOutput<typeof RequirementForm>,
): [key: "fact" | "is" | "value" | "side", problem: string] | undefined {
  const { kind, of } = SITE_FACTS[fact];
  const wanted = KINDS[is] ?? kind;
  if (kind !== wanted) {
    const fitting = FACT_NAMES.filter((name) => SITE_FACTS[name].kind === wanted);
    return ["is", `"${is}" is for ${fitting.join(", ")}`];
  }
  if (is === "present") {
    return value === undefined ? undefined : ["value", '"present" is compared with no value'];
  }
  if (value === undefined) {
    if (is === "one of") return ["is", '"one of" needs a value'];
    if (of === "guest") return ["fact", `${fact} is the same on both sides: wanted a value`];
    return side === undefined ? undefined : ["side", "wanted a value, where there is a side"];
  }
  if (value.length > 1 && kind !== "list" && is !== "one of") {
    return ["value", `wanted one value for "${is}"`];
  }
  if (kind === "number" && !value.every((text) => NUMBER.test(text))) {
    return ["value", "wanted a number, as in 12 or 0x10de"];
  }
  return KINDS[is] === "version" && !value.every(isVersion)
    ? ["value", "wanted a version, as in 550.90.07"]
    : undefined;
}

function isVersion(text: string): boolean {
  return versionNumbers(text) !== undefined;
}
