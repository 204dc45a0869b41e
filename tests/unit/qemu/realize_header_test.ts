/** The header, BARs and the expansion ROM, as vfio_pci_config_setup makes them. */
import { assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { type Changes, describeMask, opened } from "../../cases/qemu/realized.ts";
import { spaceOf } from "../../cases/pci/space.ts";

const HEADER = "00-03 06:10 08-0b 0e 34";
const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

function bytesAt(bytes: Uint8Array, start: number, length: number): string {
  return encodeHex(bytes.slice(start, start + length));
}

for (const size of [256, 4096]) {
  Deno.test(`realize: of ${size} bytes without capabilities ids, class and header type are compared`, () => {
    const bytes = new Uint8Array(size).fill(0xa5);
    bytes[0x06] = 0xef; // no capability list
    bytes[0x3d] = 1;
    const device = opened(bytes);
    assertEquals(describeMask(device), HEADER);
    assertEquals(device.shadow.length, size);
    assertEquals(device.exempt, []);
  });
}

Deno.test("realize: the masks of a device without anything are those of do_pci_register_device", () => {
  const { cmask, wmask, w1cmask } = opened(new Uint8Array(256));
  assertEquals(
    cmask,
    spaceOf({ 0x00: "ff ff ff ff", 0x06: "10", 0x08: "ff ff ff ff", 0x0e: "ff", 0x34: "ff" }),
  );
  assertEquals(
    wmask,
    spaceOf({ 0x04: "07 05", 0x0c: "ff", 0x3c: "ff", 0x40: "ff".repeat(0xc0) }),
  );
  assertEquals(w1cmask.slice(0, 256), spaceOf({ 0x07: "f9" }));
});

for (const [length, size] of [[300, 256], [4095, 256], [5000, 4096]] as const) {
  Deno.test(`realize: of ${length} bytes the first ${size} count`, () => {
    const bytes = Uint8Array.from({ length }, (_, offset) => offset < 4 ? offset + 1 : 0);
    const device = opened(bytes);
    assertEquals(device.shadow.length, size);
    assertEquals(bytesAt(device.shadow, 0, 5), "0102030400");
  });
}

Deno.test("realize: does not change the bytes it is given", () => {
  const bytes = spaceOf({ 0x06: "10", 0x0e: "80", 0x10: "00 00 00 fe", 0x34: "40", 0x40: "05" });
  const before = bytes.slice();
  opened(bytes, { bars: [4 * KIB, 0, 0, 0, 0, 0], properties: { vendorId: 0x1234 } });
  assertEquals(bytes, before);
});

const HEADER_TYPES:
  readonly (readonly [name: string, physical: number, Changes, shadow: number])[] = [
    ["the device's multifunction bit is dropped", 0x80, {}, 0x00],
    ["multifunction=off drops it, too", 0x80, { properties: { multifunction: false } }, 0x00],
    ["multifunction=on sets it", 0x00, { properties: { multifunction: true } }, 0x80],
    ["the layout bits stay", 0x82, {}, 0x02],
  ];
for (const [name, physical, changes, shadow] of HEADER_TYPES) {
  Deno.test(`realize, header type: ${name}`, () => {
    const bytes = new Uint8Array(256);
    bytes[0x0e] = physical;
    assertEquals(opened(bytes, changes).shadow[0x0e], shadow);
  });
}

const OVERRIDES:
  readonly (readonly [name: string, Changes, at: number, shadow: string, header: string])[] = [
    ["x-pci-vendor-id", { properties: { vendorId: 0x1234 } }, 0x00, "3412", HEADER],
    ["x-pci-device-id", { properties: { deviceId: 0x5678 } }, 0x02, "7856", HEADER],
    // Subsystem ids are in no compare mask, overridden or not.
    ["x-pci-sub-vendor-id", { properties: { subVendorId: 0xffff } }, 0x2c, "ffff", HEADER],
    ["x-pci-sub-device-id", { properties: { subDeviceId: 0x0000 } }, 0x2e, "0000", HEADER],
    // A partial mask makes the rest writable, so the revision is not compared any more.
    [
      "x-pci-class-code",
      { qemu: "10.1", properties: { classCode: 0x030200 } },
      0x08,
      "11000203",
      "00-03 06:10 09-0b 0e 34",
    ],
  ];
for (const [name, changes, at, shadow, header] of OVERRIDES) {
  Deno.test(`realize: ${name} stands in for the device's own`, () => {
    const device = opened(
      spaceOf({ 0x00: "11".repeat(12), 0x2c: "22".repeat(4), 0x06: "00" }),
      changes,
    );
    assertEquals(bytesAt(device.shadow, at, shadow.length / 2), shadow);
    assertEquals(describeMask(device), header);
  });
}

interface BarCase {
  readonly name: string;
  /** The register as the device shows it, from BAR `index` up. */
  readonly register: string;
  readonly index?: number;
  /** `undefined`: not known. */
  readonly size: number | undefined;
  /** What is compared of bytes 10 to 33. */
  readonly checked: string;
  /** The two registers in the shadow. */
  readonly shadow: string;
}

const BARS: readonly BarCase[] = [
  {
    name: "8 bytes of I/O",
    register: "01c00000",
    size: 8,
    checked: "10:07",
    shadow: "0100000000000000",
  },
  {
    name: "128 bytes of I/O",
    register: "01c00000",
    size: 128,
    checked: "10:7f",
    shadow: "0100000000000000",
  },
  {
    name: "32-bit memory of 16 bytes",
    register: "000000fe",
    size: 16,
    checked: "10:0f",
    shadow: "0000000000000000",
  },
  {
    name: "32-bit memory of 16 MiB",
    register: "000000fe",
    size: 16 * MIB,
    checked: "10-12",
    shadow: "0000000000000000",
  },
  {
    name: "32-bit memory of 2 GiB",
    register: "00000080",
    size: 2 * GIB,
    checked: "10-12 13:7f",
    shadow: "0000000000000000",
  },
  {
    name: "memory below 1 MiB",
    register: "02000c00",
    size: 4 * KIB,
    checked: "10 11:0f",
    shadow: "0200000000000000",
  },
  {
    name: "prefetchable 32-bit memory",
    register: "080000fe",
    size: 4 * KIB,
    checked: "10 11:0f",
    shadow: "0800000000000000",
  },
  {
    name: "64-bit memory of 256 MiB",
    register: "0c0000d038000000",
    size: 256 * MIB,
    checked: "10-12 13:0f",
    shadow: "0c00000000000000",
  },
  {
    name: "64-bit memory of 2 GiB",
    register: "0c00008038000000",
    size: 2 * GIB,
    checked: "10-12 13:7f",
    shadow: "0c00000000000000",
  },
  {
    name: "64-bit memory of 4 GiB",
    register: "0c00000038000000",
    size: 4 * GIB,
    checked: "10-13",
    shadow: "0c00000000000000",
  },
  {
    name: "64-bit memory of 8 GiB",
    register: "0c00000038000000",
    size: 8 * GIB,
    checked: "10-13 14:01",
    shadow: "0c00000000000000",
  },
  {
    name: "64-bit memory of 2 TiB",
    register: "0400000000020000",
    size: 2 ** 41,
    checked: "10-14 15:01",
    shadow: "0400000000000000",
  },
  {
    name: "64-bit memory of 2^52 bytes",
    register: "0400000000000000",
    size: 2 ** 52,
    checked: "10-15 16:0f",
    shadow: "0400000000000000",
  },
  {
    name: "none, whatever the register holds",
    register: "0c0000d038000000",
    size: 0,
    checked: "",
    shadow: "0000000000000000",
  },
  {
    name: "memory that has no address yet",
    register: "00000000",
    size: 4 * KIB,
    checked: "10 11:0f",
    shadow: "0000000000000000",
  },
  // pci_set_quad writes past the last BAR, and reset makes the CIS pointer 0.
  {
    name: "64-bit memory in the last BAR",
    register: "04000000ffffffff",
    index: 5,
    size: 64 * KIB,
    checked: "24-25",
    shadow: "0400000000000000",
  },
  {
    name: "32-bit memory of unknown size",
    register: "080000fe",
    size: undefined,
    checked: "10:0f",
    shadow: "0800000000000000",
  },
  {
    name: "64-bit memory of unknown size",
    register: "0c00000038000000",
    size: undefined,
    checked: "10:0f",
    shadow: "0c00000000000000",
  },
  {
    name: "I/O of unknown size",
    register: "01c00000",
    size: undefined,
    checked: "10:03",
    shadow: "0100000000000000",
  },
  {
    name: "no register, unknown size",
    register: "00000000",
    size: undefined,
    checked: "",
    shadow: "0000000000000000",
  },
];
for (const { name, register, index = 0, size, checked, shadow } of BARS) {
  Deno.test(`realize, BAR: ${name}`, () => {
    const offset = 0x10 + 4 * index;
    const bars = size === undefined ? undefined : [0, 0, 0, 0, 0, 0].with(index, size);
    const device = opened(spaceOf({ [offset]: register }), { bars });
    assertEquals(describeMask(device, 0x10, 0x34), checked);
    assertEquals(bytesAt(device.shadow, offset, 8), shadow);
  });
}

Deno.test("realize: BARs side by side, each with its own size", () => {
  const bytes = spaceOf({ 0x10: "000000e0 0c00000038000000 0c00000039000000 01f00000" });
  const device = opened(bytes, { bars: [16 * MIB, 256 * MIB, 0, 32 * MIB, 0, 128] });
  assertEquals(describeMask(device, 0x10, 0x34), "10-12 14-16 17:0f 1c-1e 1f:01 24:7f");
  assertEquals(
    bytesAt(device.shadow, 0x10, 24),
    "000000000c000000000000000c0000000000000001000000",
  );
});

const BROADCOM = { 0x00: "e4 14 8e 16" };
const ROMS:
  readonly (readonly [name: string, Readonly<Record<number, string>>, Changes, checked: string])[] =
    [
      // The low bits but for the enable bit, which the guest writes.
      ["512 KiB", {}, { romSize: 512 * KIB }, "30:fe 31 32:07"],
      ["2 KiB", {}, { romSize: 2 * KIB }, "30:fe 31:07"],
      ["none", {}, { romSize: 0 }, ""],
      ["not known", {}, {}, ""],
      ["rombar=0", {}, { romSize: 512 * KIB, properties: { romBar: false } }, ""],
      ["rombar=1", {}, { romSize: 512 * KIB, properties: { romBar: true } }, "30:fe 31 32:07"],
      ["a romfile's size counts, not the device's", {}, {
        romSize: 512 * KIB,
        properties: { romFile: "a.rom", romSize: 64 * KIB },
      }, "30:fe 31"],
      [
        "a romfile of unknown size",
        {},
        { romSize: 512 * KIB, properties: { romFile: "a.rom" } },
        "",
      ],
      ["a romfile's size is rounded up to a power of two", {}, {
        romSize: 512 * KIB,
        romFileSize: 33 * KIB,
        properties: { romFile: "a.rom" },
      }, "30:fe 31"],
      ["romsize goes before the romfile's size", {}, {
        romFileSize: 2 * KIB,
        properties: { romFile: "a.rom", romSize: 64 * KIB },
      }, "30:fe 31"],
      ["an empty romfile is none", {}, {
        romSize: 512 * KIB,
        properties: { romFile: "", romSize: 64 * KIB },
      }, ""],
      ["a romfile with rombar=0 goes to firmware", {}, {
        properties: { romFile: "a.rom", romSize: 64 * KIB, romBar: false },
      }, ""],
      ["a device on QEMU's list of bad ROMs", BROADCOM, { romSize: 512 * KIB }, ""],
      ["the same with rombar above 0", BROADCOM, {
        romSize: 512 * KIB,
        properties: { romBar: true },
      }, "30:fe 31 32:07"],
      [
        "the same with a romfile",
        BROADCOM,
        { properties: { romFile: "a.rom", romSize: 64 * KIB } },
        "30:fe 31",
      ],
      ["the list goes by overridden ids", BROADCOM, {
        romSize: 512 * KIB,
        properties: { deviceId: 1 },
      }, "30:fe 31 32:07"],
    ];
for (const [name, bytes, changes, checked] of ROMS) {
  Deno.test(`realize, ROM: ${name}`, () => {
    const device = opened(spaceOf({ ...bytes, 0x30: "01 00 f8 fb" }), changes);
    assertEquals(describeMask(device, 0x10, 0x34), checked);
    assertEquals(bytesAt(device.shadow, 0x30, 4), "00000000");
  });
}
