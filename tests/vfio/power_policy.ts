/** What a code plugin is that wants an attribute which every device of Linux has. */
import { definePolicy, v } from "premigrate/policy";

const ATTRIBUTE = "power/control";

export default definePolicy({
  id: "example/power",
  title: "Both devices have one power policy",
  documentation: `Compares \`${ATTRIBUTE}\` of both devices.`,
  match: { vendors: [0x10de] },
  attributes: [ATTRIBUTE],
  options: v.strictObject({}),
  codes: {
    "other-power": {
      severity: "veto",
      title: "The devices have two power policies",
      message: "power/control is {source} on the source and {destination} on the destination",
      remedy: "Make them alike.",
      about: "This site lets no device sleep.",
    },
  },
  // deno-lint-ignore explicit-function-return-type -- a policy as anybody writes it
  *evaluate(pair) {
    const [source, destination] = [pair.source, pair.destination].map(({ attributes }) =>
      attributes?.[ATTRIBUTE] ?? "not there"
    );
    if (source === destination || source === undefined || destination === undefined) return;
    yield { code: "other-power", data: { source, destination } };
  },
});
