/** What a site's policy says of a migration. */
import { assert, assertEquals } from "@std/assert";
import { fillMessage } from "premigrate/policy";
import { outcomeOf, runSiteCase } from "../../../lib/site/cases.ts";
import type { SiteCase } from "../../../lib/site/file.ts";
import { matchesGlob } from "../../../lib/site/glob.ts";
import { FACT_NAMES, SITE_FACTS } from "../../../lib/site/facts.ts";
import { isOfGuest, sitePolicy } from "../../../lib/site/mod.ts";
import { RULES } from "../../../lib/site/rules.ts";
import { parseSiteFile } from "../../../lib/config/site_folder.ts";
import { versionNumbers } from "premigrate/policy";

type Sides = Pick<SiteCase, "guest" | "machine" | "source" | "destination">;

const REST = "title: T\nremedy: R.\n";
const MESSAGE = "M {source} {destination} {wanted} {fact} {side}.";

interface Found {
  readonly outcome: SiteCase["expect"];
  readonly codes: readonly string[];
  readonly messages: readonly string[];
}

/** What a policy of these lines finds. */
function find(
  lines: string,
  sides: Partial<Sides>,
  severity = "veto",
  message = MESSAGE,
): Found {
  const text = `name: test\n${REST}message: "${message}"\nseverity: ${severity}\n${lines}`;
  const { name, cases: _, ...rules } = parseSiteFile("test.yaml", text);
  const policy = sitePolicy(name, rules);
  const given = { name: "x", source: {}, destination: {}, expect: "allow", ...sides } as const;
  const verdict = runSiteCase(policy, given);
  return {
    outcome: outcomeOf(verdict),
    codes: verdict.findings.map(({ code }) => code),
    messages: verdict.findings.map(({ code, data }) =>
      fillMessage(policy.codes[code]?.message ?? "", data)
    ),
  };
}

