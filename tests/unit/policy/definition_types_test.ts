/** What the type checker says of a policy: `deno check` fails where an expected error does not come. */
// deno-lint-ignore-file explicit-function-return-type -- a policy as anybody writes it
import { definePolicy, type Policy, type PolicyFinding, v } from "premigrate/policy";

const page = { severity: "warn", title: "T", remedy: "R.", about: "A." } as const;
const base = { id: "a/b", title: "T", documentation: "D", match: {}, options: v.strictObject({}) };
const codes = {
  plain: { ...page, message: "nothing to fill" },
  version: { ...page, message: "version {version} is too old" },
  place: { ...page, message: "byte {offset:hex} is {found:hex}" },
} as const;

/** The natural policy: each `yield` has the data of its own code. */
export const NATURAL: Policy = definePolicy({
  ...base,
  codes,
  *evaluate(pair) {
    yield { code: "plain" };
    yield { code: "plain", data: { device: pair.name } };
    yield { code: "version", data: { version: "1.2" } };
    yield { code: "place", offset: 0x40, data: { found: 7, more: undefined } };
  },
});

/** Codes may stand in the policy itself. */
export const INLINE: Policy = definePolicy({
  ...base,
  codes: { differs: { ...page, message: "class {source:hex} becomes {destination:hex}" } },
  *evaluate() {
    yield { code: "differs", data: { source: 1, destination: 2 } };
  },
});

definePolicy({
  ...base,
  codes,
  // @ts-expect-error: there is no code plian.
  *evaluate() {
    yield { code: "plain" };
    yield { code: "plian" };
  },
});

/** With its return type, the error is at the `yield`. */
export function* findings(): Generator<PolicyFinding<typeof codes>> {
  yield { code: "version", data: { version: "1.2", more: undefined } };
  // @ts-expect-error: there is no such code.
  yield { code: "plian" };
  // @ts-expect-error: the message speaks of a version.
  yield { code: "version", data: { versoin: "1.2" } };
  // @ts-expect-error: the message speaks of a version.
  yield { code: "version" };
  // @ts-expect-error: the version is known, or it is another code.
  yield { code: "version", data: { version: undefined } };
  // @ts-expect-error: the message speaks of an offset.
  yield { code: "place", data: { found: 7 } };
}
