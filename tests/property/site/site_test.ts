import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import * as v from "valibot";
import { ConfigSchema, parseApplied, writeApplied } from "../../../lib/config/config.ts";
import { parseSiteFile } from "../../../lib/config/site_folder.ts";
import { runSiteCase } from "../../../lib/site/cases.ts";
import { FACT_NAMES, SITE_FACTS } from "../../../lib/site/facts.ts";
import type { SiteFile } from "../../../lib/site/file.ts";
import { matchesGlob } from "../../../lib/site/glob.ts";
import { sitePolicy } from "../../../lib/site/mod.ts";
import { RULES } from "../../../lib/site/rules.ts";
import { isAtLeast, versionNumbers } from "premigrate/policy";
import { unlessRefused } from "../../helpers/config_refusal.ts";

const EXAMPLE = await Deno.readTextFile(
  new URL("../../../examples/policies.d/same-branch.yaml", import.meta.url),
);

function tryParse(text: string): SiteFile | undefined {
  return unlessRefused((text) => parseSiteFile("site.yaml", text), text);
}

const word = fc.constantFrom(
  ...["name", "title", "match", "require", "severity", "cases", "fact", "is", "value", "side"],
  ...["veto", "equal", "one of", "vendor", "0x10de", "driver", "a", "1", "expect", "source"],
  ...[": ", ":\n  ", "\n", "\n  ", "- ", "[", "]", "{", "}", ",", "&a ", "*a", "!!set ", "<<: "],
  ...["|\n", ">\n", "'", '"', "#", "%YAML 1.2\n", "---\n", "...\n", "\t", "\r", "\0", "?", "~"],
);
const yamlText = fc.array(word, { maxLength: 40 }).map((parts) => parts.join(""));

Deno.test("a site's policy is read or refused, whatever it is", () => {
  fc.assert(
    fc.property(fc.oneof(yamlText, fc.string({ unit: "binary" })), (text) => {
      tryParse(text);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("a damaged policy is read or refused", () => {
  const at = fc.nat({ max: EXAMPLE.length });
  fc.assert(
    fc.property(at, fc.nat({ max: 30 }), yamlText, (start, length, text) => {
      tryParse(EXAMPLE.slice(0, start) + text + EXAMPLE.slice(start + length));
    }),
    { numRuns: 300 },
  );
});

const text = fc.constantFrom("a", "b", "1", "2.0", "550.90.07", "prod-*", "{fact}", "\u{1f600}");
const texts = fc.array(text, { minLength: 1, maxLength: 3 });
const number = fc.constantFrom("0x10de", "0x8086", "0", "12");
const kinds = { text, number, version: text, list: texts };
const requirement = fc.tuple(
  fc.constantFrom(...FACT_NAMES),
  fc.constantFrom(...RULES),
  fc.boolean(),
).chain(([fact, is, hasValue]) =>
  fc.record({ fact: fc.constant(fact), is: fc.constant(is), value: kinds[SITE_FACTS[fact].kind] }, {
    requiredKeys: hasValue ? ["fact", "is", "value"] : ["fact", "is"],
  })
);
const side = fc.record({
  vendor: number,
  vgpuType: number,
  driver: text,
  driverVersion: text,
  mdevType: text,
  qatServices: texts,
  machineTypes: texts,
  host: text,
  qemu: fc.constantFrom("9.1", "10.0.2"),
  kernel: text,
}, { requiredKeys: [] });
const file = fc.record({
  name: fc.constantFrom("a", "same-branch"),
  title: text,
  match: fc.record({
    vendor: fc.constantFrom("0x10de", "0x*"),
    driver: fc.oneof(text, texts),
    guest: text,
  }, { requiredKeys: [] }),
  require: fc.array(requirement, { minLength: 1, maxLength: 2 }),
  severity: fc.constantFrom("veto", "warn", "info"),
  message: text,
  remedy: text,
  cases: fc.array(
    fc.record({ name: text, guest: text, source: side, destination: side }, {
      requiredKeys: ["name", "source", "destination"],
    }).map((given) => ({ ...given, expect: "allow" })),
    { minLength: 1, maxLength: 2 },
  ),
});

Deno.test("what is read judges every case, and is applied as it was read", () => {
  let read = 0;
  fc.assert(
    fc.property(file, (written) => {
      const parsed = tryParse(JSON.stringify(written));
      if (parsed === undefined) return;
      read += 1;
      const { name, cases, ...rules } = parsed;
      const policy = sitePolicy(name, rules);
      for (const given of cases) {
        const { findings, decision } = runSiteCase(policy, given);
        for (const { code, policy: id } of findings) {
          assert(Object.hasOwn(policy.codes, code) && id === policy.id, code);
        }
        if (rules.severity !== "veto") assertEquals(decision, "allow");
      }
      const config = { ...v.parse(ConfigSchema, {}), site: { [name]: rules } };
      assertEquals(parseApplied(writeApplied({ deno: "/deno", config })), config);
    }),
    { numRuns: 2000 },
  );
  assert(read > 200, `${read}`);
});

Deno.test("a glob matches what its regular expression matches", () => {
  const part = fc.string({ unit: fc.constantFrom(..."ab*"), maxLength: 8 });
  const whole = fc.string({ unit: fc.constantFrom(..."ab"), maxLength: 12 });
  fc.assert(fc.property(part, whole, (glob, text) => {
    const expected = new RegExp(`^${glob.replaceAll("*", ".*")}$`).test(text);
    assertEquals(matchesGlob(glob, text), expected);
  }));
});

Deno.test("versions are in one order", () => {
  const version = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 5 })
    .map((numbers) => numbers.join("."));
  fc.assert(fc.property(version, version, version, (a, b, c) => {
    assert(isAtLeast(a, a) && (isAtLeast(a, b) || isAtLeast(b, a)));
    if (isAtLeast(a, b) && isAtLeast(b, c)) assert(isAtLeast(a, c));
    assertEquals(versionNumbers(a)?.join("."), a);
  }));
});

Deno.test("of a migration of which nothing is known no policy is silent", () => {
  fc.assert(
    fc.property(file, (written) => {
      const parsed = tryParse(JSON.stringify(written));
      if (parsed === undefined) return;
      const { name, cases: _, ...rules } = parsed;
      const bare = { name: "x", source: {}, destination: {}, expect: "allow" } as const;
      const { findings } = runSiteCase(sitePolicy(name, rules), bare);
      // Of an mdev's type it is known that a PCI function has none.
      const isOfMdev = rules.require?.every(({ fact }) => fact?.startsWith("mdev"));
      assert(findings.length > 0 || isOfMdev, JSON.stringify(written));
    }),
    { numRuns: 2000 },
  );
});
