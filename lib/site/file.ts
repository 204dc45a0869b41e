import * as v from "valibot";
import { MOST_ATTRIBUTES } from "../policy/attributes.ts";
import {
  AttributeName,
  fillable,
  line,
  NUMBER,
  oneOrMore,
  SITE_RULES,
  SiteNameSchema,
} from "./schema.ts";

const MOST_CASES = 256;

const Value = v.pipe(v.string(), v.maxLength(256));
const NumberValue = v.pipe(v.string(), v.regex(NUMBER, "wanted a number, as in 12 or 0x10de"));
const QemuValue = v.pipe(
  v.string(),
  v.regex(/^\d{1,3}\.\d{1,3}(\.\d{1,4})?$/, 'wanted a QEMU version like "9.1"'),
);

const CaseSide = v.optional(
  v.strictObject({
    ...v.entriesFromList(["vendor", "device", "class", "vgpuType"], v.optional(NumberValue)),
    ...v.entriesFromList(
      ["driver", "driverVersion", "mdevType", "mdevName", "firmware", "psid", "vgpuParams"],
      v.optional(Value),
    ),
    ...v.entriesFromList(["host", "libvirt", "kernel", "nvidiaDriver"], v.optional(Value)),
    ...v.entriesFromList(["qatServices", "machineTypes"], v.optional(oneOrMore(Value))),
    qemu: v.optional(QemuValue),
    attributes: v.optional(v.pipe(
      v.record(AttributeName, Value),
      v.maxEntries(MOST_ATTRIBUTES),
      v.description("Sysfs attributes of the device by name; empty: there is no such attribute"),
    )),
  }),
  {},
);

const Case = v.strictObject({
  name: v.pipe(line(200), v.description("What the case shows")),
  guest: v.optional(v.pipe(Value, v.description("The guest's name"))),
  machine: v.optional(v.pipe(Value, v.description("Its machine type"))),
  source: v.pipe(CaseSide, v.description("Facts of the source; what is absent is not known")),
  destination: v.pipe(CaseSide, v.description("Facts of the destination")),
  expect: v.pipe(
    v.picklist(["allow", "veto", "undecided", "warn", "info"]),
    v.description("The heaviest finding; allow: there is none"),
  ),
});

/** The schema of a file in `policies.d`: a policy, and cases that show what it does. */
export const SiteFileSchema = v.pipe(
  v.strictObject({
    name: v.pipe(SiteNameSchema, v.description("Its id is site/NAME; permanent")),
    ...SITE_RULES,
    cases: v.optional(
      v.pipe(
        v.array(Case),
        v.maxLength(MOST_CASES),
        v.description("What `premigrate policy test` runs"),
      ),
      [],
    ),
  }),
  fillable(),
);

/** A file in `policies.d`. */
export type SiteFile = v.InferOutput<typeof SiteFileSchema>;

/** One migration, and what the policy is to find in it. */
export type SiteCase = SiteFile["cases"][number];
