/**
 * A device's ROM file decides: QEMU makes a RAM block of it, and one of another size or name ends the
 * migration ("Size mismatch: 0000:00:05.0/vfio-cpr-pci.rom: 0x8000 != 0x20000" on QEMU 11.1.3).
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { BUILT_IN, type Facts, parseDomain, Registry } from "premigrate";
import { parseQemuVersion } from "premigrate/policy";
import { judgeArrival } from "../../../lib/hook/arrival.ts";
import { judge } from "premigrate/policy";
import {
  configOf,
  EMULATOR,
  FakeHost,
  FIRST,
  guestXml,
  sourceFacts,
  stamped,
} from "../../helpers/hook_arrivals.ts";
import { HookTree } from "../../helpers/hook_tree.ts";

const NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0";
const ALIAS = "ua-vf";

/** A guest with one device, and its ROM file put in one of the ways that there are. */
function guestWith(rom: string, qemu = ""): string {
  return guestXml([FIRST])
    .replace("</source>", `</source><alias name='${ALIAS}'/>${rom}`)
    .replace("<domain ", `<domain xmlns:qemu='${NAMESPACE}' `)
    .replace("</domain>", `${qemu}</domain>`);
}

function args(...values: readonly string[]): string {
  const all = values.map((value) => `<qemu:arg value='${value}'/>`);
  return `<qemu:commandline>${all.join("")}</qemu:commandline>`;
}

function override(name: string, value: string): string {
  return `<qemu:override><qemu:device alias='${ALIAS}'><qemu:frontend>
    <qemu:property name='${name}' type='string' value='${value}'/>
  </qemu:frontend></qemu:device></qemu:override>`;
}

/** Where a ROM file can be named. */
const WAYS: Readonly<Record<string, (file: string) => string>> = {
  "the element": (file) => guestWith(`<rom file='${file}'/>`),
  "the element, with its BAR on": (file) => guestWith(`<rom bar='on' file='${file}'/>`),
  "an override": (file) => guestWith("", override("romfile", file)),
  "an override of an element": (file) =>
    guestWith("<rom file='/etc/hostname'/>", override("romfile", file)),
  "-global": (file) => guestWith("", args("-global", `vfio-pci.romfile=${file}`)),
  "-global of a type above": (file) => guestWith("", args("-global", `pci-device.romfile=${file}`)),
  "-set": (file) => guestWith("", args("-set", `device.${ALIAS}.romfile=${file}`)),
};

const ROM = "/usr/share/vgabios/t4.rom";
const QEMU = parseQemuVersion("9.2");

function withRom(facts: Facts, romFiles: Facts["host"]["romFiles"], qemu = QEMU): Facts {
  return { ...facts, host: { ...facts.host, qemu, romFiles } };
}

/** Hosts are told apart by libvirt's UUIDs; their devices are free. */
function onHost(facts: Facts, name: string, uuid: string): Facts {
  const devices = facts.devices.map((device) => ({ ...device, inUse: false }));
  return { ...facts, host: { ...facts.host, name, uuid }, devices };
}
const FACTS = sourceFacts([FIRST.source]);
const SOURCE = onHost(FACTS, "hosta", "11111111-1111-4111-8111-111111111111");
const DESTINATION = onHost(FACTS, "hostb", "22222222-2222-4222-8222-222222222222");

function decide(
  xml: string,
  there: number | null | undefined,
  here: number | null | undefined,
  qemu = QEMU,
): string[] {
  const romFiles = (size: number | null | undefined): Facts["host"]["romFiles"] =>
    size === undefined ? {} : { [ROM]: size };
  const { verdict } = judge({
    registry: Registry.from(BUILT_IN),
    source: withRom(SOURCE, romFiles(there)),
    destination: withRom(DESTINATION, romFiles(here), qemu),
    guest: parseDomain(xml),
  });
  const codes = verdict.findings.filter(({ severity }) =>
    severity === "veto" || severity === "undecided"
  );
  return [verdict.decision, ...codes.map(({ code }) => code)];
}

for (const [way, write] of Object.entries(WAYS)) {
  Deno.test(`F3: a ROM file, named by ${way}`, () => {
    const xml = write(ROM);
    assertEquals(decide(xml, 32_768, 131_072), ["veto", "rom-file-differs"]);
    assertEquals(decide(xml, 131_072, 32_768), ["veto", "rom-file-differs"]);
    assertEquals(decide(xml, 32_768, null), ["veto", "rom-file-missing"]);
    assertEquals(decide(xml, 32_768, 0), ["veto", "rom-file-refused"]);
    assertEquals(decide(xml, undefined, 32_768), ["undecided", "rom-file-unknown"]);
    assertEquals(decide(xml, 32_768, undefined), ["undecided", "rom-file-unknown"]);
    assertEquals(decide(xml, undefined, undefined), ["undecided", "rom-file-unknown"]);
    assertEquals(decide(xml, null, 32_768), ["undecided", "rom-file-unknown"]);
    assertEquals(
      decide(xml, 32_768, 32_768, parseQemuVersion("10.1")),
      ["veto", "rom-block-unknown"],
    );
    // Files that QEMU makes the same ROM of.
    assertEquals(decide(xml, 32_768, 32_768), ["allow"]);
    assertEquals(decide(xml, 17_000, 32_768), ["allow"]);
  });
}

