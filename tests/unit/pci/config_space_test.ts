import { assertEquals, assertThrows } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import { type Capability, type ConfigSpace, decodeConfigSpace } from "../../../lib/pci/mod.ts";
import { ENDPOINT, ROOT_PORT, spaceOf, VGPU } from "../../cases/pci/space.ts";

function places(capabilities: readonly Capability[]): [number, number][] {
  return capabilities.map(({ offset, id }) => [offset, id]);
}

for (const length of [0, 1, 63, 65, 255, 257, 4095, 4097]) {
  Deno.test(`decodeConfigSpace: ${length} bytes are an error`, () => {
    const error = assertThrows(() => decodeConfigSpace(new Uint8Array(length)), PremigrateError);
    assertEquals(error.code, "config-space");
    assertEquals(
      error.message,
      `Decoding config space: found ${length} bytes, wanted 64, 256 or 4096`,
    );
  });
}

Deno.test("decodeConfigSpace: lists are in the order of their pointers", () => {
  const { capabilities, extended, problems, size } = decodeConfigSpace(ENDPOINT);
  assertEquals(size, 4096);
  assertEquals(places(capabilities), [
    [0x60, 0x10],
    [0x48, 0x03],
    [0x9c, 0x11],
    [0xc0, 0x09],
    [0x40, 0x01],
  ]);
  assertEquals(capabilities.map(({ next }) => next), [0x48, 0x9c, 0xc0, 0x40, 0]);
  assertEquals(extended.map(({ offset, id, version }) => [offset, id, version]), [
    [0x100, 0x0001, 2],
    [0x150, 0x000e, 1],
    [0x160, 0x0010, 1],
    [0x1c0, 0x0003, 1],
    [0x1d0, 0x000f, 1],
    [0x200, 0x0015, 1],
    [0x230, 0x000b, 1],
    [0x240, 0x0023, 1],
  ]);
  assertEquals(problems, []);
});

Deno.test("decodeConfigSpace: of 256 bytes there is no extended list", () => {
  const { capabilities, extended, problems } = decodeConfigSpace(ENDPOINT.subarray(0, 256));
  assertEquals([capabilities.length, extended.length, problems.length], [5, 0, 0]);
});

Deno.test("decodeConfigSpace: without the status bit there is no list", () => {
  const bytes = VGPU.slice();
  bytes[0x06] = 0;
  assertEquals(decodeConfigSpace(bytes).capabilities, []);
});

for (const [name, bytes] of Object.entries({ VGPU, ENDPOINT, ROOT_PORT })) {
  Deno.test(`decodeConfigSpace: ${name} survives JSON`, () => {
    const space = decodeConfigSpace(bytes);
    assertEquals(JSON.parse(JSON.stringify(space)), space);
  });
}