const RULE_CASES: readonly (readonly [
  requirement: string,
  source: Sides["source"],
  destination: Sides["destination"],
  code: string,
])[] = [
  ["fact: driver, is: equal", { driver: "a" }, { driver: "a" }, ""],
  ["fact: driver, is: equal", { driver: "a" }, { driver: "A" }, "not-met"],
  ["fact: driver, is: equal", { driver: "a" }, {}, "not-known"],
  ["fact: driver, is: equal", {}, { driver: "a" }, "not-known"],
  ["fact: driver, is: equal", {}, {}, "not-known not-known"],
  ["fact: driver, is: equal", { driver: "" }, { driver: "" }, ""],
  ["fact: driver, is: equal", { driver: "" }, { driver: "a" }, "not-met"],
  ["fact: driver, is: equal, value: a", {}, { driver: "a" }, ""],
  ["fact: driver, is: equal, value: a", { driver: "a" }, { driver: "b" }, "not-met"],
  ["fact: driver, is: equal, value: a, side: source", { driver: "a" }, {}, ""],
  ["fact: driver, is: equal, value: a, side: source", {}, { driver: "a" }, "not-known"],
  ["fact: driver, is: equal, value: a, side: both", { driver: "a" }, { driver: "a" }, ""],
  [
    "fact: driver, is: equal, value: a, side: both",
    { driver: "b" },
    { driver: "b" },
    "not-met not-met",
  ],
  ["fact: driver, is: equal, value: a, side: both", {}, { driver: "b" }, "not-known not-met"],
  ["fact: vendor, is: equal, value: 4318", {}, { vendor: "0x10de" }, ""],
  ["fact: class, is: equal, value: 0x30200", {}, { class: "0x030200" }, ""],
  ["fact: vgpuType, is: equal", { vgpuType: "558" }, { vgpuType: "559" }, "not-met"],
  ["fact: vgpuType, is: present", {}, { vgpuType: "0" }, "not-met"],
  ["fact: qatServices, is: equal", { qatServices: ["a", "b"] }, { qatServices: ["b", "a"] }, ""],
  ["fact: qatServices, is: equal", { qatServices: ["a"] }, { qatServices: ["a", "b"] }, "not-met"],
  ["fact: qatServices, is: superset", { qatServices: ["a"] }, { qatServices: ["a", "b"] }, ""],
  [
    "fact: qatServices, is: superset",
    { qatServices: ["a", "b"] },
    { qatServices: ["a"] },
    "not-met",
  ],
  ["fact: qatServices, is: superset, value: [a, c]", {}, { qatServices: ["a", "b"] }, "not-met"],
  ["fact: machineTypes, is: superset, value: q35", {}, { machineTypes: ["q35", "pc"] }, ""],
  ["fact: driver, is: one of, value: [a, b]", {}, { driver: "b" }, ""],
  ["fact: driver, is: one of, value: [a, b]", {}, { driver: "c" }, "not-met"],
  ["fact: driver, is: one of, value: [a, b]", {}, { driver: "" }, "not-met"],
  ["fact: driver, is: one of, value: [a, b]", {}, {}, "not-known"],
  ["fact: mdevName, is: one of, value: ['*Q', '*q']", {}, { mdevName: "A40-8Q" }, ""],
  ["fact: mdevName, is: one of, value: ['*Q', '*q']", {}, { mdevName: "A40-8C" }, "not-met"],
  ["fact: mdevName, is: one of, value: '*Q'", {}, { mdevType: "nvidia-558" }, "not-known"],
  ["fact: mdevType, is: not, value: 'nvidia-*'", {}, { mdevName: "A40-8Q" }, "not-known"],
  ["fact: driver, is: not, value: 'nvidia*'", {}, { driverVersion: "550.54.16" }, "not-known"],
  ["fact: nvidiaDriver, is: one of, value: 550.*", {}, { nvidiaDriver: "550.54.16" }, ""],
  ["fact: nvidiaDriver, is: one of, value: 550", {}, { nvidiaDriver: "550.54.16" }, "not-met"],
  ["fact: vendor, is: one of, value: [0x10*, 4098]", {}, { vendor: "0x10de" }, ""],
  ["fact: vendor, is: one of, value: [0x10*, 4098]", {}, { vendor: "0x1002" }, ""],
  ["fact: vendor, is: one of, value: 0x8*", {}, { vendor: "0x10de" }, "not-met"],
  ["fact: host, is: not, value: test-*", { host: "test-1" }, { host: "b" }, ""],
  ["fact: host, is: not, value: test-*", { host: "a" }, { host: "test-1" }, "not-met"],
  ["fact: host, is: not, value: [a, b]", {}, { host: "b" }, "not-met"],
  ["fact: host, is: not, value: test-*, side: both", { host: "test-1" }, { host: "b" }, "not-met"],
  ["fact: host, is: not, value: test-*", { host: "a" }, {}, "not-known"],
  ["fact: host, is: not, value: test-*", { host: "a" }, { host: "unnamed" }, "not-known"],
  ["fact: vendor, is: not, value: 4318", {}, { vendor: "0x10de" }, "not-met"],
  ["fact: vgpuType, is: not, value: 558", {}, { vgpuType: "0" }, ""],
  ["fact: qatServices, is: not, value: dc*", {}, { qatServices: ["sym", "dcc"] }, "not-met"],
  ["fact: qatServices, is: not, value: dc*", {}, { qatServices: ["sym"] }, ""],
  ["attribute: acme/x, is: equal", { attributes: { "acme/x": "a" } }, {}, "not-known"],
  [
    "attribute: acme/x, is: equal",
    { attributes: { "acme/x": "a" } },
    { attributes: { "acme/x": "b" } },
    "not-met",
  ],
  ["attribute: acme/x, is: present", {}, { attributes: { "acme/x": "" } }, "not-met"],
  ["attribute: acme/x, is: at least, value: 2", {}, { attributes: { "acme/x": "10" } }, ""],
  ["attribute: acme/x, is: not, value: a*", {}, { attributes: { "acme/y": "b" } }, "not-known"],
  ["fact: driver, is: present", {}, { driver: "a" }, ""],
  ["fact: driver, is: present", {}, { driver: "" }, "not-met"],
  ["fact: driver, is: present", { driver: "a" }, {}, "not-known"],
  ["fact: driver, is: present, side: both", { driver: "a" }, {}, "not-known"],
  ["fact: nvidiaDriver, is: same branch", { nvidiaDriver: "550.9" }, { nvidiaDriver: "550" }, ""],
  [
    "fact: nvidiaDriver, is: same branch",
    { nvidiaDriver: "550.90.07" },
    { nvidiaDriver: "55.0" },
    "not-met",
  ],
  ["fact: nvidiaDriver, is: same branch, value: 550", {}, { nvidiaDriver: "550.54.16" }, ""],
  [
    "fact: nvidiaDriver, is: same branch",
    { nvidiaDriver: "r550" },
    { nvidiaDriver: "550" },
    "not-comparable",
  ],
  ["fact: kernel, is: same branch", { kernel: "5.14.0-1" }, { kernel: "5.15.0-1" }, "not-met"],
  ["fact: kernel, is: at least", { kernel: "5.14.0-427.el9" }, { kernel: "5.14.0-503.el9" }, ""],
  ["fact: kernel, is: at least", { kernel: "5.14.0-503" }, { kernel: "5.14.0-427" }, "not-met"],
  ["fact: kernel, is: at least, value: 5.9", {}, { kernel: "5.14" }, ""],
  ["fact: kernel, is: at least, value: 5.14.0", {}, { kernel: "5.14" }, ""],
  ["fact: qemu, is: at least, value: 9.10", {}, { qemu: "9.2.1" }, "not-met"],
  [
    "fact: firmware, is: at least",
    { firmware: "22.36.1010" },
    { firmware: "22.4.1010" },
    "not-met",
  ],
  [
    "fact: driverVersion, is: at least",
    { driverVersion: "" },
    { driverVersion: "1" },
    "not-comparable",
  ],
  ["fact: mdevType, is: equal", { mdevType: "a" }, { mdevType: "a" }, ""],
  ["fact: mdevType, is: equal", { mdevType: "a" }, {}, "not-met"],
  ["fact: mdevName, is: equal", { mdevType: "a" }, { mdevType: "a" }, "not-known not-known"],
  ["fact: psid, is: equal", { psid: "x" }, { psid: "y" }, "not-met"],
  ["fact: libvirt, is: at least, value: 9", {}, { libvirt: "10.0.0" }, ""],
  ["fact: host, is: one of, value: [b, c]", { host: "a" }, { host: "b" }, ""],
  ["fact: host, is: one of, value: [b, c]", {}, {}, "not-known"],
  ["fact: vgpuParams, is: equal", { vgpuParams: "a=1" }, { vgpuParams: "a=1" }, ""],
  ["fact: device, is: equal", { device: "0x1eb8" }, { device: "0x1eb9" }, "not-met"],
];

