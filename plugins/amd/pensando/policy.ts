import { definePolicy, type PolicyFinding, v } from "premigrate/policy";
import { CODES } from "./codes.ts";
import documentation from "./README.md" with { type: "text" };

type Finding = PolicyFinding<typeof CODES>;

/** Virtual functions of AMD Pensando network cards. */
export const amdPensando = definePolicy({
  id: "amd/pensando",
  title: "AMD Pensando virtual functions",
  documentation,
  match: { vendors: [0x1dd8], devices: [0x1003] },
  options: v.strictObject({
    firmware: v.pipe(
      v.optional(v.picklist(["equal", "any"]), "equal"),
      v.description("Which pairs of firmware versions are accepted"),
    ),
  }),
  codes: CODES,
  *evaluate({ source, destination }, _migration, { firmware: accepted }): Generator<Finding> {
    if (accepted === "any") return;
    const [from, to] = [source.firmware?.version, destination.firmware?.version];
    if (from === undefined || to === undefined) yield { code: "firmware-unknown" };
    else if (from !== to) {
      yield { code: "firmware-differs", data: { source: from, destination: to } };
    }
  },
});
