import { PremigrateError } from "../error/mod.ts";
import { isAttributeName, MOST_ATTRIBUTES } from "./attributes.ts";
import type { CodePage, Filling, FindingValue, Severity } from "./finding.ts";
import type { DevicePair, Migration } from "./migration.ts";

/**
 * Which devices a policy is for. Every list that is given must hold the device's value, so that an
 * empty one matches none; a device matches if either side of its pair does.
 */
export interface Match {
  /** PCI vendor ids. */
  readonly vendors?: readonly number[];
  /** PCI device ids. */
  readonly devices?: readonly number[];
  /** Base classes, the top byte of the class code. */
  readonly baseClasses?: readonly number[];
  /** Names of the host's drivers. */
  readonly drivers?: readonly string[];
  /** Only pairs for which no policy of the registry vouches: none that names vendors matches them. */
  readonly unclaimed?: true;
  /** The policy knows only what cannot migrate: though it names vendors, it vouches for no device. */
  readonly vouches?: false;
}

/** The codes of a policy, with what there is to say of each. */
export type Codes = Readonly<Record<string, CodePage>>;

/**
 * A finding as a policy gives it; the engine adds the policy's id and the device. Of known codes it
 * has what the message of its own code speaks of.
 */
export type PolicyFinding<Known extends Codes = Codes> =
  & {
    /** A key of the policy's `codes`. */
    readonly code: string;
    /** Other than the code's own. */
    readonly severity?: Severity | undefined;
    /** Where in config space, in bytes from its start. */
    readonly offset?: number | undefined;
    /** The values that the code's message speaks of. */
    readonly data?: Readonly<Record<string, FindingValue | undefined>>;
  }
  & {
    [Code in keyof Known & string]:
      & { readonly code: Code }
      & Filling<Known[Code]["message"]>;
  }[keyof Known & string];

/**
 * The schema of a policy's options: one made with {@linkcode v}, or with any other library that keeps
 * to {@link https://standardschema.dev Standard Schema}.
 */
export interface OptionsSchema<Options> {
  /** What that standard asks for. */
  readonly "~standard": {
    readonly validate: (options: unknown) => ParsedOptions<Options> | Promise<unknown>;
  };
}

/** Options, or what is wrong with them. */
export type ParsedOptions<Options> =
  | { readonly value: Options; readonly issues?: undefined }
  | { readonly issues: readonly OptionIssue[] };