for (const [requirement, source, destination, code] of RULE_CASES) {
  const shown = `${JSON.stringify(source)} and ${JSON.stringify(destination)}`;
  Deno.test(`{${requirement}} of ${shown}: ${code || "met"}`, () => {
    const { codes, messages } = find(`match: {}\nrequire: [{${requirement}}]\n`, {
      source,
      destination,
    });
    assertEquals(codes.toSorted().join(" "), code);
    for (const message of messages) assert(!/[{}]|undefined|\.$/.test(message), message);
  });
}

Deno.test("every rule and every fact has a case", () => {
  const text = RULE_CASES.map(([requirement]) => requirement).join("\n");
  assertEquals(RULES.filter((rule) => !text.includes(`is: ${rule}`)), []);
  const facts = FACT_NAMES.filter((name) => SITE_FACTS[name].of !== "guest");
  assertEquals(facts.filter((name) => !new RegExp(`fact: ${name}\\b`).test(text)), []);
});

const MATCHES: readonly (readonly [match: string, sides: Partial<Sides>, code: string])[] = [
  ["vendor: 0x10de", { source: { vendor: "0x10de" } }, "not-met"],
  ["vendor: 0x10de", { destination: { vendor: "0x10de" } }, "not-met"],
  ["vendor: [0x8086, 0x10de]", { source: { vendor: "0x10de" } }, "not-met"],
  ["vendor: 0x8086", { source: { vendor: "0x10de" } }, "match-not-known"],
  ["vendor: 0x8086", { source: { vendor: "0x10de" }, destination: { vendor: "0x10de" } }, ""],
  ["vendor: 0x8086", {}, "match-not-known"],
  ["device: 0x1e*", { source: { device: "0x1eb8" } }, "not-met"],
  ["class: 0x03*", { source: { class: "0x030200" } }, "not-met"],
  ["class: 0x030200", { source: { class: "0x030000" }, destination: { class: "0x020000" } }, ""],
  ["driver: mlx5*", { source: { driver: "mlx5_vfio_pci" } }, "not-met"],
  ["driver: mlx5*", { source: { driver: "vfio-pci" } }, "match-not-known"],
  ["mdevType: nvidia-*", { source: { mdevType: "nvidia-558" } }, "not-met"],
  ["mdevType: '*-8Q'", { source: { mdevType: "nvidia-558", mdevName: "A40-8Q" } }, "not-met"],
  ["mdevType: nvidia-*", {}, ""],
  ["host: hosta", { source: { host: "hosta" } }, "not-met"],
  ["host: hosta", { source: { host: "hostb" }, destination: { host: "hostc" } }, ""],
  ["guest: prod-*", { guest: "prod-1" }, "not-met"],
  ["guest: prod-*", { guest: "test-1" }, ""],
  ["guest: prod-*", {}, "match-not-known"],
  ["machine: pc-i440fx-*", { machine: "pc-i440fx-9.0" }, "not-met"],
  ["guest: prod-*, vendor: 0x10de", { guest: "test-1" }, ""],
  ["guest: p*, not: {guest: prod-*}", { guest: "p-1" }, "not-met"],
  ["guest: p*, not: {guest: prod-*}", { guest: "prod-1" }, ""],
  ["not: {guest: prod-*}", { guest: "test-1" }, "not-met"],
  ["not: {guest: prod-*}", { guest: "prod-1" }, ""],
  ["not: {guest: prod-*}", {}, "match-not-known"],
  ["vendor: 0x8086, not: {guest: prod-*}", { source: { vendor: "0x8086" } }, "match-not-known"],
  [
    "not: {vendor: 0x10de, driver: nvidia}",
    { source: { vendor: "0x10de" }, destination: { vendor: "0x10de", driver: "nvidia" } },
    "match-not-known",
  ],
  [
    "not: {vendor: 0x10de, driver: nvidia}",
    { source: { vendor: "0x10de", driver: "x" }, destination: { vendor: "0x10de" } },
    "not-met",
  ],
  [
    "not: {host: [a, b]}",
    { source: { host: "a" }, destination: { host: "b" } },
    "",
  ],
  ["not: {host: a}", { source: { host: "a" }, destination: { host: "b" } }, "not-met"],
  [
    "vendor: 0x10de, driver: nvidia",
    { source: { vendor: "0x10de", driver: "x" }, destination: { vendor: "0x8086" } },
    "",
  ],
  [
    "vendor: 0x10de, driver: nvidia",
    { source: { vendor: "0x10de" }, destination: { vendor: "0x8086" } },
    "match-not-known",
  ],
];

