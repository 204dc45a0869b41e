import { definePolicy, identify, type PolicyFinding, v } from "premigrate/policy";
import { CODES } from "./codes.ts";
import documentation from "./README.md" with { type: "text" };

type Finding = PolicyFinding<typeof CODES>;

const OPTIONS = v.strictObject({
  accepted: v.pipe(
    v.optional(v.array(v.pipe(v.string(), v.regex(/^[0-9a-f]{4}:[0-9a-f]{4}$/))), []),
    v.description("Devices for which the site itself vouches, as vendor:device (4348:3253)"),
  ),
});

/** Devices that no policy here is for. */
export const unknownVendor = definePolicy({
  id: "generic/unknown-vendor",
  title: "Devices for which no policy vouches",
  documentation,
  match: { unclaimed: true },
  options: OPTIONS,
  codes: CODES,
  *evaluate(pair, _migration, { accepted }): Generator<Finding> {
    for (const side of ["source", "destination"] as const) {
      const { vendor, device } = identify(pair[side]);
      if (vendor === undefined || device === undefined) {
        yield { code: "not-identified", data: { side } };
        continue;
      }
      const id = [vendor, device].map((part) => part.toString(16).padStart(4, "0")).join(":");
      if (!accepted.includes(id)) yield { code: "nobody-vouches", data: { side, id } };
    }
  },
});
