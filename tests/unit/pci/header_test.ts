import { assertEquals } from "@std/assert";
import { type ConfigSpace, decodeConfigSpace } from "../../../lib/pci/mod.ts";
import { ENDPOINT, ROOT_PORT, spaceOf, VGPU } from "../../cases/pci/space.ts";

function header(bytes: Uint8Array): ConfigSpace["header"] {
  return decodeConfigSpace(bytes).header;
}

Deno.test("header: a device (type 0)", () => {
  assertEquals(header(ENDPOINT), {
    vendor: 0x15b3,
    device: 0x1019,
    command: 0x0406,
    status: 0x0010,
    revision: 0,
    class: 0x020000,
    cacheLineSize: 0x10,
    latencyTimer: 0,
    headerType: 0,
    multifunction: true,
    bist: 0,
    capabilityPointer: 0x60,
    interruptLine: 11,
    interruptPin: 1,
    subsystemVendor: 0x15b3,
    subsystemDevice: 0x0008,
    minGrant: 0,
    maxLatency: 0,
    expansionRom: { offset: 0x30, address: "0xfbf00000", enabled: true },
  });
});

Deno.test("header: a PCI-to-PCI bridge (type 1)", () => {
  const { bridge, expansionRom, headerType, subsystemVendor } = header(ROOT_PORT);
  assertEquals(headerType, 1);
  assertEquals(subsystemVendor, undefined);
  assertEquals(expansionRom, { offset: 0x38, address: "0xf0000800", enabled: true });
  assertEquals(bridge, {
    primaryBus: 0,
    secondaryBus: 1,
    subordinateBus: 2,
    secondaryLatencyTimer: 0,
    secondaryStatus: 0,
    control: 2,
    io: { base: "0x1000", limit: "0x2fff" },
    memory: { base: "0xfe000000", limit: "0xfe1fffff" },
    prefetchable: { base: "0x1f0000000", limit: "0x1f0ffffff" },
  });
});

Deno.test("header: closed windows of a bridge are absent, narrow ones have no upper half", () => {
  const closed = header(spaceOf({ 0x0e: "01", 0x1c: "f0 00", 0x20: "f0 ff 00 00 f0 ff 00 00" }));
  assertEquals(
    [closed.bridge?.io, closed.bridge?.memory, closed.bridge?.prefetchable],
    [undefined, undefined, undefined],
  );

  const narrow = header(
    spaceOf({ 0x0e: "01", 0x1c: "10 20", 0x24: "00 f0 00 f0 ff", 0x2c: "ff", 0x30: "01 00 02 00" }),
  );
  assertEquals(narrow.bridge?.io, { base: "0x1000", limit: "0x2fff" });
  assertEquals(narrow.bridge?.prefetchable, { base: "0xf0000000", limit: "0xf00fffff" });
});

Deno.test("header: a CardBus bridge (type 2)", () => {
  const bytes = spaceOf({
    0x00: "80 11 76 04 07 00 10 02 b3 00 07 06 00 a8 02 00",
    0x10: "00 00 22 f0 dc 00 00 02 02 03 06 b0 00 00 00 f4 00 f0 ff f7 00 10 00 00 00 00 00 00",
    0x2c: "01 10 01 00 fc 1f 01 00 00 30 ff ff fc 3f 00 00",
    0x3c: "0b 01 c0 05",
    0x40: "14 10 fe 05 01 00 00 00",
    0xdc: "01 00 12 fe",
  });
  const space = decodeConfigSpace(bytes);
  assertEquals(space.header.capabilityPointer, 0xdc);
  assertEquals(
    [space.header.subsystemVendor, space.header.subsystemDevice],
    [0x1014, 0x05fe],
  );
  assertEquals(space.header.cardbus, {
    primaryBus: 2,
    cardbusBus: 3,
    subordinateBus: 6,
    latencyTimer: 0xb0,
    secondaryStatus: 0x0200,
    control: 0x05c0,
    memory: [{ base: "0xf4000000", limit: "0xf7ffffff" }],
    io: [{ base: "0x11000", limit: "0x11fff" }, { base: "0x3000", limit: "0x3fff" }],
  });
  assertEquals(space.bars, [
    { index: 0, offset: 0x10, kind: "memory32", prefetchable: false, address: "0xf0220000" },
  ]);
  assertEquals(space.capabilities.map(({ offset, id }) => [offset, id]), [[0xdc, 0x01]]);
});

Deno.test("header: the subsystem of a CardBus bridge is past the end of 64 bytes", () => {
  assertEquals("subsystemVendor" in header(spaceOf({ 0x0e: "02" }, 64)), false);
});

Deno.test("header: an unknown header type has neither BARs nor capabilities", () => {
  const space = decodeConfigSpace(
    spaceOf({ 0x06: "10", 0x0e: "83", 0x10: "00 00 00 fc", 0x34: "40", 0x40: "01" }),
  );
  assertEquals([space.header.headerType, space.header.multifunction], [3, true]);
  assertEquals([space.bars, space.capabilities], [[], []]);
  assertEquals(space.problems, [{ code: "unknown-header-type", offset: 0x0e, value: 3 }]);
});

const BARS: readonly {
  name: string;
  registers: string;
  bars: ConfigSpace["bars"];
  problems?: ConfigSpace["problems"];
}[] = [
  { name: "none", registers: "", bars: [] },
  {
    name: "I/O, and I/O without an address",
    registers: "c1 d0 00 00 01 00 00 00",
    bars: [
      { index: 0, offset: 0x10, kind: "io", prefetchable: false, address: "0xd0c0" },
      { index: 1, offset: 0x14, kind: "io", prefetchable: false, address: "0x0" },
    ],
  },
  {
    name: "64-bit memory with an upper half of all ones",
    registers: "0c 00 00 80 ff ff ff ff",
    bars: [{
      index: 0,
      offset: 0x10,
      kind: "memory64",
      prefetchable: true,
      address: "0xffffffff80000000",
    }],
  },
  {
    name: "the obsolete and the reserved memory type are 32 bits wide",
    registers: "02 00 0c 00 06 00 00 f0",
    bars: [
      { index: 0, offset: 0x10, kind: "memory32", prefetchable: false, address: "0xc0000" },
      { index: 1, offset: 0x14, kind: "memory32", prefetchable: false, address: "0xf0000000" },
    ],
  },
  {
    name: "64-bit memory in the last register",
    registers: `${"00".repeat(20)} 04 00 00 f0`,
    bars: [
      { index: 5, offset: 0x24, kind: "memory64", prefetchable: false, address: "0xf0000000" },
    ],
    problems: [{ code: "bar-cut-off", offset: 0x24, value: 0xf0000004 }],
  },
];

for (const { name, registers, bars, problems = [] } of BARS) {
  Deno.test(`BARs: ${name}`, () => {
    const space = decodeConfigSpace(spaceOf({ 0x10: registers }, 64));
    assertEquals(space.bars, bars);
    assertEquals(space.problems, problems);
  });
}

Deno.test("BARs: 32-bit and 64-bit ones of a vGPU", () => {
  assertEquals(decodeConfigSpace(VGPU).bars, [
    { index: 0, offset: 0x10, kind: "memory32", prefetchable: false, address: "0xfc000000" },
    { index: 1, offset: 0x14, kind: "memory64", prefetchable: true, address: "0xd0000000" },
    { index: 3, offset: 0x1c, kind: "memory64", prefetchable: false, address: "0xfa000000" },
  ]);
});
