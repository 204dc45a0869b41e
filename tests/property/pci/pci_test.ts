import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import { encodeHex } from "@std/encoding/hex";
import fc from "fast-check";
import {
  type Capability,
  CONFIG_SPACE_SIZES,
  decodeConfigSpace,
  type DumpedFunction,
  fieldAt,
  normalizeBdf,
  readDump,
} from "../../../lib/pci/mod.ts";

const DECODED = [0x01, 0x03, 0x05, 0x09, 0x0d, 0x10, 0x11, 0x13];
const DECODED_EXTENDED = [0x01, 0x03, 0x0b, 0x0e, 0x0f, 0x10, 0x15, 0x23, 0x24];

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

const byte = fc.integer({ min: 0, max: 0xff });
const size = fc.constantFrom(...CONFIG_SPACE_SIZES);
const noise = size.chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));

/**
 * Config space with both lists, of capabilities that are decoded or not, whose pointers go
 * anywhere.
 */
const lists = fc.record({
  length: size,
  headerType: fc.oneof(fc.constantFrom(0, 1, 2, 0x80), byte),
  start: byte,
  fill: fc.constantFrom(0, 0xff, 0x40),
  standard: fc.array(fc.record({
    at: fc.integer({ min: 0x10, max: 0x3f }).map((dword) => 4 * dword),
    id: fc.oneof(fc.constantFrom(...DECODED), byte),
    next: fc.oneof(fc.integer({ min: 0, max: 0x3f }).map((dword) => 4 * dword), byte),
    body: fc.uint8Array({ maxLength: 24 }),
  })),
  extended: fc.array(fc.record({
    at: fc.oneof(
      fc.constant(0x100),
      fc.integer({ min: 0x40, max: 0x3ff }).map((dword) => 4 * dword),
    ),
    id: fc.oneof(fc.constantFrom(...DECODED_EXTENDED), byte),
    next: fc.oneof(
      fc.integer({ min: 0x40, max: 0x3ff }).map((dword) => 4 * dword),
      fc.integer({ min: 0, max: 0xfff }),
    ),
    body: fc.uint8Array({ maxLength: 72 }),
  })),
}).map(({ length, headerType, start, fill, standard, extended }) => {
  const bytes = new Uint8Array(4096);
  bytes.fill(fill, 0x10);
  bytes[0x06] = 0x10;
  bytes[0x0e] = headerType;
  bytes[0x14] = start;
  bytes[0x34] = start;
  for (const { at, id, next, body } of standard) {
    bytes.set([id, next, ...body], at);
  }
  for (const { at, id, next, body } of extended) {
    bytes.set([id, 0, 1 | (next & 0xf) << 4, next >> 4, ...body].slice(0, 4096 - at), at);
  }
  return bytes.subarray(0, length);
});

const spaces = fc.oneof(noise, lists);

function assertInside(capability: Capability, start: number, end: number): void {
  const { offset, length, registers } = capability;
  assert(offset >= start && length > 0 && offset + length <= end);
  for (const register of registers) {
    assert(register.offset >= offset && register.size > 0);
    assert(register.offset + register.size <= offset + length);
  }
}

