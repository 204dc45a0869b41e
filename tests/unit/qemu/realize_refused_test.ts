/** Devices that QEMU refuses to open, cannot open, or dies of. */
import { assertEquals } from "@std/assert";
import { formatRealizeFailure, type RealizeFailureReason } from "premigrate/policy";
import { type Changes, opened, refused } from "../../cases/qemu/realized.ts";
import { spaceOf } from "../../cases/pci/space.ts";

type Bytes = Readonly<Record<number, string>>;

/** A device with a capability list that starts at 40. */
function listed(bytes: Bytes, size = 256): Uint8Array {
  return spaceOf({ 0x06: "10", 0x34: "40", ...bytes }, size);
}

interface Case {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly changes?: Changes;
  readonly reason: RealizeFailureReason;
  /** As QEMU says it, where it says anything. */
  readonly text: string;
}

const NVIDIA = { 0x00: "de 10", 0x0b: "03" };
const PAGE = [0x1000, 0, 0, 0, 0, 0];

const CASES: readonly Case[] = [
  {
    name: "the header alone",
    bytes: new Uint8Array(64),
    reason: { code: "short-config", length: 64 },
    text: "only 64 bytes of config space are known, 256 or 4096 are needed",
  },
  {
    name: "a 64-bit MSI capability of 0e bytes, 0c before the next one",
    bytes: listed({ 0x34: "8c", 0x8c: "05 98 80 00", 0x98: "09 00 08" }),
    reason: { code: "capability-overlap", id: 5, offset: 0x8c, existing: 0x98, at: 0x98 },
    text:
      "Attempt to add PCI capability 5 at offset 8c overlaps existing capability 98 at offset 98",
  },
  {
    name: "an MSI-X capability 8 bytes before the next one",
    bytes: listed({ 0x40: "11 48 00 00 00 01 00 00", 0x48: "08 00" }),
    changes: { bars: PAGE },
    reason: { code: "capability-overlap", id: 0x11, offset: 0x40, existing: 0x48, at: 0x48 },
    text:
      "Attempt to add PCI capability 11 at offset 40 overlaps existing capability 48 at offset 48",
  },
  {
    name: "from 10.0 on a PM capability 4 bytes before the next one",
    bytes: listed({ 0x40: "01 44 03 00", 0x44: "13 00" }),
    changes: { qemu: "10.0" },
    reason: { code: "capability-overlap", id: 1, offset: 0x40, existing: 0x44, at: 0x44 },
    text:
      "Attempt to add PCI capability 1 at offset 40 overlaps existing capability 44 at offset 44",
  },
  {
    name: "a capability in the last dword of the one that is added before it",
    // 5 bytes at 40 take 8.
    bytes: listed({ 0x34: "45", 0x45: "03 40", 0x40: "13 00" }),
    reason: { code: "capability-overlap", id: 3, offset: 0x45, existing: 0x40, at: 0x45 },
    text:
      "Attempt to add PCI capability 3 at offset 45 overlaps existing capability 40 at offset 45",
  },
  {
    name: "a capability within the GPUDirect clique's, which is added first",
    bytes: listed({ ...NVIDIA, 0x40: "03 cc", 0xcc: "13 00" }),
    changes: { properties: { gpudirectClique: 1 } },
    reason: { code: "capability-overlap", id: 0x13, offset: 0xcc, existing: 0xc8, at: 0xcc },
    text:
      "Attempt to add PCI capability 13 at offset cc overlaps existing capability c8 at offset cc",
  },
  {
    name: "before 8.1 a capability where the GPUDirect clique's is put",
    bytes: listed({ ...NVIDIA, 0x40: "05 c8", 0xc8: "13 00" }),
    changes: { qemu: "8.0", properties: { gpudirectClique: 1 } },
    reason: { code: "capability-overlap", id: 0x13, offset: 0xc8, existing: 0xc8, at: 0xc8 },
    text:
      "Attempt to add PCI capability 13 at offset c8 overlaps existing capability c8 at offset c8",
  },
  {
    name: "a capability within VMD's own",
    bytes: listed({ 0x00: "86 80 1d 20", 0x40: "05 f0", 0xf0: "13 00" }),
    reason: { code: "capability-overlap", id: 0x13, offset: 0xf0, existing: 0xe8, at: 0xf0 },
    text:
      "Attempt to add PCI capability 13 at offset f0 overlaps existing capability e8 at offset f0",
  },
  {
    name: "a capability that points to itself",
    bytes: listed({ 0x34: "50", 0x40: "13 40", 0x50: "03 40" }),
    reason: { code: "capability-loop", offset: 0x40 },
    text: "the capability list loops at 0x40, QEMU would not return",
  },
  {
    name: "a pointer to the last byte of 256",
    bytes: listed({ 0x40: "13 ff", 0xff: "09" }),
    reason: { code: "capability-past-end", offset: 0xff },
    text: "the capability at 0xff runs past the end of config space",
  },
  {
    name: "an MSI structure past byte 255 of 256, where QEMU would write behind its buffer",
    bytes: listed({ 0x34: "f4", 0xf4: "05 00 80 00" }),
    reason: { code: "capability-past-end", offset: 0xf4 },
    text: "the capability at 0xf4 runs past the end of config space",
  },
  {
    name: "GPUDirect clique of another vendor's device",
    bytes: listed({ 0x00: "02 10", 0x0b: "03", 0x40: "13 00" }),
    changes: { properties: { gpudirectClique: 1 } },
    reason: { code: "gpudirect", problem: "vendor" },
    text: "NVIDIA GPUDirect Clique ID: invalid device vendor",
  },
  {
    name: "GPUDirect clique of a device that is no display",
    bytes: listed({ 0x00: "de 10", 0x0b: "04", 0x40: "13 00" }),
    changes: { properties: { gpudirectClique: 1 } },
    reason: { code: "gpudirect", problem: "class" },
    text: "NVIDIA GPUDirect Clique ID: unsupported PCI class",
  },
  {
    name: "GPUDirect clique, with capabilities at c8 and d4",
    bytes: listed({ ...NVIDIA, 0x40: "13 c8", 0xc8: "03 d4", 0xd4: "13 00" }),
    changes: { properties: { gpudirectClique: 1 } },
    reason: { code: "gpudirect", problem: "config-space" },
    text: "NVIDIA GPUDirect Clique ID: invalid config space",
  },
  {
    name: "GPUDirect clique, with a list that starts in the header",
    bytes: listed({ ...NVIDIA, 0x34: "30", 0x30: "00 00" }),
    changes: { properties: { gpudirectClique: 1 } },
    reason: { code: "gpudirect", problem: "config-space" },
    text: "NVIDIA GPUDirect Clique ID: invalid config space",
  },
  {
    name: "64 MSI vectors",
    bytes: listed({ 0x40: "05 00 0c 00" }),
    reason: { code: "msi-vectors", offset: 0x40, vectors: 64 },
    text: "QEMU aborts: MSI capability at 0x40 has 64 vectors",
  },
  {
    name: "128 MSI vectors",
    bytes: listed({ 0x40: "05 00 8e 01" }),
    reason: { code: "msi-vectors", offset: 0x40, vectors: 128 },
    text: "QEMU aborts: MSI capability at 0x40 has 128 vectors",
  },
  {
    name: "an MSI-X table in BAR 6",
    bytes: listed({ 0x40: "11 00 00 00 06 00 00 00 00 08 00 00" }),
    changes: { bars: PAGE },
    reason: { code: "msix-bir", tableBar: 6, pbaBar: 0 },
    text: "invalid MSI-X BIR, table_bar=6 pba_bar=0",
  },
  {
    name: "MSI-X pending bits in BAR 7",
    bytes: listed({ 0x40: "11 00 00 00 00 00 00 00 07 08 00 00" }),
    changes: { bars: undefined },
    reason: { code: "msix-bir", tableBar: 0, pbaBar: 7 },
    text: "invalid MSI-X BIR, table_bar=0 pba_bar=7",
  },
  {
    name: "MSI-X pending bits that start behind their BAR",
    bytes: listed({ 0x40: "11 00 00 00 00 00 00 00 00 10 00 00" }),
    changes: { bars: PAGE },
    reason: { code: "msix-pba-outside-bar", bar: 0, pbaOffset: 0x1000 },
    text: "hardware reports invalid configuration, MSIX PBA outside of specified BAR",
  },
  {
    name: "an MSI-X table in a BAR that is not there",
    bytes: listed({ 0x40: "11 00 00 00 01 00 00 00 00 08 00 00" }),
    changes: { bars: PAGE },
    reason: { code: "msix-outside-bar", tableBar: 1, pbaBar: 0 },
    text: "table & pba overlap, or they don't fit in BARs, or don't align",
  },
  {
    name: "an MSI-X table of 128 entries in 2 KiB less 16",
    bytes: listed({ 0x40: "11 00 7f 00 10 08 00 00 00 00 00 00" }),
    changes: { bars: PAGE },
    reason: { code: "msix-outside-bar", tableBar: 0, pbaBar: 0 },
    text: "table & pba overlap, or they don't fit in BARs, or don't align",
  },
  {
    name: "MSI-X pending bits of 65 vectors in the last 8 bytes",
    bytes: listed({ 0x40: "11 00 40 00 00 00 00 00 f8 0f 00 00" }),
    changes: { bars: PAGE },
    reason: { code: "msix-outside-bar", tableBar: 0, pbaBar: 0 },
    text: "table & pba overlap, or they don't fit in BARs, or don't align",
  },
  {
    name: "an MSI-X table over its pending bits",
    bytes: listed({ 0x40: "11 00 01 00 00 00 00 00 18 00 00 00" }),
    changes: { bars: undefined },
    reason: { code: "msix-outside-bar", tableBar: 0, pbaBar: 0 },
    text: "table & pba overlap, or they don't fit in BARs, or don't align",
  },
  {
    name: "a root port",
    bytes: listed({ 0x40: "10 00 42 00" }),
    reason: { code: "pcie-type", type: 4 },
    text: "assignment of PCIe type 0x4 devices is not currently supported",
  },
  {
    name: "a root port, even where its capability would be dropped",
    bytes: listed({ 0x40: "10 00 42 00" }),
    changes: { bus: "pci-under-pcie" },
    reason: { code: "pcie-type", type: 4 },
    text: "assignment of PCIe type 0x4 devices is not currently supported",
  },
  {
    name: "an event collector",
    bytes: listed({ 0x40: "10 00 a2 00" }),
    reason: { code: "pcie-type", type: 10 },
    text: "assignment of PCIe type 0xa devices is not currently supported",
  },
  {
    name: "interrupt pin 17",
    bytes: spaceOf({ 0x3d: "11" }),
    reason: { code: "interrupt-pin", pin: 17 },
    text: "invalid PCI interrupt pin 17",
  },
  {
    name: "interrupt pin 5",
    bytes: spaceOf({ 0x3d: "05" }),
    reason: { code: "interrupt-pin", pin: 5 },
    text: "invalid PCI interrupt pin 5",
  },
  {
    name: "a BAR of 24 bytes",
    bytes: new Uint8Array(256),
    changes: { bars: [0, 24, 0, 0, 0, 0] },
    reason: { code: "bar-size", bar: 1, size: 24 },
    text: "QEMU aborts: BAR 1 of 24 bytes is not a power of two",
  },
  {
    name: "a BAR of no whole number of bytes",
    bytes: new Uint8Array(256),
    changes: { bars: [0.5, 0, 0, 0, 0, 0] },
    reason: { code: "bar-size", bar: 0, size: 0.5 },
    text: "QEMU aborts: BAR 0 of 0.5 bytes is not a power of two",
  },
  {
    name: "a ROM of 3 KiB",
    bytes: new Uint8Array(256),
    changes: { romSize: 3072 },
    reason: { code: "bar-size", bar: "rom", size: 3072 },
    text: "QEMU aborts: BAR rom of 3072 bytes is not a power of two",
  },
  {
    name: "an extended list that comes round",
    bytes: listed({ 0x40: "05 00", 0x100: "01 00 01 20", 0x200: "03 00 01 20" }, 4096),
    reason: { code: "capability-loop", offset: 0x200 },
    text: "the capability list loops at 0x200, QEMU would not return",
  },
  {
    name: "an extended capability below 100",
    bytes: listed({ 0x40: "05 00", 0x80: "03 00 01 00", 0x100: "01 00 01 08" }, 4096),
    reason: { code: "extended-capability-misplaced", offset: 0x80, size: 0x80 },
    text: "QEMU aborts: extended capability at 0x80 of 128 bytes",
  },
  {
    name: "an extended capability of 4 bytes",
    bytes: listed({ 0x40: "05 00", 0x100: "01 00 41 10", 0x104: "03 00 01 00" }, 4096),
    reason: { code: "extended-capability-misplaced", offset: 0x100, size: 4 },
    text: "QEMU aborts: extended capability at 0x100 of 4 bytes",
  },
  {
    name: "an extended capability in the last dword",
    bytes: listed({ 0x40: "05 00", 0x100: "01 00 c1 ff", 0xffc: "03 00 01 00" }, 4096),
    reason: { code: "extended-capability-misplaced", offset: 0xffc, size: 4 },
    text: "QEMU aborts: extended capability at 0xffc of 4 bytes",
  },
];
for (const { name, bytes, changes, reason, text } of CASES) {
  Deno.test(`realize refuses ${name}`, () => {
    const found = refused(bytes, changes);
    assertEquals(found, reason);
    assertEquals(formatRealizeFailure(found), text);
  });
}

