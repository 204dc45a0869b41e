/** Nothing becomes allow by knowing less: a site's policies, `not` and patterns included. */
import { assert } from "@std/assert";
import fc from "fast-check";
import { type CaseSide, type Decision, runCase } from "premigrate/policy";
import { parseSiteFile } from "../../../lib/config/site_folder.ts";
import type { SiteFile } from "../../../lib/site/file.ts";
import { sitePolicy } from "../../../lib/site/mod.ts";
import { unlessRefused } from "../../helpers/config_refusal.ts";

interface Migration {
  readonly guest?: string | undefined;
  readonly machine?: string | undefined;
  readonly source: CaseSide;
  readonly destination: CaseSide;
}

const oneOrMore = (value: fc.Arbitrary<string>): fc.Arbitrary<string | string[]> =>
  fc.oneof(value, fc.array(value, { minLength: 1, maxLength: 3 }));
const id = fc.constantFrom("0x10de", "0x8086", "0x10*", "0x*");
const text = fc.constantFrom("a", "b", "ab", "a*", "*b", "*", "1.2", "1.*", "2.0");

const PATTERNS = {
  vendor: id,
  driver: text,
  mdevType: text,
  host: text,
  guest: text,
  machine: text,
};
/** What one or two keys name; more would match nothing. */
const named = (minLength: number): fc.Arbitrary<object> =>
  fc.subarray(["vendor", "driver", "mdevType", "host", "guest", "machine"] as const, {
    minLength,
    maxLength: 2,
  }).chain((keys) =>
    fc.record(Object.fromEntries(keys.map((key) => [key, oneOrMore(PATTERNS[key])])))
  );
const match = fc.oneof(
  named(0),
  fc.tuple(named(0), named(1)).map(([named, not]) => ({ ...named, not })),
);

const FACTS = [
  ...["vendor", "driver", "driverVersion", "mdevType", "mdevName", "firmware", "psid"],
  ...["vgpuType", "vgpuParams", "qatServices", "host", "qemu", "libvirt", "kernel"],
  ...["nvidiaDriver", "machineTypes", "guest", "machine"],
] as const;
const RULES = ["equal", "same branch", "at least", "superset", "one of", "not", "not", "present"];
const looked = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...FACTS).map((fact) => ({ fact })) },
  { weight: 1, arbitrary: fc.constant({ attribute: "acme/profile" }) },
);
const side = fc.constantFrom("source", "destination", "both");
const requirement = fc.tuple(
  looked,
  fc.record({
    is: fc.constantFrom(...RULES),
    value: oneOrMore(fc.oneof(text, id, fc.constant("558"))),
    side,
  }, { requiredKeys: ["is"] }),
).map(([looked, more]) => ({ ...looked, ...more }));
const policy = fc.record({
  match,
  require: fc.array(requirement, { minLength: 1, maxLength: 2 }),
}, { requiredKeys: ["match"] });

const value = fc.constantFrom("a", "b", "ab", "1.2", "2.0");
const device = fc.record({
  address: fc.constantFrom("0000:3b:00.4", "4dea22b3-1d52-d8f3-2516-782e98ab3fa0"),
  vendor: fc.constantFrom(0x10de, 0x8086),
  driver: fc.record({ name: value, version: value }),
  mdevType: fc.record({ id: value, name: value }),
  firmware: fc.record({ version: value, psid: value }),
  vgpuType: fc.constantFrom(0, 558),
  attributes: fc.record({
    "acme/profile": fc.option(value),
    "nvidia/vgpu_params": value,
    "parent/qat/cfg_services": value,
  }),
  host: value,
  qemu: fc.constantFrom("9.1", "10.0.2"),
  libvirt: value,
  kernel: value,
  nvidiaDriver: value,
  machineTypes: fc.constant(["a", "b"]),
});
const migration: fc.Arbitrary<Migration> = fc.record({
  guest: value,
  machine: fc.constantFrom("pc-q35-9.1", "a"),
  source: device,
  destination: device,
});

function parse(written: object): SiteFile | undefined {
  const rest = { name: "a", title: "T", severity: "veto", message: "M", remedy: "R." };
  return unlessRefused(
    (text) => parseSiteFile("site.yaml", text),
    JSON.stringify({ ...rest, ...written }),
  );
}

function decide({ name, cases: _, ...rules }: SiteFile, given: Migration): Decision {
  return runCase(sitePolicy(name, rules), { name: "x", ...given }).decision;
}

const ALONE = [
  "vendor",
  "driver",
  "mdevType",
  "firmware",
  "vgpuType",
  "attributes",
  "qemu",
  "libvirt",
  "kernel",
  "nvidiaDriver",
  "machineTypes",
] as const satisfies readonly (keyof CaseSide)[];

/** Sides of which one thing less is known, for each that can be taken away alone. */
function weakerSides(side: CaseSide): CaseSide[] {
  const { driver, mdevType, firmware, attributes = {} } = side;
  return [
    // A host without a name has this one.
    { ...side, host: "" },
    ...ALONE.map((key) => ({ ...side, [key]: undefined })),
    ...driver ? [{ ...side, driver: { name: driver.name } }] : [],
    ...mdevType ? [{ ...side, mdevType: { id: mdevType.id } }] : [],
    ...firmware ? [{ ...side, firmware: { psid: firmware.psid } }] : [],
    ...firmware ? [{ ...side, firmware: { version: firmware.version } }] : [],
    ...Object.keys(attributes).map((name) => ({
      ...side,
      attributes: Object.fromEntries(Object.entries(attributes).filter(([key]) => key !== name)),
    })),
  ];
}

function weaker(given: Migration): Migration[] {
  const { source, destination } = given;
  return [
    { ...given, guest: undefined },
    { ...given, machine: undefined },
    ...weakerSides(source).map((source) => ({ ...given, source })),
    ...weakerSides(destination).map((destination) => ({ ...given, destination })),
  ];
}

Deno.test("nothing becomes allow by knowing less", () => {
  const decisions = { allow: 0, veto: 0, undecided: 0 };
  fc.assert(
    fc.property(
      policy,
      migration,
      fc.array(fc.nat(), { maxLength: 4 }),
      (written, given, taken) => {
        const file = parse(written);
        if (file === undefined) return;
        const decision = decide(file, given);
        decisions[decision] += 1;
        if (decision === "allow") return;
        // Each alone, and some of them together.
        const all = weaker(given);
        for (const less of all) assert(decide(file, less) !== "allow", JSON.stringify(less));
        const together = taken.reduce((less, index) => {
          const all = weaker(less);
          return all[index % all.length] ?? less;
        }, given);
        assert(decide(file, together) !== "allow", JSON.stringify(together));
      },
    ),
    { numRuns: 1500 },
  );
  assert(decisions.allow > 50 && decisions.veto > 50, JSON.stringify(decisions));
});