const STANDARD_PROBLEMS: readonly {
  name: string;
  bytes: Readonly<Record<number, string>>;
  size?: number;
  found: readonly [number, number][];
  problems: ConfigSpace["problems"];
}[] = [
  {
    name: "a capability that points at itself",
    bytes: { 0x34: "40", 0x40: "01 40" },
    found: [[0x40, 0x01]],
    problems: [{ code: "capability-loop", offset: 0x41, value: 0x40 }],
  },
  {
    name: "a loop over three capabilities",
    bytes: { 0x34: "40", 0x40: "01 80", 0x80: "05 60", 0x60: "09 80 08" },
    found: [[0x40, 0x01], [0x80, 0x05], [0x60, 0x09]],
    problems: [{ code: "capability-loop", offset: 0x61, value: 0x80 }],
  },
  {
    name: "the first pointer into the header",
    bytes: { 0x34: "3c" },
    found: [],
    problems: [{ code: "pointer-into-header", offset: 0x34, value: 0x3c }],
  },
  {
    name: "a later pointer into the header",
    bytes: { 0x34: "40", 0x40: "01 04" },
    found: [[0x40, 0x01]],
    problems: [{ code: "pointer-into-header", offset: 0x41, value: 0x04 }],
  },
  {
    name: "reserved bits in the pointers are ignored, and said",
    bytes: { 0x34: "42", 0x40: "01 51", 0x50: "05 03" },
    found: [[0x40, 0x01], [0x50, 0x05]],
    problems: [
      { code: "unaligned-pointer", offset: 0x34, value: 0x42 },
      { code: "unaligned-pointer", offset: 0x41, value: 0x51 },
      { code: "unaligned-pointer", offset: 0x51, value: 0x03 },
    ],
  },
  {
    name: "id 0xff ends the list",
    bytes: { 0x34: "40", 0x40: "01 50", 0x50: "ff ff ff ff" },
    found: [[0x40, 0x01]],
    problems: [{ code: "chain-broken", offset: 0x41, value: 0x50 }],
  },
  {
    name: "a null capability does not end the list",
    bytes: { 0x34: "40", 0x40: "00 50", 0x50: "01 00" },
    found: [[0x40, 0x00], [0x50, 0x01]],
    problems: [],
  },
  {
    name: "64 bytes hold no capability",
    bytes: { 0x34: "40" },
    size: 64,
    found: [],
    problems: [{ code: "truncated", offset: 0x34, value: 0x40 }],
  },
  {
    name: "a length past the end",
    bytes: { 0x34: "f0", 0xf0: "09 00 20" },
    found: [[0xf0, 0x09]],
    problems: [{ code: "past-end", offset: 0xf0, value: 0x20 }],
  },
  {
    name: "a length past the end of the standard area in 4096 bytes",
    bytes: { 0x34: "fc", 0xfc: "01" },
    size: 4096,
    found: [[0xfc, 0x01]],
    problems: [{ code: "past-end", offset: 0xfc, value: 8 }],
  },
  {
    name: "a length that does not count itself",
    bytes: { 0x34: "40", 0x40: "09 00 02" },
    found: [[0x40, 0x09]],
    problems: [{ code: "length-too-short", offset: 0x40, value: 2 }],
  },
];

for (const { name, bytes, size, found, problems } of STANDARD_PROBLEMS) {
  Deno.test(`standard list: ${name}`, () => {
    const space = decodeConfigSpace(spaceOf({ 0x00: "de 10 b8 1e", 0x06: "10", ...bytes }, size));
    assertEquals(places(space.capabilities), found);
    assertEquals(space.problems, problems);
  });
}

const EXPRESS = { 0x06: "10", 0x34: "40", 0x40: "10 00 02 00" };