Deno.test("realize refuses a list that comes round to its head", () => {
  const { code } = refused(listed({ 0x40: "13 50", 0x50: "03 40" }));
  assertEquals(code, "capability-loop");
});

const BORDERS: readonly (readonly [name: string, Uint8Array, Changes])[] = [
  ["interrupt pin 4", spaceOf({ 0x3d: "04" }), {}],
  ["interrupt pin 0", spaceOf({ 0x3d: "00" }), {}],
  ["32 MSI vectors", listed({ 0x40: "05 00 0a 00" }), {}],
  [
    "a 64-bit MSI capability 10 bytes before the next one",
    listed({ 0x40: "05 50 80 00", 0x50: "13 00" }),
    {},
  ],
  [
    "an MSI capability of 0a bytes just before the next one",
    listed({ 0x40: "05 4c 00 00", 0x4c: "13 00" }),
    {},
  ],
  [
    "before 10.0 a PM capability 4 bytes before the next one",
    listed({ 0x40: "01 44 03 00", 0x44: "13 00" }),
    { qemu: "9.2" },
  ],
  [
    "an MSI-X table that ends with its BAR",
    listed({ 0x40: "11 00 7f 00 00 08 00 00 f0 07 00 00" }),
    { bars: PAGE },
  ],
  [
    "an MSI-X table beside its pending bits",
    listed({ 0x40: "11 00 01 00 00 00 00 00 20 00 00 00" }),
    { bars: PAGE },
  ],
  ["an MSI structure in the last 10 bytes", listed({ 0x34: "f6", 0xf6: "05 00 00 00" }), {}],
  ["a PM capability in the last 8 bytes", listed({ 0x34: "f8", 0xf8: "01 00 03 00" }), {
    qemu: "10.0",
  }],
  [
    "an extended capability of 8 bytes",
    listed({ 0x40: "05 00", 0x100: "01 00 81 10", 0x108: "03 00 01 00" }, 4096),
    {},
  ],
  [
    "an extended capability in the last 8 bytes",
    listed({ 0x40: "05 00", 0x100: "01 00 81 ff", 0xff8: "03 00 01 00" }, 4096),
    {},
  ],
];
for (const [name, bytes, changes] of BORDERS) {
  Deno.test(`realize opens a device with ${name}`, () => {
    opened(bytes, changes);
  });
}
