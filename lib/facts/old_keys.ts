import * as v from "valibot";
import { FactsSchema } from "./schema.ts";

const Unread = v.optional(v.unknown());
const OldFacts = v.looseObject({
  devices: v.array(v.looseObject({ vpd: Unread, skipVscCheck: Unread })),
});

/** Facts of this version and of those before, which had keys that nobody reads any more. */
export const AnyFactsSchema = v.pipe(v.unknown(), v.transform(withoutOldKeys), FactsSchema);

function withoutOldKeys(facts: unknown): unknown {
  // The facts themselves, not what was parsed: that lacks names like `__proto__`, which are refused.
  return v.is(OldFacts, facts) ? { ...facts, devices: facts.devices.map(withoutOld) } : facts;
}

function withoutOld(
  { vpd: _vpd, skipVscCheck: _skips, ...device }: v.InferInput<typeof OldFacts>["devices"][number],
): object {
  return device;
}
