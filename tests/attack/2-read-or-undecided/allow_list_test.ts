/** What is not known of a host device is undecided by its name, and makes nothing better. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseDomain } from "premigrate";
import { wantDevices } from "../../../lib/policy/guest.ts";
import { ALIAS, args, decide, documentWith, override, type Parts } from "./documents.ts";

const KNOWN: readonly (readonly [name: string, parts: Parts])[] = [
  ["all that a PCI function may have", {
    attributes: "display='off'",
    inside: "<driver name='vfio' model='nvidia-vgpu-vfio'/><boot order='1' loadparm='a'/>" +
      "<rom bar='off'/><acpi index='3'/>",
  }],
  ["no iommufd", { inside: "<driver name='vfio' iommufd='no'/>" }],
  ["comments and declarations", { inside: "<!-- <new/> -->", attributes: "xmlns:x='urn:x'" }],
];

for (const [name, parts] of KNOWN) {
  Deno.test(`elements of a host device: ${name}`, () => {
    assertEquals(decide(documentWith(parts)), { decision: "allow", codes: [] });
  });
}

const UNKNOWN: readonly (readonly [parts: Parts, name: string])[] = [
  [{ inside: "<new/>" }, "new"],
  [{ inside: "<x:rom xmlns:x='urn:x' bar='off'/>" }, "x:rom"],
  [{ attributes: "new='1'" }, "@new"],
  [{ inside: "<driver name='vfio' iommufd='yes'/>" }, "driver/@iommufd"],
  [{ inside: "<driver name='kvm'/>" }, "driver/@name"],
  [{ inside: "<driver><new/></driver>" }, "driver/new"],
  [{ inside: "<rom bar='off' size='4096'/>" }, "rom/@size"],
  [{ inside: "<teaming type='persistent' new='1'/>" }, "teaming/@new"],
  [{ inside: "<alias name='x'><new/></alias>" }, "alias/new"],
];

for (const [parts, name] of UNKNOWN) {
  Deno.test(`elements of a host device: ${name} is undecided by its name`, () => {
    const codes = [`element-not-understood: ${name}`];
    assertEquals(decide(documentWith(parts)), { decision: "undecided", codes });
    const old = decide(documentWith({ ...parts, machine: "pc-q35-9.0" }));
    assertEquals(old.decision, "veto");
  });
}

Deno.test("elements of an interface that is a host device", () => {
  const source =
    "<source><address type='pci' domain='0x0000' bus='0x3b' slot='0x00' function='0x4'/>";
  const withIn = (inside: string, below = ""): string[] => {
    const nic =
      `<interface type='hostdev' managed='yes'>${source}${below}</source>${inside}</interface>`;
    const pool = "<interface type='network'><source network='n' portgroup='p'/>" +
      `<actual type='hostdev' managed='yes'>${source}${below}</source>${inside}</actual></interface>`;
    return [nic, pool].flatMap((devices) => {
      const { findings } = wantDevices(parseDomain(documentWith({ devices })));
      return findings.map(({ data }) => `${data["element"]}`);
    });
  };
  const usual = "<vlan><tag id='42'/></vlan><bandwidth><inbound average='1'/></bandwidth>" +
    "<virtualport type='802.1Qbh'><parameters profileid='a'/></virtualport><driver name='vfio'/>";
  assertEquals(withIn(usual), []);
  assertEquals(withIn("<new/>"), ["new", "actual/new"]);
  assertEquals(withIn("", "<new/>"), ["source/new", "actual/source/new"]);
});

const PROPERTIES = ["host", "sysfsdev", "iommufd", "fd", "bus", "addr", "id", "x-new", "__proto__"];
for (const property of PROPERTIES) {
  Deno.test(`the property ${property} of a host device is undecided by its name`, () => {
    const found = decide(documentWith({ qemu: override(property, "1") }));
    assertEquals(found, {
      decision: "undecided",
      codes: [`property-not-understood: ${property}`],
    });
  });
}

Deno.test("a hostile document gives a bounded number of findings, with short names", () => {
  const many = Array.from({ length: 1000 }, (_, index) => `-${"x".repeat(500)}${index}`);
  const inside = many.map((name) => `<y${name}/>`).join("");
  const { findings } = wantDevices(parseDomain(documentWith({ inside, qemu: args(...many) })));
  assert(findings.length < 50, `${findings.length} findings`);
  assert(
    findings.every(({ data }) => Object.values(data).every((value) => `${value}`.length <= 80)),
  );
});

/** A guest in parts, so that something can be put in anywhere. */
interface Guest {
  readonly machine?: string;
  readonly attributes?: string;
  readonly inside?: string;
  readonly words: readonly string[];
  readonly properties?: readonly string[];
}

