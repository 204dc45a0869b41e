/** A device that the destination does not have is never silently left out. */
import { assert, assertEquals } from "@std/assert";
import { judge } from "premigrate/policy";
import { type Facts, parseDomain } from "premigrate";
import { Registry } from "premigrate/policy";

const [FIRST, SECOND, OTHER] = ["0000:3b:00.4", "0000:3b:00.5", "0000:af:00.1"] as const;

function facts(name: string, ...addresses: readonly string[]): Facts {
  return {
    premigrate: "facts/1",
    host: { name, uuid: `4dea22b3-1d52-48f3-a516-78${name}e98ab3fa0` },
    devices: addresses.map((address) => ({ address, inUse: false })),
  };
}

function guest(...functions: readonly string[]): ReturnType<typeof parseDomain> {
  return parseDomain(`<domain type='kvm'><name>vm1</name>
    <os><type arch='x86_64' machine='pc-q35-9.2'>hvm</type></os><devices>${
    functions.map((fn) =>
      `<hostdev mode='subsystem' type='pci' managed='no'><source>
        <address domain='0x0000' bus='0x3b' slot='0x00' function='0x${fn}'/></source></hostdev>`
    ).join("")
  }</devices></domain>`);
}

type Pairing = readonly [
  name: string,
  source: Facts,
  destination: Facts,
  guest: ReturnType<typeof parseDomain> | undefined,
  code: string,
];
const LACKING: readonly Pairing[] = [
  [
    "without --domain, one device more",
    facts("a", FIRST, SECOND),
    facts("b", FIRST),
    undefined,
    "no-facts",
  ],
  ["without --domain, none", facts("a", FIRST), facts("b"), undefined, "no-facts"],
  [
    "the guest's second device",
    facts("a", FIRST, SECOND),
    facts("b", FIRST),
    guest("4", "5"),
    "no-facts",
  ],
  [
    "the guest's only device, others there",
    facts("a", FIRST),
    facts("b", SECOND, OTHER),
    guest("4"),
    "no-facts",
  ],
  [
    "the guest's only device, one there",
    facts("a", FIRST),
    facts("b", OTHER),
    guest("4"),
    "paired-by-elimination",
  ],
  [
    "without --domain, one elsewhere",
    facts("a", FIRST),
    facts("b", OTHER),
    undefined,
    "paired-by-elimination",
  ],
];
for (const [name, source, destination, guest, code] of LACKING) {
  Deno.test(`${name}: undecided, and said`, () => {
    const { verdict } = judge({ registry: new Registry(), source, destination, guest });
    assertEquals(verdict.decision, "undecided");
    assert(verdict.findings.some((finding) => finding.code === code));
  });
}

Deno.test("a device that is named for it is no guess", () => {
  const { verdict } = judge({
    registry: new Registry(),
    source: facts("a", FIRST),
    destination: facts("b", OTHER),
    guest: guest("4"),
    targets: new Map([["hostdev0", OTHER]]),
  });
  assert(!verdict.findings.some(({ code }) => code === "paired-by-elimination"));
});