const EXTENDED_PROBLEMS: readonly {
  name: string;
  bytes: Readonly<Record<number, string>>;
  found: readonly [number, number][];
  problems: ConfigSpace["problems"];
}[] = [
  { name: "nothing there", bytes: EXPRESS, found: [], problems: [] },
  {
    name: "0xff in an express function",
    bytes: { ...EXPRESS, 0x100: "ff ff ff ff" },
    found: [],
    problems: [{ code: "all-ff", offset: 0x100, value: 0xffffffff }],
  },
  {
    name: "0xff in a conventional function",
    bytes: { 0x100: "ff ff ff ff" },
    found: [],
    problems: [],
  },
  {
    name: "a null capability in front does not end the list",
    bytes: { 0x100: "00 00 00 20", 0x200: "03 00 01 00" },
    found: [[0x100, 0x0000], [0x200, 0x0003]],
    problems: [],
  },
  {
    name: "a loop",
    bytes: { 0x100: "0b 00 01 20 00 00 00 01", 0x200: "03 00 01 10" },
    found: [[0x100, 0x000b], [0x200, 0x0003]],
    problems: [{ code: "capability-loop", offset: 0x202, value: 0x100 }],
  },
  {
    name: "a pointer below 0x100",
    bytes: { 0x100: "03 00 01 0c" },
    found: [[0x100, 0x0003]],
    problems: [{ code: "pointer-into-header", offset: 0x102, value: 0x0c0 }],
  },
  {
    name: "reserved bits in a pointer",
    bytes: { 0x100: "03 00 31 20", 0x200: "03 00 01 00" },
    found: [[0x100, 0x0003], [0x200, 0x0003]],
    problems: [{ code: "unaligned-pointer", offset: 0x102, value: 0x203 }],
  },
  {
    name: "a pointer to nothing",
    bytes: { 0x100: "03 00 01 20" },
    found: [[0x100, 0x0003]],
    problems: [{ code: "chain-broken", offset: 0x102, value: 0x200 }],
  },
  {
    name: "a pointer to 0xff",
    bytes: { 0x100: "03 00 01 20", 0x200: "ff ff ff ff" },
    found: [[0x100, 0x0003]],
    problems: [{ code: "chain-broken", offset: 0x102, value: 0x200 }],
  },
  {
    name: "a length past the end",
    bytes: { 0x100: "03 00 c1 ff", 0xffc: "23 00 01 00" },
    found: [[0x100, 0x0003], [0xffc, 0x0023]],
    problems: [{ code: "length-too-short", offset: 0xffc, value: 0 }],
  },
  {
    name: "a capability in the last four bytes",
    bytes: { 0x100: "03 00 c1 ff", 0xffc: "01 00 01 00" },
    found: [[0x100, 0x0003], [0xffc, 0x0001]],
    problems: [{ code: "past-end", offset: 0xffc, value: 0x2c }],
  },
];

for (const { name, bytes, found, problems } of EXTENDED_PROBLEMS) {
  Deno.test(`extended list: ${name}`, () => {
    const space = decodeConfigSpace(spaceOf({ 0x00: "de 10 b8 1e", ...bytes }, 4096));
    assertEquals(places(space.extended), found);
    assertEquals(space.problems, problems);
  });
}

for (const size of [64, 256, 4096]) {
  Deno.test(`decodeConfigSpace: ${size} bytes of 0xff are one problem`, () => {
    const { bars, capabilities, extended, header, problems } = decodeConfigSpace(
      new Uint8Array(size).fill(0xff),
    );
    assertEquals([bars, capabilities, extended], [[], [], []]);
    assertEquals(header.vendor, 0xffff);
    assertEquals(problems, [{ code: "all-ff", offset: 0, value: 0xff }]);
  });
}

Deno.test("decodeConfigSpace: the longest lists possible are followed to their ends", () => {
  const bytes = spaceOf({ 0x06: "10", 0x34: "fc" }, 4096);
  for (let offset = 0xfc; offset >= 0x40; offset -= 4) {
    bytes.set([0x04, offset === 0x40 ? 0 : offset - 4], offset);
  }
  for (let offset = 0x100; offset < 4096; offset += 4) {
    const next = offset === 0xffc ? 0 : offset + 4;
    bytes.set([0x04, 0x00, (next & 0xf) << 4, next >> 4], offset);
  }
  const { capabilities, extended, problems } = decodeConfigSpace(bytes);
  assertEquals([capabilities.length, extended.length, problems.length], [48, 960, 0]);
});

Deno.test("capability length: known, or the distance to the next by address, or to the end", () => {
  const { capabilities } = decodeConfigSpace(spaceOf({
    0x06: "10",
    0x34: "80",
    0x80: "07 40",
    0x40: "04 a0",
    0xa0: "09 c0 08",
    0xc0: "12 00",
  }));
  assertEquals(
    capabilities.map(({ offset, length, lengthKnown }) => [offset, length, lengthKnown]),
    [
      [0x80, 0x20, false],
      [0x40, 0x40, false],
      [0xa0, 0x08, true],
      [0xc0, 0x40, false],
    ],
  );
});
