/** What options say. */
import { ValidationError } from "@cliffy/command";
import { assertEquals, assertThrows } from "@std/assert";
import { parseDomain } from "premigrate";
import type { WantedDevice } from "../../../lib/policy/pair.ts";
import {
  parseAttributeOptions,
  parseBars,
  parseMap,
  parsePropertyOptions,
  targetsOf,
} from "../../../lib/cli/options.ts";

Deno.test("parseBars: sizes of BAR 0 to 5 in bytes, 0 for those that are not named", () => {
  assertEquals(parseBars([]), undefined);
  assertEquals(parseBars(["0=16"]), [16, 0, 0, 0, 0, 0]);
  assertEquals(parseBars(["5=1k", "1=2M", "2=0", "0=64T"]), [2 ** 46, 2 ** 21, 0, 0, 0, 1024]);
  assertEquals(parseBars(["3=1G", "3=2G"]), [0, 0, 0, 2 ** 31, 0, 0]);
});

for (
  const option of [
    "",
    "0",
    "=1",
    "0=",
    "6=1",
    "-1=1",
    "00=1",
    "0=-1",
    "0=1.5",
    "0=0x10",
    "0=1KB",
    "0=1P",
    "0= 1",
    "0=1=1",
    "0=999999999999999T",
    "0=1\n",
    "__proto__=1",
  ]
) {
  Deno.test(`parseBars: ${JSON.stringify(option)} is no size of a BAR`, () => {
    assertThrows(() => parseBars(["0=16", option]), ValidationError, `--bar "${option}"`);
  });
}

Deno.test("parsePropertyOptions: names and values, the last of a name counts", () => {
  assertEquals(parsePropertyOptions([]), {});
  assertEquals(
    parsePropertyOptions(["a=b", "c=", "d=e=f", "a=g"]),
    { a: "g", c: "", d: "e=f" },
  );
});

Deno.test("parsePropertyOptions: a name that objects are born with is a name", () => {
  assertEquals(Object.entries(parsePropertyOptions(["__proto__=x"])), [["__proto__", "x"]]);
});

for (const option of ["", "a", "=", "=b"]) {
  Deno.test(`parsePropertyOptions: ${JSON.stringify(option)} is no property`, () => {
    assertThrows(() => parsePropertyOptions([option]), ValidationError, `--property "${option}"`);
  });
}

Deno.test("parseAttributeOptions: names of sysfs attributes, and nothing else", () => {
  assertEquals(parseAttributeOptions([]), []);
  assertEquals(parseAttributeOptions(["fw_rev", "parent/fw_rev"]), ["fw_rev", "parent/fw_rev"]);
  for (const option of ["", "../x", "config", "fw_rev\n"]) {
    assertThrows(
      () => parseAttributeOptions(["fw_rev", option]),
      ValidationError,
      `--attribute "${option}"`,
    );
  }
});

const [A, B, C] = ["0000:3b:00.4", "0000:3b:00.5", "0000:af:00.1"] as const;
const MDEV = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01";
const OTHER = "0f5e4f0c-93a5-4b0a-8a43-0f6a3a1d2b02";

const guest = { properties: {} };
const WANTED: readonly WantedDevice[] = [
  { name: "hostdev0", address: A, guest },
  { name: "hostdev1", address: MDEV, guest },
  { name: "ua-net", address: undefined, guest },
];

const MAPS: Readonly<Record<string, readonly [options: string[], targets: string[]]>> = {
  "none": [[], []],
  "by address": [[`${A}=${C}`], [`hostdev0 ${C}`]],
  "by name": [[`hostdev0=${C}`], [`hostdev0 ${C}`]],
  "without a domain, in upper case": [["3B:00.4=AF:00.1"], [`hostdev0 ${C}`]],
  "mdevs": [[`${MDEV.toUpperCase()}=${OTHER}`], [`hostdev1 ${OTHER}`]],
  "a device that libvirt has yet to choose": [[`ua-net=${C}`], [`ua-net ${C}`]],
};