for (const [match, sides, code] of MATCHES) {
  Deno.test(`{${match}} and ${JSON.stringify(sides)}: ${code || "not for it"}`, () => {
    const lines = `match: {${match}}\nrequire: [{fact: psid, is: equal, value: none}]\n`;
    const { codes } = find(lines, {
      ...sides,
      source: { psid: "x", ...sides.source },
      destination: { psid: "x", ...sides.destination },
    });
    assertEquals(codes.join(" "), code);
  });
}

Deno.test("a policy that only warns refuses nothing, whatever is not known", () => {
  const lines = "match: {}\nrequire: [{fact: driver, is: equal}]\n";
  for (const severity of ["warn", "info"]) {
    assertEquals(find(lines, {}, severity).outcome, severity);
    const sides = { source: { driver: "a" }, destination: { driver: "b" } };
    assertEquals(find(lines, sides, severity).outcome, severity);
  }
  assertEquals(find(lines, {}).outcome, "undecided");
});

Deno.test("a policy that requires nothing is never met", () => {
  const lines = "match: {guest: db-*, not: {guest: db-test-*}}\n";
  const message = "{guest}: {sourceHost} to {destinationHost}, {machine}";
  const sides = { source: { host: "a" }, destination: { host: "b" } };
  const found = (guest: string | undefined, severity: string): Found =>
    find(lines, { ...sides, guest }, severity, message);
  assertEquals(found("db-1", "veto"), {
    outcome: "veto",
    codes: ["not-met"],
    messages: ["db-1: a to b, not known"],
  });
  assertEquals(found("db-1", "warn").outcome, "warn");
  assertEquals(found("db-test-1", "veto").outcome, "allow");
  assertEquals(found("web", "veto").outcome, "allow");
  assertEquals(found(undefined, "veto").codes, ["match-not-known"]);
  assertEquals(find("match: {}\n", {}, "veto", "M").outcome, "veto");
});