Deno.test("decodeConfigSpace: any bytes have a result, and all in it is inside the space", () => {
  fc.assert(
    fc.property(spaces, (bytes) => {
      const space = decodeConfigSpace(bytes);
      assert(space.capabilities.length <= 48 && space.extended.length <= 960);
      for (const capability of space.capabilities) {
        assertInside(capability, 0x40, Math.min(bytes.length, 0x100));
      }
      for (const capability of space.extended) assertInside(capability, 0x100, 4096);
      for (const { offset } of [...space.bars, ...space.problems]) {
        assert(offset >= 0 && offset < bytes.length);
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("decodeConfigSpace: a capability is listed once", () => {
  fc.assert(fc.property(spaces, (bytes) => {
    const { capabilities, extended } = decodeConfigSpace(bytes);
    const offsets = [...capabilities, ...extended].map(({ offset }) => offset);
    assertEquals(new Set(offsets).size, offsets.length);
  }));
});

Deno.test("decodeConfigSpace: the result survives JSON", () => {
  fc.assert(fc.property(spaces, (bytes) => {
    const space = decodeConfigSpace(bytes);
    assertEquals(JSON.parse(JSON.stringify(space)), space);
  }));
});

Deno.test("decodeConfigSpace: leaves its bytes alone and does not keep them", () => {
  fc.assert(fc.property(spaces, (bytes) => {
    const before = bytes.slice();
    const space = decodeConfigSpace(bytes);
    assertEquals(bytes, before);
    const text = JSON.stringify(space);
    bytes.fill(0);
    assertEquals(JSON.stringify(space), text);
  }));
});

Deno.test("fieldAt: every byte has a name, and the capability has the byte", () => {
  fc.assert(fc.property(spaces, fc.integer({ min: -10, max: 5000 }), (bytes, offset) => {
    const { name, capability } = fieldAt(decodeConfigSpace(bytes), offset);
    assert(name.length > 0);
    if (!capability) return;
    assert(offset >= capability.offset && offset < capability.offset + capability.length);
    assert(name.includes(capability.name));
  }));
});

function readOrRefuse(data: Uint8Array): DumpedFunction[] {
  try {
    return readDump(data);
  } catch (error) {
    assertInstanceOf(error, PremigrateError);
    return [];
  }
}

const bdf = fc.tuple(
  fc.constantFrom("", "0000:", "10000:"),
  fc.integer({ min: 0, max: 0xff }),
  fc.integer({ min: 0, max: 0x1f }),
  fc.integer({ min: 0, max: 7 }),
).map(([domain, bus, device, fn]) =>
  `${domain}${bus.toString(16).padStart(2, "0")}:${device.toString(16).padStart(2, "0")}.${fn}`
);
const description = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 40 })
  .map((text) => text.trim()).filter((text) => text !== "");

interface Written {
  readonly slot: string;
  readonly description: string;
  readonly bytes: Uint8Array;
}

const written: fc.Arbitrary<Written[]> = fc.array(
  fc.record({ slot: bdf, description, bytes: noise }),
  { minLength: 1, maxLength: 4 },
);

function asLspci(functions: readonly Written[], newline: string, details: string): string {
  return functions.flatMap(({ slot, description, bytes }) => [
    `${slot} ${description}`,
    details,
    ...Array.from({ length: bytes.length / 16 }, (_, i) => {
      const row = encodeHex(bytes.slice(16 * i, 16 * i + 16)).replaceAll(/../g, " $&");
      return `${(16 * i).toString(16).padStart(2, "0")}:${row}`;
    }),
    "",
  ]).join(newline);
}

const details = fc.constantFrom("\tControl: I/O+ Mem+", "# a comment", "\t00: 00 11 22");
const newline = fc.constantFrom("\n", "\r\n");

Deno.test("readDump: functions as lspci prints them are read back", () => {
  fc.assert(fc.property(written, newline, details, (functions, newline, details) => {
    assertEquals(
      readDump(bytesOf(asLspci(functions, newline, details))),
      functions.map(({ slot, description, bytes }) => ({
        slot: normalizeBdf(slot) ?? "none",
        description,
        bytes,
      })),
    );
  }));
});

Deno.test("readDump: raw bytes and hexadecimal digits are read back", () => {
  fc.assert(fc.property(noise, fc.constantFrom("", " ", ":", "\n"), (bytes, separator) => {
    bytes[0] = 0; // so that no text is drawn by chance
    assertEquals(readDump(bytes), [{ bytes }]);
    const digits = encodeHex(bytes).replaceAll(/../g, `$&${separator}`);
    assertEquals(readDump(bytesOf(digits)), [{ bytes }]);
  }));
});

Deno.test("readDump: reads whole functions or throws a PremigrateError, whatever the bytes", () => {
  const damaged = fc.tuple(written, newline, details, fc.nat(), fc.string({ maxLength: 8 }))
    .map(([functions, newline, details, at, patch]) => {
      const text = asLspci(functions, newline, details);
      const place = at % text.length;
      return bytesOf(text.slice(0, place) + patch + text.slice(place + 1));
    });
  const rowsOfNoise = fc.array(fc.stringMatching(/^[0-9a-f]{1,3}:( [0-9a-f]{1,3}){0,17}$/))
    .map((rows) => bytesOf(rows.join("\n")));
  const text = fc.string({ unit: "binary", maxLength: 600 }).map(bytesOf);
  const anything = fc.oneof(damaged, rowsOfNoise, text, fc.uint8Array({ maxLength: 300 }));
  fc.assert(
    fc.property(anything, (data) => {
      for (const { bytes } of readOrRefuse(data)) decodeConfigSpace(bytes);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("readDump: a dump without one of its rows is an error, or ends there and says so", () => {
  fc.assert(fc.property(written, newline, fc.nat(), (functions, newline, at) => {
    const lines = asLspci(functions, newline, "").split(newline);
    const rows = lines.flatMap((line, i) => /^[0-9a-f]+: /.test(line) ? [i] : []);
    const without = bytesOf(lines.toSpliced(rows[at % rows.length] ?? 0, 1).join(newline));
    try {
      const read = readDump(without);
      const whole = readDump(bytesOf(lines.join(newline)));
      assertEquals(read.length, whole.length);
      assert(
        read.some(({ known, bytes }, i) =>
          known !== undefined || bytes.length < (whole[i]?.bytes.length ?? 0)
        ),
      );
    } catch (error) {
      if (!(error instanceof PremigrateError)) throw error;
    }
  }));
});

Deno.test("normalizeBdf: what it makes it leaves alone, whatever the case of the digits", () => {
  fc.assert(fc.property(bdf, (text) => {
    const normal = normalizeBdf(text.toUpperCase());
    assert(normal !== undefined);
    assertEquals(normalizeBdf(normal), normal);
  }));
});

Deno.test("normalizeBdf: any other text is refused", () => {
  const form = /^([0-9a-f]{4,8}:)?[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/i;
  fc.assert(fc.property(fc.oneof(fc.string(), fc.stringMatching(/[0-9a-f:.]*/)), (text) => {
    assertEquals(normalizeBdf(text) !== undefined, form.test(text));
  }));
});