for (const [name, [options, targets]] of Object.entries(MAPS)) {
  Deno.test(`parseMap: ${name}`, () => {
    const found = [...parseMap(options, WANTED)].map((entry) => entry.join(" "));
    assertEquals(found, targets);
  });
}

const BAD_MAPS: Readonly<Record<string, readonly [options: string[], problem: string]>> = {
  "nothing": [[""], `one of the guest's devices: ${A}, ${MDEV}, ua-net`],
  "no target": [[A], "wanted a PCI address"],
  "an empty target": [[`${A}=`], "wanted a PCI address"],
  "no source": [[`=${C}`], "one of the guest's devices"],
  "another source": [[`${B}=${C}`], "one of the guest's devices"],
  "two targets in one": [[`${A}=${B}=${C}`], "one of the guest's devices"],
  "a target that is no address": [[`${A}=--all`], "wanted a PCI address"],
  "an mdev for a PCI function": [[`${A}=${OTHER}`], "wanted a PCI address"],
  "a PCI function for an mdev": [[`${MDEV}=${C}`], "wanted an mdev's UUID"],
  "a device twice": [[`${A}=${B}`, `hostdev0=${C}`], "hostdev0 has a target already"],
};

for (const [name, [options, problem]] of Object.entries(BAD_MAPS)) {
  Deno.test(`parseMap refuses ${name}`, () => {
    assertThrows(() => parseMap(options, WANTED), ValidationError, problem);
  });
}

/** A PCI device's `<hostdev>` with what it has in the guest. */
function pci(source: string, guestAddress: string): string {
  const [domain, bus, slot, fn] = source.split(/[:.]/);
  return `<hostdev mode='subsystem' type='pci'><source>
    <address domain='0x${domain}' bus='0x${bus}' slot='0x${slot}' function='0x${fn}'/>
    </source>${guestAddress}</hostdev>`;
}

function mdev(uuid: string, guestAddress: string): string {
  return `<hostdev mode='subsystem' type='mdev' model='vfio-pci'>
    <source><address uuid='${uuid}'/></source>${guestAddress}</hostdev>`;
}

function domain(...devices: readonly string[]): ReturnType<typeof parseDomain> {
  return parseDomain(
    `<domain type='kvm'><name>a</name><devices>${devices.join("")}</devices></domain>`,
  );
}

const at = (bus: number): string =>
  `<address type='pci' domain='0x0000' bus='0x0${bus}' slot='0x00' function='0x0'/>`;

const XMLS: readonly {
  readonly name: string;
  readonly guest: readonly string[];
  readonly xml: readonly string[];
  /** Pairs of alias and address, or what is wrong. */
  readonly targets: readonly string[] | string;
}[] = [
  { name: "no devices", guest: [], xml: [], targets: [] },
  {
    name: "devices in another order",
    guest: [pci(A, at(5)), mdev(MDEV, at(6))],
    xml: [mdev(OTHER, at(6)), pci(C, at(5))],
    targets: [`hostdev0 ${C}`, `hostdev1 ${OTHER}`],
  },
  {
    name: "one that the guest does not have yet",
    guest: [pci(A, at(5)), pci(B, "<address type='unassigned'/>")],
    xml: [pci(C, at(5))],
    targets: [`hostdev0 ${C}`],
  },
  {
    name: "another guest address",
    guest: [pci(A, at(5))],
    xml: [pci(A, at(6))],
    targets: "guest address of hostdev0",
  },
  {
    name: "an mdev in the place of a PCI function",
    guest: [pci(A, at(5))],
    xml: [mdev(MDEV, at(5))],
    targets: "no pci host device at the guest address of hostdev0",
  },
  {
    name: "no guest addresses at all",
    guest: [pci(A, at(5))],
    xml: [pci(C, "")],
    targets: "guest address of hostdev0",
  },
];

for (const { name, guest, xml, targets } of XMLS) {
  Deno.test(`targetsOf: ${name}`, () => {
    const find = (): string[] =>
      [...targetsOf(domain(...guest), domain(...xml))].map((entry) => entry.join(" "));
    if (typeof targets === "string") assertThrows(find, ValidationError, targets);
    else assertEquals(find(), targets);
  });
}