Deno.test("what a message does not speak of is no data of a finding", () => {
  const lines = "match: {}\nrequire: [{fact: kernel, is: equal}]\n";
  const sides = { guest: "db-1", source: { kernel: "1" }, destination: { kernel: "2" } };
  assertEquals(find(lines, sides, "veto", "{guest}: {source}").messages, ["db-1: 1"]);
});

Deno.test("all that is wanted is looked at, and each is a finding with its values", () => {
  const lines = "match: {vendor: 0x10de}\nrequire:\n- {fact: driver, is: equal}\n" +
    "- {fact: machineTypes, is: superset}\n- {fact: kernel, is: present}\n";
  const { outcome, messages } = find(lines, {
    source: { vendor: "0x10de", driver: "a", machineTypes: ["q35", "pc", "virt"] },
    destination: { driver: "b", machineTypes: ["pc"], kernel: "" },
  });
  assertEquals(outcome, "veto");
  assertEquals(messages, [
    "M a b a driver destination",
    "M q35, pc, virt pc q35, virt machineTypes destination",
    "M not known none none kernel destination",
  ]);
});

Deno.test("a policy that names nothing of a device is on the guest as a whole", () => {
  const [host, driver] = [
    "match: {guest: x}\nrequire: [{fact: kernel, is: equal}]\n",
    "match: {guest: x}\nrequire: [{fact: driver, is: equal}]\n",
  ].map((lines) => {
    const { name: _, cases: __, ...rules } = parseSiteFile(
      "a.yaml",
      `name: a\n${REST}message: M\nseverity: veto\n${lines}`,
    );
    return rules;
  });
  assert(host !== undefined && driver !== undefined);
  assertEquals([isOfGuest(host), isOfGuest(driver)], [true, false]);
  assertEquals(isOfGuest({ ...host, match: { guest: ["x"], not: { driver: ["a"] } } }), false);
  assertEquals(isOfGuest({ ...host, require: undefined }), true);
  assertEquals(sitePolicy("a", host).judgesBytesAlone, false);
});

const GLOBS: readonly (readonly [glob: string, text: string, matches: boolean])[] = [
  ["", "", true],
  ["", "a", false],
  ["a", "a", true],
  ["a", "ab", false],
  ["*", "", true],
  ["a*", "a", true],
  ["*a", "ba", true],
  ["a*a", "a", false],
  ["a*a", "aa", true],
  ["a*b*c", "axbxbxc", true],
  ["a*b*c", "acb", false],
  ["*.*", "a.b", true],
  ["a.c", "abc", false],
  ["[a]", "a", false],
];

for (const [glob, text, matches] of GLOBS) {
  Deno.test(`glob ${glob} and ${text}: ${matches}`, () => {
    assertEquals(matchesGlob(glob, text), matches);
  });
}

Deno.test("a glob that would hang a regular expression does not", () => {
  assert(!matchesGlob(`${"*a".repeat(120)}*b`, "a".repeat(100_000)));
});

const VERSIONS: readonly (readonly [text: string, numbers: string])[] = [
  ["", ""],
  ["v9", ""],
  ["9", "9"],
  ["9.", "9"],
  ["24.04-0.7.0", "24,4,0,7,0"],
  ["5.14.0-427.el9.x86_64", "5,14,0,427"],
  ["550.90.07", "550,90,7"],
  ["1.2.3.4.5.6.7.8.9", "1,2,3,4,5,6,7,8"],
];

for (const [text, numbers] of VERSIONS) {
  Deno.test(`the numbers of version ${text}: ${numbers}`, () => {
    assertEquals(`${versionNumbers(text) ?? ""}`, numbers);
  });
}
