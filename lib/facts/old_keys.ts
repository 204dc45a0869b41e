import * as v from "valibot";
import { LONGEST_ATTRIBUTE } from "../policy/attributes.ts";
import { oneLine } from "./one_line.ts";
import { FactsSchema } from "./schema.ts";

const Unread = v.optional(v.unknown());
const Text = v.optional(v.string());
const OldDevice = v.looseObject({
  vpd: Unread,
  skipVscCheck: Unread,
  qatServices: Text,
  vgpuParams: Text,
  vgpuCreatable: v.optional(v.array(v.strictObject({ id: v.number(), name: v.string() }))),
  attributes: v.optional(v.looseObject({})),
});
type OldDevice = v.InferInput<typeof OldDevice>;
const OldFacts = v.looseObject({ devices: v.array(OldDevice) });

/** Facts of this version and of those before, which had other keys. */
export const AnyFactsSchema = v.pipe(v.unknown(), v.transform(withoutOldKeys), FactsSchema);

function withoutOldKeys(facts: unknown): unknown {
  // The facts themselves, not what was parsed: that lacks names like `__proto__`, which are refused.
  return v.is(OldFacts, facts) ? { ...facts, devices: facts.devices.map(withoutOld) } : facts;
}

/** What nobody reads is left out; what was a vendor's fact is an attribute. */
function withoutOld(old: OldDevice): object {
  const { vpd: _vpd, skipVscCheck: _skips, qatServices, vgpuParams, vgpuCreatable, ...device } =
    old;
  const texts = {
    "parent/qat/cfg_services": qatServices || undefined,
    "nvidia/vgpu_params": vgpuParams,
    "nvidia/creatable_vgpu_types": vgpuCreatable?.map(({ id, name }) => `${id} : ${oneLine(name)}`)
      .join("\n"),
  };
  const told = Object.entries(texts).filter(([, text]) =>
    text !== undefined && text.length <= LONGEST_ATTRIBUTE
  );
  return told.length === 0
    ? device
    : { ...device, attributes: { ...Object.fromEntries(told), ...device.attributes } };
}