const UNREADABLE = [
  "t4.rom",
  "vgabios/t4.rom",
  "/my roms/t4.rom",
  "/usr/../t4.rom",
  "/t4&quot;.rom",
];
for (const file of UNREADABLE) {
  Deno.test(`F3: of the ROM file ${file} nobody is asked, and nothing is known`, () => {
    const xml = guestWith(`<rom file="${file}"/>`);
    assertEquals(decide(xml, undefined, undefined), ["undecided", "rom-file-unknown"]);
  });
}

Deno.test("F3: a guest without a ROM file, or whose ROM firmware gets, needs to know of none", () => {
  for (const rom of ["", "<rom enabled='no'/>", `<rom bar='off' file='${ROM}'/>`]) {
    assertEquals(decide(guestWith(rom), undefined, undefined), ["allow"]);
  }
});

Deno.test("F3: romsize takes the file's place where QEMU does not look for it", () => {
  const xml = (size: string): string =>
    guestWith(`<rom file='${ROM}'/>`, override("romsize", size));
  assertEquals(decide(xml("65536"), undefined, undefined), ["allow"]);
  assertEquals(decide(xml("60000"), 1, 1).at(0), "veto");
});

Deno.test("F3: the hook asks for the file that its guest has, and for no other", async () => {
  using host = await new FakeHost().addFunctions(FIRST.source).know();
  const file = `${host.root}/t4.rom`;
  const bare = guestWith(`<rom file='${file}'/>`).replace(
    "<devices>",
    `<metadata><x:a xmlns:x='urn:x'><rom file='/etc/shadow'/></x:a></metadata><devices>`,
  );
  const facts = (size: number | null | undefined): Facts =>
    withRom(SOURCE, size === undefined ? undefined : { [file]: size });
  const arrive = async (size: number | null | undefined): Promise<string[]> => {
    const xml = await stamped(bare, [FIRST], { facts: facts(size) });
    const first = await judgeArrival(parseDomain(xml), await host.arrival(xml), configOf());
    assert("ask" in first, "one round was enough");
    assertEquals(first.ask, ["--emulator", EMULATOR, "--file", file, FIRST.source]);
    const again = await host.arrival(xml, first.ask, { round: 2 });
    const found = await judgeArrival(parseDomain(xml), again, configOf());
    assert("answer" in found);
    const { decision, findings } = found.answer.verdict;
    const codes = findings.flatMap(({ code }) => code.startsWith("rom-") ? [code] : []);
    return [decision, ...codes];
  };
  assertEquals(await arrive(32_768), ["veto", "rom-file-missing"]);
  await Deno.writeFile(file, new Uint8Array(131_072));
  assertEquals(await arrive(32_768), ["veto", "rom-file-differs"]);
  assertEquals(await arrive(undefined), ["undecided", "rom-file-unknown"]);
  await Deno.writeFile(file, new Uint8Array(30_000));
  assertEquals(await arrive(32_768), ["allow"]);
  await Deno.remove(file);
  await Deno.mkdir(file);
  assertEquals(await arrive(32_768), ["undecided", "rom-file-unknown"]);
});

Deno.test("F3: the launcher asks the probe a second time, with the file", async () => {
  using tree = await HookTree.make();
  const file = `${tree.root}/t4.rom`;
  const xml = (await tree.xml({ machine: "pc-q35-9.1" }))
    .replace("</source>", `</source><rom file='${file}'/>`);
  assert(xml.includes(file));
  await Deno.writeFile(file, new Uint8Array(32_768));
  const unknown = await tree.migrate(xml);
  assertEquals([unknown.code, unknown.stdout], [1, ""]);
  assertStringIncludes(unknown.stderr, "premigrate: UNDECIDED");
  // The stamp tells nothing of it, and the destination is known.
  assertStringIncludes(unknown.stderr, "this is not known: the file's size on the source");
  await Deno.remove(file);
  const missing = await tree.migrate(xml);
  assertEquals([missing.code, missing.stdout], [1, ""]);
  assertStringIncludes(missing.stderr, "premigrate: VETO");
  assertStringIncludes(missing.stderr, `There is no ROM file ${file} on hostb`);
});
