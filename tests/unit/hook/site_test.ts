/** A site's policies in the hook, also on guests without host devices. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parseDomain } from "premigrate";
import { setMetadata } from "premigrate/domain";
import { STAMP_NAMESPACE, writeOfflineMark } from "../../../lib/facts/mod.ts";
import { judgeArrival } from "../../../lib/hook/arrival.ts";
import {
  type Config,
  judgesPlainGuests,
  parseApplied,
  writeApplied,
} from "../../../lib/config/config.ts";
import {
  configOf,
  EMULATOR,
  FakeHost,
  FIRST,
  guestXml,
  NOW,
  sourceFacts,
  stamped,
} from "../../helpers/hook_arrivals.ts";
import { HookTree } from "../../helpers/hook_tree.ts";
import { siteOf } from "../../helpers/site_rules.ts";

const QEMU_10 = "fact: qemu, is: at least, value: 10.0";
const QEMU_9 = "fact: qemu, is: at least, value: 9.0";
const SAME_QEMU = "fact: qemu, is: equal";
const DRIVER = "fact: driver, is: equal, value: mlx5_vfio_pci";

const mark = (xml: string): string =>
  setMetadata(
    xml,
    parseDomain(xml),
    STAMP_NAMESPACE,
    writeOfflineMark(new Date(NOW).toISOString()),
  );
const NETWORK = "<interface type='network'><source network='default'/></interface>";

const PLAIN: readonly (readonly [
  name: string,
  site: NonNullable<Config["site"]>,
  xml: () => string | Promise<string>,
  wanted: string,
])[] = [
  ["what the destination has not", siteOf(QEMU_10), () => guestXml([]), "veto site/test not-met"],
  ["what it has", siteOf(QEMU_9), () => guestXml([]), "allow"],
  ["that of another guest", siteOf(QEMU_10, "{guest: prod-*}"), () => guestXml([]), "allow"],
  ["its own", siteOf(QEMU_10, "{guest: vm*}"), () => guestXml([]), "veto site/test not-met"],
  [
    "a machine type",
    siteOf("fact: machine, is: one of, value: [pc-q35-9.0]"),
    () => guestXml([]),
    "veto site/test not-met",
  ],
  [
    "what only the source tells",
    siteOf(SAME_QEMU),
    () => guestXml([]),
    "undecided site/test not-known",
  ],
  [
    "what the stamp tells of the source",
    siteOf(SAME_QEMU),
    () => stamped(guestXml([]), [], { facts: sourceFacts([]) }),
    "veto site/test not-met",
  ],
  ["a policy on devices alone", siteOf(DRIVER), () => guestXml([]), "allow"],
  ["a guest that is shut off", siteOf(QEMU_10), () => mark(guestXml([])), "allow"],
  [
    "a network that is no pool",
    siteOf(QEMU_10),
    () => guestXml([], { devices: NETWORK }),
    "veto site/test not-met",
  ],
];

async function decide(
  xml: string,
  site: NonNullable<Config["site"]>,
  { host, probed, choices = {} }: { host: FakeHost; probed?: string; choices?: unknown },
): Promise<string> {
  const arrival = await host.arrival(xml, ["--emulator", EMULATOR]);
  const asked = probed === undefined ? arrival : { ...arrival, probed };
  const guest = parseDomain(xml, { default: "plain" });
  const found = await judgeArrival(guest, asked, { ...configOf(choices), site });
  if ("ask" in found) return "asks";
  const { decision, findings } = found.answer.verdict;
  const deciding = findings.filter(({ severity }) =>
    severity === "veto" || severity === "undecided"
  );
  return [decision, ...deciding.map(({ policy, code }) => `${policy} ${code}`)].join(" ");
}

for (const [name, site, xml, wanted] of PLAIN) {
  Deno.test(`a guest without host devices, and ${name}: ${wanted}`, async () => {
    using host = await new FakeHost().know();
    assertEquals(await decide(await xml(), site, { host }), wanted);
  });
}

Deno.test("a guest without host devices, and a host that cannot be read", async () => {
  using host = await new FakeHost().know();
  const xml = guestXml([]);
  const found = (site: NonNullable<Config["site"]>): Promise<string> =>
    decide(xml, site, { host, probed: "" });
  assertEquals(await found(siteOf(QEMU_10)), "undecided site/test not-known");
  assertEquals(await found(siteOf(QEMU_10, "{guest: prod-*}")), "allow");
  assertEquals(await found(siteOf(DRIVER)), "allow");
});

Deno.test("a policy that is off judges no guest without host devices", async () => {
  using host = await new FakeHost().know();
  const choices = { policies: { "site/test": { mode: "off" } } };
  assertEquals(await decide(guestXml([]), siteOf(QEMU_10), { host, choices }), "allow");
});

Deno.test("a guest with a device is judged by both kinds of policies, once by that on the guest", async () => {
  using host = await new FakeHost().addFunctions(FIRST.source).know();
  const xml = await stamped(guestXml([FIRST]), [FIRST]);
  const [{ test }, { test: other }] = [siteOf(QEMU_10), siteOf(DRIVER)];
  assert(test !== undefined && other !== undefined);
  const found = await judgeArrival(parseDomain(xml), await host.arrival(xml), {
    ...configOf(),
    site: { test, other },
  });
  assert(!("ask" in found));
  const { findings, ran } = found.answer.verdict;
  assertEquals(
    findings.filter(({ severity }) => severity === "veto").map(({ policy, device }) => [
      policy,
      device,
    ]),
    [["site/test", undefined], ["site/other", "hostdev0"]],
  );
  assertEquals(ran.filter(({ policy }) => policy === "site/test"), [{ policy: "site/test" }]);
});

Deno.test("a guest whose stamp is missing is judged by what is known of the destination", async () => {
  using host = await new FakeHost().addFunctions(FIRST.source).know();
  const xml = guestXml([FIRST]);
  const found = await judgeArrival(parseDomain(xml), await host.arrival(xml), {
    ...configOf(),
    site: siteOf(QEMU_10),
  });
  assert(!("ask" in found));
  const { findings } = found.answer.verdict;
  assertEquals(findings.map(({ code }) => code), ["not-met", "no-stamp"]);
});

Deno.test("the launcher is told of policies on guests as a whole, and of no others", () => {
  const lineOf = (requirement: string, choices: unknown = {}): boolean => {
    const config = { ...configOf(choices), site: siteOf(requirement) };
    const text = writeApplied({ deno: "/usr/bin/deno", config });
    assertEquals(parseApplied(text), config);
    const has = text.split("\n").includes("plain-guests yes");
    assertEquals(has, judgesPlainGuests(config));
    return has;
  };
  assertEquals(lineOf(QEMU_10), true);
  assertEquals(lineOf(DRIVER), false);
  assertEquals(lineOf(QEMU_10, { policies: { "site/test": { mode: "off" } } }), false);
  assertEquals(lineOf(QEMU_10, { policies: { "site/test": { mode: "observe" } } }), true);
});

Deno.test("through the launcher: a site's veto is three lines, and in the audit", async () => {
  using tree = await HookTree.make();
  await tree.apply({}, undefined, siteOf(DRIVER));
  const xml = await tree.xml({ machine: "pc-q35-9.1" });
  const { code, stderr } = await tree.migrate(xml);
  assertEquals(code, 1, stderr);
  assertMatch(stderr, /^premigrate: VETO hostdev0 .* \(The site wants: as the site has it\)\n/);
  const [line] = await tree.audit();
  assertStringIncludes(JSON.stringify(line?.["codes"]), "site/test not-met");
  await tree.apply({ policies: { "site/test": { mode: "observe" } } }, undefined, siteOf(DRIVER));
  assertEquals((await tree.migrate(xml)).code, 0);
});

Deno.test("through the launcher: a guest without host devices is judged where a policy is on it", async () => {
  using tree = await HookTree.make();
  const xml = guestXml([], { emulator: `${tree.root}/emulator` });
  const nothing = { code: 0, stdout: "", stderr: "" };
  for (const site of [{}, siteOf(DRIVER)]) {
    await tree.apply({}, undefined, site);
    assertEquals(await tree.migrate(xml), nothing);
    assertEquals(await tree.audit(), []);
  }
  await tree.apply({}, undefined, siteOf(QEMU_10, "{guest: vm*}"));
  const { code, stderr } = await tree.migrate(xml);
  assertEquals(code, 1, stderr);
  assertMatch(
    stderr,
    /^premigrate: VETO: It is 9\.1\.0 \(The site wants: as the site has it\)\nChoose/,
  );
  await tree.apply({}, undefined, siteOf(QEMU_10, "{guest: prod-*}"));
  assertEquals(await tree.migrate(xml), nothing);
  assertEquals((await tree.audit()).map((line) => line["effect"]), ["refused", "allowed"]);
  // What is broken refuses such a guest only while there is such a policy.
  await Deno.remove(`${tree.root}/usr/lib/premigrate/hook.js`);
  assertEquals((await tree.migrate(xml)).code, 1);
  await tree.apply({}, undefined, siteOf(DRIVER));
  assertEquals(await tree.migrate(xml), nothing);
});