function write({ words, properties = [], ...parts }: Guest): string {
  return documentWith({
    ...parts,
    qemu: args(...words) + properties.map((name) => override(name, "1")).join(""),
  });
}

/** Guests that are allowed, undecided and vetoed, each with a command line of its own. */
const GUESTS: readonly Guest[] = [
  { words: ["-cpu", "host", "-device", "ivshmem-plain,memdev=a", "-usb"] },
  { words: [], properties: ["x-req", "x-vga"] },
  { machine: "pc-q35-9.0", words: ["-cpu", "host", "-global", "vfio-pci.x-req=off"] },
  { words: ["-machine", "pc-q35-9.0", "-object", "iothread,id=a", "-enable-kvm"] },
  { words: ["-device", "intel-iommu", "-set", `device.${ALIAS}.x-vga=on`] },
  { words: ["-global", "vfio-pci.failover_pair_id=ghost", "-rtc", "base=utc"] },
  { words: ["-readconfig", "/a", "-nographic"] },
  { inside: "<teaming type='transient' persistent='ua-net'/>", words: ["-S"] },
  { inside: "<driver iommufd='yes'/>", words: ["-k", "de"] },
];

const name = fc.stringMatching(/^[a-z][a-z-]{0,12}[a-z]$/).map((text) => `zz-${text}`);

function insert(words: readonly string[], at: number, ...added: readonly string[]): string[] {
  const place = at % (words.length + 1);
  return [...words.slice(0, place), ...added, ...words.slice(place)];
}

/** Something that nobody knows, put in anywhere. */
const unknown: fc.Arbitrary<(guest: Guest) => Guest> = fc.oneof(
  fc.tuple(name, fc.constantFrom("-", "--", ""), fc.nat(10)).map(
    ([text, dash, at]) => (guest: Guest) => ({
      ...guest,
      words: insert(guest.words, at, dash + text),
    }),
  ),
  fc.tuple(name, fc.constantFrom("device", "object", "global", "machine", "set"), fc.nat(10)).map(
    ([text, option, at]) => (guest: Guest) => {
      const key = option === "set" ? `device.${ALIAS}.${text}` : text;
      const value = option === "machine" || option === "set" ? `${key}=1` : key;
      return { ...guest, words: insert(guest.words, at, `-${option}`, value) };
    },
  ),
  name.map((text) => (guest: Guest) => ({ ...guest, attributes: `${text}='1'` })),
  name.map((text) => (guest: Guest) => ({ ...guest, inside: `${guest.inside ?? ""}<${text}/>` })),
  name.map((text) => (guest: Guest) => ({
    ...guest,
    properties: [...guest.properties ?? [], text],
  })),
);

Deno.test("what is not known makes an allowed guest undecided, and no other allowed", () => {
  const decisions = GUESTS.map((guest) => decide(write(guest)).decision);
  assertEquals([...new Set(decisions)], ["allow", "veto", "undecided"]);
  fc.assert(
    fc.property(
      fc.nat(GUESTS.length - 1),
      fc.array(unknown, { minLength: 1, maxLength: 3 }),
      (index, changes) => {
        const guest = GUESTS[index] ?? { words: [] };
        const less = changes.reduce((each, change) => change(each), guest);
        const { decision, codes } = decide(write(less));
        assert(decision !== "allow");
        // A word after -machine is a machine type, which the destination has not.
        const isVeto = codes.includes("machine-missing");
        if (decisions[index] === "allow") assertEquals(decision, isVeto ? "veto" : "undecided");
      },
    ),
    { numRuns: 2000 },
  );
});
