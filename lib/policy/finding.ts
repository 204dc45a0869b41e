/**
 * How much a finding weighs: `veto` forbids the migration, `undecided` says that a needed fact is
 * missing or a rule could not be applied, `warn` and `info` decide nothing.
 */
export type Severity = "veto" | "undecided" | "warn" | "info";

/** A value that a finding may carry. */
export type FindingValue = string | number | boolean;

/** One result of one rule, before anything is said in words. */
export interface Finding {
  /** The id of the policy it comes from; `premigrate` for the engine's own. */
  readonly policy: string;
  /** What was found: a key of the policy's `codes`. */
  readonly code: string;
  /** How much it weighs. */
  readonly severity: Severity;
  /** How much it weighs by itself, where the site has made a warning of it. */
  readonly loweredFrom?: "veto" | "undecided";
  /** The id of the policy that it is about, where it comes from another. */
  readonly about?: string;
  /** The name of the device pair; absent where the finding is about the whole migration. */
  readonly device?: string;
  /** Where in config space, in bytes from its start. */
  readonly offset?: number;
  /** The numbers and names that the code's message speaks of. */
  readonly data: Readonly<Record<string, FindingValue>>;
}

/** The texts of a code, for all its findings. */
export interface CodePage {
  /** The severity its findings have, unless a finding says otherwise. */
  readonly severity: Severity;
  /** A headline, without a final period. */
  readonly title: string;
  /**
   * One sentence about one finding: `{name}` stands for a value of its `data` or `offset`,
   * `{name:hex}` for that number in hexadecimal; {@linkcode HostName} for a host's name.
   */
  readonly message: string;
  /** What the operator can do; names stand for values as in the message. */
  readonly remedy: string;
  /** Other remedies, for guests that the first does not fit: the finding's `data.remedy` names one. */
  readonly remedies?: Readonly<Record<string, string>>;
  /** What the code means and where the rule comes from. */
  readonly about: string;
}

/** The names that a message speaks of; of a message that is not known none. */
export type Placeholder<Message extends string> = string extends Message ? never
  : Message extends `${string}{${infer Name}}${infer Rest}`
    ? (Name extends `${infer Bare}:hex` ? Bare : Name) | Placeholder<Rest>
  : never;

/**
 * What a message may say without data of the finding: the names of both hosts, and `sideHost`, that of
 * the host that the finding's `data.side` names.
 */
export type HostName = "sourceHost" | "destinationHost" | "sideHost";

/** What a finding needs for its message. */
export type Filling<
  Message extends string,
  Name extends string = Exclude<Placeholder<Message>, HostName>,
> =
  & ("offset" extends Name ? { readonly offset: number } : unknown)
  & ([Exclude<Name, "offset">] extends [never] ? unknown
    : { readonly data: { readonly [Key in Exclude<Name, "offset">]: FindingValue } });

/** Whose findings have these codes: a policy as the registry has it, or premigrate itself. */
export interface CodeOwner<Page extends CodePage = CodePage> {
  /** Its id and its codes' pages. */
  readonly policy: { readonly id: string; readonly codes: Readonly<Record<string, Page>> };
}

/**
 * Fills a code's message with a finding's values.
 *
 * @example
 * ```ts
 * import { fillMessage } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(fillMessage("byte {offset:hex} is {found}", { offset: 0x4f, found: "ee" }), "byte 0x4f is ee");
 * ```
 */
export function fillMessage(
  message: string,
  values: Readonly<Record<string, FindingValue | undefined>>,
): string {
  return message.replace(/\{(\w+)(:hex)?\}/g, (placeholder, name: string, hex?: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) return placeholder;
    return hex !== undefined && typeof value === "number" ? `0x${value.toString(16)}` : `${value}`;
  });
}