/** What is wrong with an option, and the keys that lead to it. */
export interface OptionIssue {
  /** A sentence without a final period. */
  readonly message: string;
  /** From the outermost key inwards. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What the author of a policy writes. */
export interface PolicyDefinition<Options, Known extends Codes> {
  /** `vendor/name`, lower case; permanent. */
  readonly id: string;
  /** A headline, without a final period. */
  readonly title: string;
  /** What it checks, why, and where that comes from, in Markdown. */
  readonly documentation: string;
  /** Which devices it is for. */
  readonly match: Match;
  /** The policy also judges two dumps of config space of which nothing else is known. */
  readonly judgesBytesAlone?: boolean;
  /**
   * Names of sysfs attributes that the probe is to bring, as `fw_rev`; `parent/fw_rev` is that of a
   * VF's physical function or an mdev's parent. They come as the devices' `attributes`, and where one
   * was not read the policy is not applied. At most 32.
   */
  readonly attributes?: readonly string[];
  /** It is applied also where an attribute was not read, and says itself what is then undecided. */
  readonly judgesUnread?: boolean;
  /** The schema of the options a site can set; it must accept `{}`. */
  readonly options: OptionsSchema<Options>;
  /** Every code that the policy's findings can have. */
  readonly codes: Known;
  /** The rules: a pure function of its arguments. */
  readonly evaluate: (
    pair: DevicePair,
    migration: Migration,
    options: Options,
  ) => Iterable<PolicyFinding<NoInfer<Known>>>;
  /** Rules on the guest as a whole, applied once, whatever devices it has; pure, too. */
  readonly evaluateGuest?: (
    migration: Migration,
    options: Options,
  ) => Iterable<PolicyFinding<NoInfer<Known>>>;
}

/** A policy with its options set. */
export type Evaluate = (pair: DevicePair, migration: Migration) => Iterable<PolicyFinding>;

/** Its rules on the guest as a whole, with the options set. */
export type EvaluateGuest = (migration: Migration) => Iterable<PolicyFinding>;

/** A policy's rules, its options set. */
export interface ConfiguredPolicy {
  /** Its rules on a pair of devices. */
  readonly evaluate: Evaluate;
  /** Its rules on the guest as a whole, where it has any. */
  readonly evaluateGuest: EvaluateGuest | undefined;
}

/** A policy as the registry holds it. Made by {@linkcode definePolicy}. */
export interface Policy
  extends Omit<PolicyDefinition<unknown, Codes>, "evaluate" | "evaluateGuest"> {
  /**
   * Sets the options.
   *
   * @throws {PremigrateError} When they do not fit the schema.
   */
  configure(options: unknown): ConfiguredPolicy;
}

/**
 * Makes a policy. All types of its options and codes are inferred.
 *
 * @throws {TypeError} When the id is not of the form `vendor/name`, the options have no defaults, or
 * the attributes cannot be brought.
 *
 * @example A policy that warns when the class of a device differs.
 * ```ts
 * import { definePolicy, identify, v } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * const policy = definePolicy({
 *   id: "example/class",
 *   title: "Class codes are equal",
 *   documentation: "Compares the class code of both sides.",
 *   match: { vendors: [0x1b36] },
 *   judgesBytesAlone: true,
 *   options: v.strictObject({}),
 *   codes: {
 *     differs: {
 *       severity: "warn",
 *       title: "The class differs",
 *       message: "class {source:hex} becomes {destination:hex}",
 *       remedy: "Choose another device.",
 *       about: "The guest's driver was chosen by class.",
 *     },
 *     unknown: {
 *       severity: "undecided",
 *       title: "A class is not known",
 *       message: "the class of a device is not known",
 *       remedy: "Gather the facts again.",
 *       about: "Nobody else knows these devices.",
 *     },
 *   },
 *   *evaluate(pair) {
 *     const source = identify(pair.source).class;
 *     const destination = identify(pair.destination).class;
 *     if (source === undefined || destination === undefined) yield { code: "unknown" };
 *     else if (source !== destination) yield { code: "differs", data: { source, destination } };
 *   },
 * });
 * assertEquals(policy.id, "example/class");
 * ```
 */
export function definePolicy<Options, const Known extends Codes>(
  definition: PolicyDefinition<Options, Known>,
): Policy {
  const { evaluate, evaluateGuest, ...rest } = definition;
  if (!/^[a-z0-9-]+\/[a-z0-9-]+$/.test(rest.id)) {
    throw new TypeError(`Cannot define a policy: its id is "${rest.id}", wanted "vendor/name"`);
  }
  if (parseOptions(rest.options, {}).issues !== undefined) {
    throw new TypeError(`Cannot define policy ${rest.id}: its options schema does not accept {}`);
  }
  const problem = findAttributeProblem(rest.attributes ?? []);
  if (problem !== undefined) throw new TypeError(`Cannot define policy ${rest.id}: ${problem}`);
  return {
    ...rest,
    configure(options: unknown): ConfiguredPolicy {
      const parsed = parseOptions(rest.options, options);
      if (parsed.issues !== undefined) {
        const doing = `Cannot set the options of policy ${rest.id}`;
        throw new PremigrateError("policy-options", doing, listed(parsed.issues));
      }
      return {
        evaluate: (pair, migration) => evaluate(pair, migration, parsed.value),
        evaluateGuest: evaluateGuest && ((migration) => evaluateGuest(migration, parsed.value)),
      };
    },
  };
}

function parseOptions<Options>(
  schema: OptionsSchema<Options>,
  options: unknown,
): ParsedOptions<Options> {
  const parsed = schema["~standard"].validate(options);
  return parsed instanceof Promise
    ? { issues: [{ message: "the schema answers only later" }] }
    : parsed;
}

function listed(issues: readonly OptionIssue[]): string {
  return issues.map(({ message, path = [] }) => {
    const keys = path.map((item) => String(typeof item === "object" ? item.key : item));
    return `\u00d7 ${message}${keys.length === 0 ? "" : `\n  \u2192 at ${keys.join(".")}`}`;
  }).join("\n");
}

function findAttributeProblem(names: readonly string[]): string | undefined {
  if (names.length > MOST_ATTRIBUTES) {
    return `it has ${names.length} attributes, wanted ${MOST_ATTRIBUTES} at most`;
  }
  const bad = names.find((name) => !isAttributeName(name));
  return bad === undefined
    ? undefined
    : `its attribute ${JSON.stringify(bad)} is no name of a sysfs attribute that may be read`;
}
