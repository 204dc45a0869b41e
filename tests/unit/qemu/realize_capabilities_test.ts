/** The standard capability list, as vfio_add_std_cap and what it calls make it. */
import { assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import type { BusKind } from "premigrate/policy";
import { type Changes, describeMask, opened } from "../../cases/qemu/realized.ts";
import { spaceOf } from "../../cases/pci/space.ts";

type Bytes = Readonly<Record<number, string>>;

/** 256 bytes with a capability list that starts at `head`. */
function listOf(head: number, bytes: Bytes, size = 256): Uint8Array {
  return spaceOf({ 0x06: "10", 0x34: head.toString(16).padStart(2, "0"), ...bytes }, size);
}

function bytesAt(bytes: Uint8Array, start: number, length: number): string {
  return encodeHex(bytes.slice(start, start + length));
}

interface Case {
  readonly name: string;
  readonly head?: number;
  readonly bytes: Bytes;
  readonly changes?: Changes;
  /** What is compared from byte 40 up. */
  readonly checked: string;
  /** What the shadow holds. */
  readonly shadow?: Bytes;
  readonly exempt?: readonly (readonly [number, number])[];
}

function test(subject: string, cases: readonly Case[]): void {
  for (const { name, head = 0x40, bytes, changes, checked, shadow = {}, exempt } of cases) {
    Deno.test(`realize, ${subject}: ${name}`, () => {
      const device = opened(listOf(head, bytes), changes);
      assertEquals(describeMask(device, 0x40), checked);
      for (const [offset, hex] of Object.entries(shadow)) {
        const wanted = hex.replaceAll(" ", "");
        assertEquals(
          bytesAt(device.shadow, Number(offset), wanted.length / 2),
          wanted,
          `at ${offset}`,
        );
      }
      if (exempt !== undefined) assertEquals(device.exempt, exempt);
    });
  }
}

test("list", [
  {
    name: "a capability is compared up to the next one, the last up to the end",
    bytes: { 0x40: "13 50 06 03 00 00", 0x50: "03 00 00 00" },
    checked: "40-ff",
    shadow: { 0x34: "40", 0x40: "13 50 06 03", 0x50: "03 00" },
  },
  {
    name: "what lies before the first capability is not compared",
    head: 0x60,
    bytes: { 0x40: "de ad be ef", 0x60: "13 00 06 03" },
    checked: "60-ff",
  },
  {
    name: "the next one is the next by offset, not by order",
    head: 0x80,
    bytes: { 0x40: "05 00", 0x60: "13 40", 0x80: "07 60" },
    // MSI is compared as far as its own structure reaches.
    checked: "40-41 42:8e 43 44:03 60-ff",
    shadow: { 0x34: "80", 0x80: "07 60", 0x60: "13 40", 0x40: "05 00" },
  },
  {
    name: "a declared length plays no role",
    bytes: { 0x40: "14 00 02 ff" },
    checked: "40-ff",
  },
  { name: "a pointer of 0 is the end", head: 0, bytes: { 0x40: "13 00" }, checked: "" },
  {
    name: "without the status bit there is no list",
    bytes: { 0x06: "00", 0x40: "13 00" },
    checked: "",
    shadow: { 0x34: "40" },
  },
  {
    name: "a capability of one byte does no harm",
    bytes: { 0x40: "03 41", 0x41: "41 00" },
    changes: { qemu: "11.1" },
    // Byte 41 is the first one's pointer and the second one's id.
    checked: "40-ff",
  },
]);

const PM = "01 50 03 c8 0b 01 00 00";
test("power management", [
  {
    name: "before 10.0 it is like any other",
    bytes: { 0x40: PM, 0x50: "13 00" },
    changes: { qemu: "9.2" },
    checked: "40-ff",
    shadow: { 0x40: PM },
  },
  {
    name: "from 10.0 its 8 bytes are compared but for the state, and it is in D0",
    bytes: { 0x40: PM, 0x50: "13 00" },
    changes: { qemu: "10.0" },
    checked: "40-43 44:fc 45-47 50-ff",
    shadow: { 0x40: "01 50 03 c8 08 01 00 00" },
  },
]);

const ADDRESS = "f0 e0 e0 fe 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff 01";
function msi(control: string): Bytes {
  return { 0x40: `05 70 ${control} ${ADDRESS}`, 0x70: "13 00" };
}
test("MSI", [
  {
    name: "32 bits, one vector",
    bytes: msi("00 00"),
    checked: "40-41 42:8e 43 44:03 70-ff",
    shadow: { 0x42: "00 00 00 00 00 00 00 00 33 44" },
  },
  {
    name: "64 bits: the upper address is the guest's",
    bytes: msi("80 00"),
    checked: "40-41 42:8e 43 44:03 70-ff",
    shadow: { 0x42: "80 00 00 00 00 00 00 00 00 00 00 00 77 88" },
  },
  {
    name: "32 bits with a mask: two reserved bytes, the mask above the vector, pending bits",
    bytes: msi("00 01"),
    checked: "40-41 42:8e 43 44:03 4a-4b 4c:fe 4d-53 70-ff",
    shadow: { 0x42: "00 01 00 00 00 00 00 00 33 44 00 00 00 00 00 00 00 00 dd ee" },
  },
  {
    name: "64 bits with a mask, 16 vectors",
    bytes: msi("88 01"),
    checked: "40-41 42:8e 43 44:03 4e-4f 52-57 70-ff",
    shadow: { 0x42: "88 01 00 00 00 00 00 00 00 00 00 00 77 88 00 00 00 00 00 00 00 00" },
  },
  {
    name: "64 bits with a mask, 32 vectors",
    bytes: msi("8a 01"),
    checked: "40-41 42:8e 43 44:03 4e-4f 54-57 70-ff",
  },
  {
    name: "enable, the vectors in use and reserved flags are not taken over",
    bytes: msi("f3 fe"),
    checked: "40-41 42:8e 43 44:03 70-ff",
    shadow: { 0x42: "82 00" },
  },
]);

const PAGES = [0x4000, 0x4000, 0x2000, 0, 0, 0];
test("MSI-X", [
  {
    name: "its 12 bytes are compared but for enable and mask-all",
    bytes: { 0x40: "11 60 05 c0 00 00 00 00 00 20 00 00", 0x60: "13 00" },
    changes: { bars: PAGES },
    checked: "40-42 43:3f 44-4b 60-ff",
    shadow: { 0x40: "11 60 05 00 00 00 00 00 00 20 00 00" },
  },
  {
    name: "reserved bits of the control register are not taken over",
    bytes: { 0x40: "11 00 03 78 01 00 00 00 02 10 00 00" },
    changes: { bars: PAGES },
    checked: "40-42 43:3f 44-4b",
    shadow: { 0x40: "11 00 03 00 01 00 00 00 02 10 00 00" },
  },
  {
    name: "2048 entries and their pending bits",
    bytes: { 0x40: "11 00 ff 07 00 00 00 00 00 80 00 00" },
    changes: { bars: [0x10000, 0, 0, 0, 0, 0] },
    checked: "40-42 43:3f 44-4b",
    shadow: { 0x42: "ff 07" },
  },
  {
    name: "BAR sizes that are not known are taken to be big enough",
    bytes: { 0x40: "11 00 ff 07 00 00 00 f0 00 00 f0 ff" },
    changes: { bars: undefined },
    checked: "40-42 43:3f 44-4b",
  },
  {
    name: "Chelsio's T5 functions report a PBA outside their BAR",
    bytes: { 0x00: "25 14 01 58", 0x40: "11 00 00 00 00 00 00 00 00 80 00 00" },
    changes: { bars: [0x2000, 0, 0, 0, 0, 0] },
    checked: "40-42 43:3f 44-4b",
    shadow: { 0x48: "00 10 00 00" },
  },
  {
    name: "and so does Baidu's Kunlun",
    bytes: { 0x00: "22 1d 85 36", 0x40: "11 00 00 00 00 00 00 00 00 00 46 00" },
    changes: { bars: [0x10000, 0, 0, 0, 0, 0] },
    checked: "40-42 43:3f 44-4b",
    shadow: { 0x48: "00 b4 00 00" },
  },
  {
    name: "a PBA inside the BAR is left alone, even theirs",
    bytes: { 0x00: "25 14 01 58", 0x40: "11 00 00 00 00 00 00 00 00 08 00 00" },
    changes: { bars: [0x2000, 0, 0, 0, 0, 0] },
    checked: "40-42 43:3f 44-4b",
    shadow: { 0x48: "00 08 00 00" },
  },
]);

const LINK = "44 44 44 44 66 66 77 77";
const LINK_2 = "88 88 88 88 aa aa bb bb";
/** A PCI Express capability at 40 with the given flags, 3c bytes long, and one of id 13 after it. */
function express(flags: string, length = 0x3c): Bytes {
  const next = 0x40 + length;
  return {
    0x40: `10 ${next.toString(16)} ${flags} 11 11 11 11 22 22 33 33 ${LINK}`,
    ...length > 0x2c ? { 0x6c: LINK_2 } : {},
    [next]: "13 00",
  };
}

interface ExpressCase {
  readonly name: string;
  readonly bus: BusKind;
  readonly flags: string;
  readonly length?: number;
  /** Whether the capability is left out of the list. */
  readonly dropped?: true;
  /** From the flags up. */
  readonly shadow?: Bytes;
}
const KEPT: Bytes = { 0x4c: LINK, 0x6c: LINK_2 };
const CLEARED: Bytes = { 0x4c: "00".repeat(8), 0x6c: "00".repeat(8) };
const EXPRESS: readonly ExpressCase[] = [
  {
    name: "an endpoint below a port stays what it is",
    bus: "port",
    flags: "02 00",
    shadow: { 0x42: "02 00", ...KEPT },
  },
  {
    name: "a legacy endpoint below a port stays what it is",
    bus: "port",
    flags: "12 00",
    shadow: { 0x42: "12 00", ...KEPT },
  },
  {
    name: "an integrated endpoint below a port becomes an endpoint with a link",
    bus: "port",
    flags: "92 00",
    shadow: { 0x42: "02 00", 0x4c: "11 00 00 00 00 00 77 77", 0x6c: LINK_2 },
  },
  {
    name: "an endpoint on pcie.0 becomes integrated and loses its links",
    bus: "root",
    flags: "02 00",
    shadow: { 0x42: "92 00", ...CLEARED },
  },
  {
    name: "the number of its interrupt message stays",
    bus: "root",
    flags: "02 3e",
    shadow: { 0x42: "92 3e" },
  },
  {
    name: "a capability of version 1 has no second link to lose",
    bus: "root",
    flags: "01 00",
    length: 0x14,
    shadow: { 0x42: "91 00", 0x4c: "00".repeat(8), 0x54: "13 00" },
  },
  {
    name: "up to 2c bytes the second link is left alone",
    bus: "root",
    flags: "02 00",
    length: 0x2c,
    shadow: { 0x42: "92 00", 0x4c: "00".repeat(8), 0x6c: "13 00" },
  },
  {
    name: "up to 10 bytes no link is touched",
    bus: "root",
    flags: "02 00",
    length: 0x10,
    shadow: { 0x42: "92 00", 0x4c: "44 44 44 44", 0x50: "13 00" },
  },
  { name: "a legacy endpoint on pcie.0 is dropped", bus: "root", flags: "12 00", dropped: true },
  {
    name: "an integrated endpoint on pcie.0 stays what it is",
    bus: "root",
    flags: "92 00",
    shadow: { 0x42: "92 00", ...KEPT },
  },
  {
    name: "on a conventional root an endpoint is shown as it is",
    bus: "pci",
    flags: "02 00",
    shadow: { 0x42: "02 00", ...KEPT },
  },
  {
    name: "a legacy endpoint, too",
    bus: "pci",
    flags: "12 00",
    shadow: { 0x42: "12 00", ...KEPT },
  },
  {
    name: "an integrated endpoint, too",
    bus: "pci",
    flags: "92 00",
    shadow: { 0x42: "92 00", ...KEPT },
  },
  {
    name: "behind a conventional bridge of an express machine it is dropped",
    bus: "pci-under-pcie",
    flags: "02 00",
    dropped: true,
  },
  { name: "whatever its type", bus: "pci-under-pcie", flags: "92 00", dropped: true },
  { name: "version 0 becomes 1", bus: "port", flags: "00 00", shadow: { 0x42: "01 00", ...KEPT } },
  {
    name: "also where the type changes",
    bus: "root",
    flags: "00 00",
    shadow: { 0x42: "91 00", ...CLEARED },
  },
];
test(
  "PCI Express",
  EXPRESS.map(({ name, bus, flags, length, dropped, shadow = {} }) => {
    const bytes = express(flags, length);
    const next = 0x40 + (length ?? 0x3c);
    const rest = `${next.toString(16)}-ff`;
    return {
      name,
      bytes,
      changes: { bus },
      // Device and link control and status are compared like the rest.
      checked: dropped ? rest : "40-ff",
      shadow: { 0x34: dropped ? next.toString(16) : "40", ...shadow },
    };
  }),
);
test("PCI Express", [
  {
    name: "the pointer before a dropped one skips it, its bytes are not compared",
    bytes: { 0x40: "13 50", 0x50: "10 80 02 00", 0x80: "03 00" },
    changes: { bus: "pci-under-pcie" },
    checked: "40-4f 80-ff",
    shadow: { 0x40: "13 80", 0x50: "10 80 02 00" },
  },
  {
    name: "a list of a dropped one alone is empty",
    bytes: { 0x40: "10 00 02 00" },
    changes: { bus: "pci-under-pcie" },
    checked: "",
    shadow: { 0x06: "10", 0x34: "00" },
  },
]);

const VSC = "09 58 14 01 02 03";
test("Vendor Specific Capability", [
  {
    name: "with skip-vsc-check only id, pointer and length are compared",
    bytes: { 0x40: VSC, 0x58: "13 00" },
    checked: "40-42 58-ff",
    exempt: [[0x43, 0x58]],
  },
  {
    name: "the slack behind it is exempt, too, up to the end",
    bytes: { 0x40: "13 f0", 0xf0: "09 00 04 ff" },
    checked: "40-f2",
    exempt: [[0xf3, 0x100]],
  },
  {
    name: "its length byte plays no role",
    bytes: { 0x40: "09 58 00 01 02 03", 0x58: "13 00" },
    checked: "40-42 58-ff",
    exempt: [[0x43, 0x58]],
  },
  {
    name: "without skip-vsc-check all of it is compared",
    bytes: { 0x40: VSC, 0x58: "13 00" },
    changes: { skipVscCheck: false },
    checked: "40-ff",
    exempt: [],
  },
  {
    name: "before 9.1 all of it is compared",
    bytes: { 0x40: VSC, 0x58: "13 00" },
    changes: { qemu: "9.0" },
    checked: "40-ff",
    exempt: [],
  },
  {
    name: "of two both are exempt",
    bytes: { 0x40: VSC, 0x58: "09 00 08" },
    checked: "40-42 58-5a",
    exempt: [[0x5b, 0x100], [0x43, 0x58]],
  },
  {
    name: "in 4 bytes one is exempt",
    bytes: { 0x40: "09 44 04 ff", 0x44: "13 00" },
    checked: "40-42 44-ff",
    exempt: [[0x43, 0x44]],
  },
  {
    name: "in 3 bytes nothing is left to exempt",
    bytes: { 0x40: "09 43 03", 0x43: "13 00" },
    checked: "40-ff",
    exempt: [],
  },
  {
    name: "no other capability is exempt",
    bytes: { 0x40: "03 50", 0x50: "13 60", 0x60: "12 00" },
    checked: "40-ff",
    exempt: [],
  },
]);

const NVIDIA = { 0x00: "de 10", 0x0b: "03" };
const clique = (gpudirectClique: number, qemu = "9.1"): Changes => ({
  qemu,
  properties: { gpudirectClique },
});
test("GPUDirect clique", [
  {
    name: "it is put at c8 and ends the list",
    bytes: { ...NVIDIA, 0x40: "05 00" },
    changes: clique(2),
    checked: "40-41 42:8e 43 44:03 c8-cf",
    shadow: { 0x40: "05 c8", 0xc8: "09 00 08 50 32 50 10 00" },
    // It is not the device's: skip-vsc-check says nothing of it.
    exempt: [],
  },
  {
    name: "from 8.1 on at d4 if there is a capability at c8",
    bytes: { ...NVIDIA, 0x40: "03 c8", 0xc8: "13 00" },
    changes: clique(15, "8.1"),
    checked: "40-db",
    shadow: { 0xc8: "13 d4", 0xd4: "09 00 08 50 32 50 78 00" },
  },
  {
    name: "the capability before it ends where it begins",
    bytes: { ...NVIDIA, 0x40: "03 00" },
    changes: clique(0),
    checked: "40-cf",
    shadow: { 0x40: "03 c8", 0xc8: "09 00 08 50 32 50 00 00" },
  },
  {
    name: "before 8.1 always at c8",
    bytes: { ...NVIDIA, 0x40: "05 d4", 0xd4: "05 00" },
    changes: clique(1, "8.0"),
    checked: "40-41 42:8e 43 44:03 c8-cf d4-d5 d6:8e d7 d8:03",
    shadow: { 0xd4: "05 c8", 0xc8: "09 00 08 50 32 50 08 00" },
  },
  {
    name: "a device without a list gets none",
    bytes: { ...NVIDIA, 0x06: "00", 0x40: "05 00" },
    changes: clique(2),
    checked: "",
    shadow: { 0xc8: "00 00 00 00" },
  },
  {
    name: "vendor and class may be overridden ones",
    bytes: { 0x40: "05 00" },
    changes: {
      qemu: "10.1",
      properties: { gpudirectClique: 3, vendorId: 0x10de, classCode: 0x030200 },
    },
    checked: "40-41 42:8e 43 44:03 c8-cf",
  },
]);

const HOST_BARS = "00 00 00 92 0c 00 00 90 7f 00 00 00 04 00 00 91";
test("VMD", [
  {
    name: "the host's BAR 2 to 5 are shown at e8, all of it compared",
    bytes: { 0x00: "86 80 7f 46", 0x18: HOST_BARS, 0x40: "05 00" },
    changes: { bars: [0, 0, 0x1000, 0x10000, 0, 0x1000] },
    checked: "40-41 42:8e 43 44:03 e8-ff",
    shadow: { 0x40: "05 e8", 0xe8: `09 00 18 01 57 44 48 53 ${HOST_BARS}` },
    exempt: [],
  },
  {
    name: "another device of Intel's has none",
    bytes: { 0x00: "86 80 80 46", 0x40: "05 00" },
    checked: "40-41 42:8e 43 44:03",
  },
  {
    name: "another vendor's of that number, too",
    bytes: { 0x00: "87 80 7f 46", 0x40: "05 00" },
    checked: "40-41 42:8e 43 44:03",
  },
]);

Deno.test("realize: a structure that runs past byte 255 is compared there in 4096 bytes", () => {
  const device = opened(listOf(0xf8, { 0xf8: "05 00 80 00" }, 4096), { bus: "pci" });
  assertEquals(describeMask(device, 0x40), "f8-f9 fa:8e fb fc:03");
  assertEquals(device.wmask[0x105], 0xff);
});
