import { assertEquals, assertThrows } from "@std/assert";
import { parseDomain } from "premigrate";
import { rewriteSources } from "premigrate/domain";

const UUID = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01";
const OTHER = "0f5e4f0c-93a5-4b0a-8a43-0f6a3a1d2b02";

function domain(devices: string): string {
  return `<?xml version="1.0"?>\r\n<!-- <address bus='0x3b'/> -->\n<domain type='kvm'>` +
    `<name>a\u{1f600}</name><devices>${devices}</devices></domain>\n`;
}

function pci(address: string, alias = ""): string {
  return `<hostdev mode='subsystem' type='pci'><source><address ${address}/></source>${alias}` +
    `<address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></hostdev>`;
}

const mdev =
  `<hostdev mode='subsystem' type='mdev' model="vfio-pci"><source><address uuid="${UUID}"></address></source></hostdev>`;

const FULL = "domain='0x0000' bus='0x3b' slot='0x00' function='0x4'";

const CASES: readonly (readonly [
  name: string,
  before: string,
  sources: Record<string, string>,
  after: string,
])[] = [
  [
    "a PCI address",
    pci(FULL),
    { hostdev0: "0001:af:1f.7" },
    pci("domain='0x0001' bus='0xaf' slot='0x1f' function='0x7'"),
  ],
  [
    "attributes in any order, quotes and spacing as they were",
    pci(`function = "0x4"  slot='0' bus\n=\n'59' domain='0'`),
    { hostdev0: "0000:3c:00.1" },
    pci(`function = "0x1"  slot='0x00' bus\n=\n'0x3c' domain='0x0000'`),
  ],
  [
    "a missing domain is added",
    pci("bus='0x3b' slot='0x00' function='0x4'"),
    { hostdev0: "0000:3c:00.1" },
    pci("domain='0x0000' bus='0x3c' slot='0x00' function='0x1'"),
  ],
  ["an mdev with an end tag", mdev, { hostdev0: OTHER }, mdev.replace(UUID, OTHER)],
  [
    "two devices at once, one left alone",
    pci(FULL) + mdev + pci("bus='1'", "<alias name='ua-x'/>"),
    { "ua-x": "0000:02:00.0", hostdev0: "0000:05:00.0" },
    pci("domain='0x0000' bus='0x05' slot='0x00' function='0x0'") + mdev +
    pci("function='0x0' slot='0x00' domain='0x0000' bus='0x02'", "<alias name='ua-x'/>"),
  ],
];

for (const [name, before, sources, after] of CASES) {
  Deno.test(`rewriteSources: ${name}`, () => {
    const xml = domain(before);
    assertEquals(rewriteSources(xml, parseDomain(xml), sources), domain(after));
  });
}

const WRONG: readonly (readonly [name: string, sources: Record<string, string>])[] = [
  ["no such device", { hostdev7: OTHER }],
  ["a PCI address for an mdev", { hostdev0: "0000:3b:00.4" }],
  ["markup for an address", { hostdev0: `${OTHER}'/><x a='` }],
];

for (const [name, sources] of WRONG) {
  Deno.test(`rewriteSources refuses ${name}`, () => {
    const xml = domain(mdev);
    assertThrows(() => rewriteSources(xml, parseDomain(xml), sources), RangeError);
  });
}
