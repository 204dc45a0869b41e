import * as v from "valibot";
import { isAttributeName } from "../policy/attributes.ts";
import { versionNumbers } from "../policy/mod.ts";
import { attributeFact, FACT_NAMES, SITE_FACTS, type SiteFact, TOLD } from "./facts.ts";
import { type Rule, RULES } from "./rules.ts";

/** How a number is written. */
export const NUMBER = /^(0x[0-9a-f]{1,8}|\d{1,15})$/;
/** How the first digits of an id are written. */
const FIRST_DIGITS = /^0x[0-9a-f]{0,7}\*$/;

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

const NAMED = {
  vendor: v.optional(pattern(hexPattern(4, "0x10de"), "PCI vendor id, as 0x10de")),
  device: v.optional(pattern(hexPattern(4, "0x1eb8"), "PCI device id")),
  class: v.optional(pattern(hexPattern(6, "0x030200"), "PCI class code, as 0x030200 or 0x03*")),
  driver: v.optional(pattern(Value, "The host's driver; * stands for anything")),
  mdevType: v.optional(pattern(Value, "An mdev's type or that type's name")),
  host: v.optional(pattern(Value, "A host's name")),
  guest: v.optional(pattern(Value, "The guest's name")),
  machine: v.optional(pattern(Value, "The guest's machine type")),
};

const Match = v.strictObject({
  ...NAMED,
  not: v.optional(v.pipe(
    v.strictObject(NAMED),
    v.check((not) => Object.keys(not).length > 0, "wanted a key of match: it would be everything"),
    v.description("For what it is not, though all else matches: for what all of this matches"),
  )),
});

/** The name of a sysfs attribute. */
export const AttributeName = v.pipe(
  v.string(),
  v.check(isAttributeName, "wanted a sysfs attribute that may be read, as in acme/profile"),
);

const RequirementForm = v.strictObject({
  fact: v.optional(v.pipe(v.picklist(FACT_NAMES), v.description("What is looked at"))),
  attribute: v.optional(
    v.pipe(AttributeName, v.description("In place of a fact: a sysfs attribute of the device")),
  ),
  is: v.pipe(v.picklist(RULES), v.description("How it is compared")),
  value: v.optional(
    v.pipe(
      oneOrMore(Value),
      v.description(
        'What it is compared with, for "one of" and "not" patterns; absent: the source\'s',
      ),
    ),
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

const OF_ALL = Object.keys(TOLD);
const OF_REQUIREMENT = ["fact", "side", "source", "destination", "wanted", ...OF_ALL];

type Told = {
  readonly message: string;
  readonly require?: readonly unknown[] | undefined;
};

/** Without `require` there is no fact that was looked at, and no value of one. */
export function fillable<Rules extends Told>(): v.RawCheckAction<Rules> {
  return v.rawCheck<Rules>(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { value: input } = dataset;
    const { message, require } = input;
    const known = require === undefined ? OF_ALL : OF_REQUIREMENT;
    const names = known.map((name) => `{${name}}`);
    if (message.match(/\{.*?\}/g)?.every((name) => names.includes(name)) ?? true) return;
    addIssue({
      message: `wanted no placeholder but ${names.join(", ")}`,
      path: [{
        type: "object",
        origin: "value",
        input: { ...input },
        key: "message",
        value: message,
      }],
    });
  });
}

/** The keys of a site's policy. */
export const SITE_RULES = {
  title: v.pipe(line(200), v.description("A headline")),
  about: v.optional(v.pipe(line(4000), v.description("Why the site has this policy"))),
  match: v.pipe(Match, v.description("For what the policy is: all that is named must match")),
  require: v.optional(v.pipe(
    v.array(Requirement),
    v.nonEmpty('wanted a requirement; for "never" leave the key require out'),
    v.maxLength(MOST_REQUIREMENTS),
    v.description("What is wanted: all of it; absent: nothing helps, what matches is found"),
  )),
  severity: v.pipe(
    v.picklist(["veto", "warn", "info"]),
    v.description("What it is where that is not so"),
  ),
  message: v.pipe(
    line(500),
    v.description(
      "One sentence for the operator; {source}, {destination}, {wanted} and {guest} stand for values",
    ),
  ),
  remedy: v.pipe(line(500), v.description("What the operator can do")),
};

/** The rules of a site's policy, as they are applied. */
export const SiteRulesSchema = v.pipe(v.strictObject(SITE_RULES), fillable());

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

/** The fact that a requirement looks at, and what it is called. */
export function factOf(
  { fact, attribute = "" }: Pick<Requirement, "fact" | "attribute">,
): { readonly name: string; readonly fact: SiteFact } {
  return fact === undefined
    ? { name: attribute, fact: attributeFact(attribute) }
    : { name: fact, fact: SITE_FACTS[fact] };
}

/** What is wrong with a requirement that has the right form. */
function findProblem(
  requirement: v.InferOutput<typeof RequirementForm>,
): [key: "fact" | "is" | "value" | "side", problem: string] | undefined {
  const { fact, attribute, is, value, side } = requirement;
  if ((fact === undefined) === (attribute === undefined)) {
    return ["fact", "wanted a fact or an attribute, one of them"];
  }
  const { kind, of, isInBytes } = factOf(requirement).fact;
  const wanted = KINDS[is] ?? kind;
  if (kind !== wanted) {
    const fitting = FACT_NAMES.filter((name) => SITE_FACTS[name].kind === wanted);
    return ["is", `"${is}" is for ${fitting.join(", ")}`];
  }
  if (is === "present") {
    return value === undefined ? undefined : ["value", '"present" is compared with no value'];
  }
  const takesPatterns = is === "one of" || is === "not";
  if (value === undefined) {
    if (takesPatterns) return ["is", `"${is}" needs a value`];
    if (of === "guest") return ["fact", `${fact} is the same on both sides: wanted a value`];
    return side === undefined ? undefined : ["side", "wanted a value, where there is a side"];
  }
  if (value.length > 1 && kind !== "list" && !takesPatterns) {
    return ["value", `wanted one value for "${is}"`];
  }
  const takesDigits = takesPatterns && isInBytes === true;
  if (
    kind === "number" &&
    !value.every((text) => NUMBER.test(text) || (takesDigits && FIRST_DIGITS.test(text)))
  ) {
    return ["value", `wanted a number, as in 12 or 0x10de${takesDigits ? ", or 0x1e*" : ""}`];
  }
  return KINDS[is] === "version" && !value.every(isVersion)
    ? ["value", "wanted a version, as in 550.90.07"]
    : undefined;
}

function isVersion(text: string): boolean {
  return versionNumbers(text) !== undefined;
}
