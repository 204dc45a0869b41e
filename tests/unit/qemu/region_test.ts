import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { readRegions } from "premigrate/policy";
import { spaceOf } from "../../cases/pci/space.ts";

type Bytes = Readonly<Record<number, string>>;

/** A device with a standard list that starts at 40. */
function listed(bytes: Bytes, size = 256): Uint8Array<ArrayBuffer> {
  return spaceOf({ 0x06: "10", 0x34: "40", ...bytes }, size);
}

function assertBytes(bytes: Uint8Array, wanted: Bytes, what: string): void {
  for (const [offset, hex] of Object.entries(wanted)) {
    const at = Number(offset);
    const expected = hex.replaceAll(" ", "");
    assertEquals(encodeHex(bytes.slice(at, at + expected.length / 2)), expected, `${what}, ${at}`);
  }
}

Deno.test("readRegions: a realize view is the region", () => {
  const view = { kind: "realize", bytes: listed({ 0x40: "09 00 00" }) } as const;
  const [region, ...others] = readRegions(view, { vendor: 1, device: 2 });
  assertStrictEquals(region, view);
  assertEquals(others, []);
});

Deno.test("readRegions: leaves the bytes of a view alone", () => {
  const bytes = listed({
    0x00: "ff ff ff ff",
    0x3d: "01",
    0x40: "0d c8",
    0xc8: "09 00 08 50 32 50 08",
  });
  const before = bytes.slice();
  readRegions({ kind: "sysfs", bytes }, { vendor: 0x10de, device: 1 });
  readRegions({ kind: "guest", bytes });
  assertEquals(bytes, before);
});

const CLIQUE = "09 00 08 50 32 50 10 00";
const GUEST: readonly (readonly [name: string, Bytes, region: Bytes])[] = [
  ["the GPUDirect clique at c8 is taken out", { 0x40: "05 c8", 0xc8: CLIQUE }, {
    0x06: "10",
    0x40: "05 00",
    0xc8: "00".repeat(8),
  }],
  ["or at d4", { 0x40: "05 c8", 0xc8: "13 d4", 0xd4: CLIQUE }, {
    0xc8: "13 00",
    0xd4: "00".repeat(8),
  }],
  ["what follows it stays in the list", {
    0x40: "05 c8",
    0xc8: "09 e0 08 50 32 50 10 00",
    0xe0: "13 00",
  }, { 0x40: "05 e0", 0xe0: "13 00" }],
  ["a list of it alone is none", { 0x34: "c8", 0xc8: CLIQUE }, { 0x06: "00", 0x34: "00" }],
  ["its signature elsewhere is another's", { 0x40: "05 d0", 0xd0: CLIQUE }, {
    0x40: "05 d0",
    0xd0: CLIQUE,
  }],
  ["a device's own VSC at c8 stays", { 0x40: "05 c8", 0xc8: "09 00 08 50 32 51" }, {
    0x40: "05 c8",
    0xc8: "09 00 08 50 32 51",
  }],
  ["outside the list it is no capability", { 0x40: "05 00", 0xc8: CLIQUE }, {
    0x40: "05 00",
    0xc8: CLIQUE,
  }],
  ["without the status bit there is no list", { 0x06: "00", 0x40: "05 c8", 0xc8: CLIQUE }, {
    0x40: "05 c8",
    0xc8: CLIQUE,
  }],
];
for (const [name, bytes, region] of GUEST) {
  Deno.test(`readRegions, guest: ${name}`, () => {
    const regions = readRegions({ kind: "guest", bytes: listed(bytes) });
    assertEquals(regions.map(({ kind }) => kind), ["realize"]);
    assertBytes(regions[0]?.bytes ?? new Uint8Array(), region, "region");
  });
}

interface SysfsCase {
  readonly name: string;
  readonly bytes: Bytes;
  readonly size?: number;
  /** As it is read when the kernel hides what it can. */
  readonly hidden: Bytes;
}

const SYSFS: readonly SysfsCase[] = [
  {
    name: "a subsystem id is hidden by the pointer before it",
    bytes: { 0x40: "01 48", 0x48: "0d 50", 0x50: "05 00" },
    hidden: { 0x40: "01 50", 0x48: "0d 50" },
  },
  {
    name: "two in a row",
    bytes: { 0x40: "01 48", 0x48: "0d 50", 0x50: "0c 58", 0x58: "05 00" },
    hidden: { 0x40: "01 58" },
  },
  {
    name: "the first one",
    bytes: { 0x40: "0d 48", 0x48: "05 00" },
    hidden: { 0x06: "10", 0x34: "48" },
  },
  { name: "the last one", bytes: { 0x40: "05 48", 0x48: "0d 00" }, hidden: { 0x40: "05 00" } },
  {
    name: "the only one, with the status bit",
    bytes: { 0x40: "0d 00" },
    hidden: { 0x06: "00", 0x34: "00" },
  },
  {
    name: "a VSC whose length is 0",
    bytes: { 0x40: "05 50", 0x50: "09 60 00 ff", 0x60: "13 00" },
    hidden: { 0x40: "05 60" },
  },
  {
    name: "no other VSC",
    bytes: { 0x40: "05 50", 0x50: "09 60 01 ff", 0x60: "13 00" },
    hidden: { 0x40: "05 50", 0x50: "09 60" },
  },
  {
    name: "a list that comes round stays as it is",
    bytes: { 0x40: "05 50", 0x50: "13 40" },
    hidden: { 0x40: "05 50", 0x50: "13 40" },
  },
  {
    name: "an extended capability is hidden by the one before it",
    bytes: { 0x40: "05 00", 0x100: "01 00 01 20", 0x200: "1b 00 01 30", 0x300: "03 00 01 00" },
    size: 4096,
    hidden: { 0x100: "01 00 01 30", 0x200: "1b 00 01 30" },
  },
  {
    name: "the last extended one",
    bytes: { 0x40: "05 00", 0x100: "01 00 01 20", 0x200: "1e 00 01 00" },
    size: 4096,
    hidden: { 0x100: "01 00 01 00" },
  },
  {
    name: "a first extended one keeps its place without its id",
    bytes: { 0x40: "05 00", 0x100: "19 00 01 20", 0x200: "1e 00 01 30", 0x300: "03 00 01 00" },
    size: 4096,
    hidden: { 0x100: "00 00", 0x102: "01 30" },
  },
  {
    name: "an extended list that comes round stays as it is",
    bytes: { 0x40: "05 00", 0x100: "01 00 01 20", 0x200: "03 00 01 10" },
    size: 4096,
    hidden: { 0x100: "01 00 01 20", 0x200: "03 00 01 10" },
  },
  {
    name: "256 bytes have no extended list",
    bytes: { 0x40: "05 00" },
    hidden: { 0x40: "05 00" },
  },
];
for (const { name, bytes, size = 256, hidden } of SYSFS) {
  Deno.test(`readRegions, sysfs: ${name}`, () => {
    const [asItIs, likeliest, ...others] = readRegions({
      kind: "sysfs",
      bytes: listed(bytes, size),
    });
    assertEquals(others, []);
    assertBytes(asItIs?.bytes ?? new Uint8Array(), bytes, "as it is");
    assertBytes(likeliest?.bytes ?? new Uint8Array(), hidden, "hidden");
    assertEquals(likeliest?.bytes.length, size);
  });
}

Deno.test("readRegions, sysfs: which standard capabilities the kernel's vfio-pci hides", () => {
  const hidden = Array.from({ length: 256 }, (_, id) => id).filter((id) => {
    const bytes = listed({ 0x40: "05 50", 0x50: `${id.toString(16).padStart(2, "0")} 00 08` });
    return readRegions({ kind: "sysfs", bytes }).at(-1)?.bytes[0x41] === 0;
  });
  // pci_cap_length: slot id, CompactPCI, debug port, hot-plug, subsystem, AGP 8x, secure device.
  const known = [0x00, 0x04, 0x06, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f];
  assertEquals(hidden, [...known, ...Array.from({ length: 256 - 0x14 }, (_, i) => 0x14 + i)]);
});

Deno.test("readRegions, sysfs: which extended capabilities the kernel's vfio-pci shows", () => {
  const shown = Array.from({ length: 256 }, (_, id) => id).filter((id) => {
    const bytes = listed({
      0x40: "05 00",
      0x100: "01 00 01 20",
      0x200: `${id.toString(16).padStart(2, "0")} 00 01 00`,
    }, 4096);
    return readRegions({ kind: "sysfs", bytes }).at(-1)?.bytes[0x103] === 0x20;
  });
  // pci_ext_cap_length: AER, virtual channels, serial number, power budgeting, VSEC, ACS, ARI, ATS,
  // SR-IOV, multicast, page requests, resizable BAR, dynamic power, TPH, LTR.
  const names = [0x01, 0x02, 0x03, 0x04, 0x08, 0x09, 0x0b, 0x0d, 0x0e, 0x0f, 0x10, 0x12, 0x13];
  assertEquals(shown, [...names, 0x15, 0x16, 0x17, 0x18]);
});

Deno.test("readRegions, sysfs: a function's ids come from the kernel, and it has no interrupt pin", () => {
  const bytes = spaceOf({ 0x00: "ff ff ff ff 00 00", 0x3d: "01" });
  for (const region of readRegions({ kind: "sysfs", bytes }, { vendor: 0x15b3, device: 0x101e })) {
    assertBytes(region.bytes, { 0x00: "b3 15 1e 10", 0x3d: "00" }, "region");
  }
  for (const region of readRegions({ kind: "sysfs", bytes })) {
    assertBytes(region.bytes, { 0x00: "ff ff ff ff" }, "region");
  }
  const [first, second] = readRegions({ kind: "sysfs", bytes });
  assert(first?.bytes !== second?.bytes);
});
