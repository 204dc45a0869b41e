import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import fc from "fast-check";
import {
  BUS_KINDS,
  checkMask,
  checkRestore,
  type ConfigView,
  failingBytes,
  formatBadConfig,
  formatRealizeFailure,
  get32,
  machineSkipsVscCheck,
  parseBadConfig,
  parseMachine,
  parseQemuVersion,
  parseVfioPciProperties,
  predictRestore,
  QemuPropertyError,
  QemuVersionError,
  readRegions,
  realize,
  type RealizedDevice,
  type RealizeFacts,
  splitProperties,
  type VfioPciProperties,
} from "premigrate/policy";

const RELEASES = ["5.2", "8.0", "8.1", "9.0", "9.1", "10.0", "10.1", "11.1"].map(parseQemuVersion);
const STANDARD_IDS = [0x01, 0x01, 0x03, 0x05, 0x05, 0x09, 0x09, 0x0d, 0x10, 0x10, 0x11, 0x13];
const EXTENDED_IDS = [0x00, 0x01, 0x03, 0x0b, 0x0e, 0x0f, 0x10, 0x15, 0x15, 0x23, 0xffff];

const byte = fc.integer({ min: 0, max: 0xff });
const size = fc.constantFrom(256, 4096);
const noise = size.chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));

const standardCapability = fc.record({
  // In a place of 20 bytes for each, so that they do not overlap.
  at: fc.tuple(fc.integer({ min: 2, max: 7 }), fc.constantFrom(0, 4, 8))
    .map(([place, shift]) => 0x20 * place + shift),
  id: fc.oneof(fc.constantFrom(...STANDARD_IDS), byte),
  body: fc.oneof(
    // Flags that QEMU can make something of.
    fc.constantFrom([0x00], [0x02], [0x80], [0x82, 0x01], [0x92], [0x12]),
    // MSI-X with its table and pending bits in BAR 0.
    fc.constant([0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00]),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => [...bytes]),
  ),
});
const extendedCapability = fc.record({
  // In a place of 40 bytes for each, as many as a resizable BAR capability has at most.
  at: fc.integer({ min: 5, max: 0x3f }).map((place) => 0x40 * place),
  id: fc.constantFrom(...EXTENDED_IDS),
  body: fc.uint8Array({ maxLength: 20 }),
});
const identity = fc.constantFrom(
  [0xde, 0x10, 0xb8, 0x1e],
  [0xb3, 0x15, 0x1e, 0x10],
  [0x86, 0x80, 0x7f, 0x46],
  [0xe4, 0x14, 0x8e, 0x16],
  [0xff, 0xff, 0xff, 0xff],
);

/** Config space with lists that end; most of it can be opened. */
const lists = fc.record({
  length: size,
  identity,
  fill: fc.constantFrom(0x00, 0x00, 0xff, 0xa5),
  header: fc.uint8Array({ minLength: 0x3c, maxLength: 0x3c }),
  pin: fc.constantFrom(0, 1, 1, 4),
  standard: fc.uniqueArray(standardCapability, { selector: ({ at }) => at >> 5, maxLength: 6 }),
  extended: fc.uniqueArray(extendedCapability, { selector: ({ at }) => at, maxLength: 6 }),
  head: fc.option(fc.constantFrom(...EXTENDED_IDS)),
}).map(({ length, identity, fill, header, pin, standard, extended, head }) => {
  const bytes = new Uint8Array(4096).fill(fill);
  bytes.set(header);
  bytes.set(identity);
  bytes.set([0x06, 0x04, 0x10], 0x04);
  bytes[0x0b] = 0x03;
  bytes[0x0e] = 0x80;
  bytes[0x34] = standard[0]?.at ?? 0;
  bytes[0x3d] = pin;
  for (const [index, { at, id, body }] of standard.entries()) {
    bytes.set([id, standard[index + 1]?.at ?? 0, ...body].slice(0, 0x100 - at), at);
  }
  bytes.fill(0, 0x100, 0x108);
  const chain = head === null
    ? []
    : [{ at: 0x100, id: head, body: new Uint8Array(8) }, ...extended];
  for (const [index, { at, id, body }] of chain.entries()) {
    const next = chain[index + 1]?.at ?? 0;
    const link = [id & 0xff, id >> 8, 1 | (next & 0xf) << 4, next >> 4];
    bytes.set([...link, ...body].slice(0, 4096 - at), at);
  }
  return bytes.slice(0, length);
});
const spaces = fc.oneof({ weight: 4, arbitrary: lists }, { weight: 1, arbitrary: noise });

const barSize = fc.oneof(
  fc.constant(0),
  fc.constantFrom(8, 16, 4096, 0x10000, 2 ** 24, 2 ** 31, 2 ** 32, 2 ** 41),
);
const bars = fc.oneof(
  fc.constant(undefined),
  fc.array(barSize, { minLength: 6, maxLength: 6 }),
);
const properties: fc.Arbitrary<VfioPciProperties> = fc.record({
  multifunction: fc.boolean(),
  deviceId: fc.integer({ min: 0, max: 0xffff }),
  subVendorId: fc.integer({ min: 0, max: 0xffff }),
  subDeviceId: fc.integer({ min: 0, max: 0xffff }),
  classCode: fc.integer({ min: 0, max: 0xffffff }),
  gpudirectClique: fc.integer({ min: 0, max: 15 }),
  romBar: fc.boolean(),
  romFile: fc.constantFrom("", "a.rom"),
  romSize: fc.constantFrom(2048, 65536),
  ats: fc.constantFrom("on", "off", "auto"),
}, { requiredKeys: [] });
const quiet = fc.constant({});
const facts: fc.Arbitrary<RealizeFacts> = fc.record({
  qemu: fc.constantFrom(...RELEASES),
  skipVscCheck: fc.boolean(),
  bus: fc.constantFrom(...BUS_KINDS),
  bars,
  romSize: fc.constantFrom(undefined, 0, 2048, 0x10000),
  properties: fc.oneof(quiet, properties),
});
/** Facts that no rule keeps from anything. */
const wildFacts: fc.Arbitrary<RealizeFacts> = fc.record({
  qemu: fc.constantFrom(...RELEASES, parseQemuVersion("0.1"), parseQemuVersion("999.0")),
  skipVscCheck: fc.boolean(),
  bus: fc.constantFrom(...BUS_KINDS),
  bars: fc.oneof(bars, fc.array(fc.double(), { maxLength: 9 })),
  romSize: fc.oneof(fc.constant(undefined), fc.double()),
  properties: fc.oneof(
    properties,
    fc.record({ vendorId: fc.integer(), classCode: fc.integer(), gpudirectClique: fc.integer() }),
  ),
});

function open(bytes: Uint8Array, facts: RealizeFacts): RealizedDevice | undefined {
  const device = realize({ kind: "realize", bytes }, facts);
  return device.ok ? device : undefined;
}

/** What the first argument gives, unless it throws an error of that class. */
function resultOf<T>(run: () => T, own: new (...args: never) => Error): T | undefined {
  try {
    return run();
  } catch (error) {
    assertInstanceOf(error, own);
    return undefined;
  }
}

Deno.test("realize: any bytes and facts have a result, and a reason can be told", () => {
  const anySpace = fc.oneof(spaces, fc.uint8Array({ maxLength: 5000, size: "max" }));
  fc.assert(
    fc.property(anySpace, fc.oneof(facts, wildFacts), (bytes, facts) => {
      const before = bytes.slice();
      const device = realize({ kind: "realize", bytes }, facts);
      assertEquals(bytes, before);
      if (!device.ok) {
        assert(formatRealizeFailure(device.reason).length > 0);
        return;
      }
      const { shadow, cmask, wmask, exempt } = device;
      assert(shadow.length === (bytes.length >= 4096 ? 4096 : 256));
      assert(cmask.length === shadow.length && wmask.length === shadow.length);
      for (const [start, end] of exempt) assert(start >= 0x03 && start < end && end <= 0x100);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("realize: lists that come round or lead anywhere end as well", () => {
  const pointers = fc.record({
    fill: byte,
    pointers: fc.array(fc.tuple(fc.integer({ min: 0, max: 0xfff }), byte), { maxLength: 40 }),
  });
  fc.assert(
    fc.property(pointers, facts, ({ fill, pointers }, facts) => {
      const bytes = new Uint8Array(4096).fill(fill);
      bytes[0x06] = 0x10;
      bytes[0x3d] = 0;
      for (const [at, value] of pointers) bytes[at] = value;
      realize({ kind: "realize", bytes }, facts);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("realize: most of these devices can be opened, or the other tests show nothing", () => {
  const opened = fc.sample(fc.tuple(lists, facts), 1000).filter(([bytes, facts]) =>
    open(bytes, facts) !== undefined
  );
  assert(opened.length > 300, `${opened.length} of 1000`);
});

Deno.test("predictRestore: two equal devices that QEMU can open always pass", () => {
  fc.assert(
    fc.property(spaces, facts, facts, (bytes, facts, other) => {
      const side = { view: { kind: "realize", bytes }, facts } as const;
      const { result } = predictRestore(side, side);
      assertEquals(result, open(bytes, facts) === undefined ? "realize-failed" : "completed");
      // What skip-vsc-check is changes nothing that is sent.
      const source = { ...side, facts: { ...facts, skipVscCheck: other.skipVscCheck } };
      assertEquals(predictRestore(source, side).result, result);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("checkRestore: of a flipped bit the check mask alone decides", () => {
  fc.assert(
    fc.property(lists, facts, fc.nat(), fc.nat({ max: 7 }), (bytes, facts, at, bit) => {
      const device = open(bytes, facts);
      fc.pre(device !== undefined);
      // Among the compared bytes one time in two: most are not.
      const compared = Array.from(device.shadow.keys()).filter((i) => checkMask(device, i) !== 0);
      const places = at % 2 === 0 ? compared : Array.from(device.shadow.keys());
      const offset = places[at % places.length] ?? 0;
      const stream = device.shadow.slice();
      stream[offset] = (stream[offset] ?? 0) ^ 1 << bit;
      const prediction = checkRestore(stream, device);
      if ((checkMask(device, offset) & 1 << bit) === 0) {
        assertEquals(prediction, { result: "completed" });
        assertEquals(failingBytes(stream, device), []);
      } else {
        assert(prediction.result === "bad-config");
        assertEquals(prediction.bad.offset, offset);
        assertEquals(failingBytes(stream, device), [prediction.bad]);
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("checkRestore: tells the first of all failing bytes, with the destination's masks", () => {
  fc.assert(
    fc.property(lists, lists, facts, facts, (from, to, fromFacts, toFacts) => {
      const [source, device] = [open(from, fromFacts), open(to, toFacts)];
      fc.pre(source !== undefined && device !== undefined);
      const prediction = checkRestore(source.shadow, device);
      const failing = failingBytes(source.shadow, device);
      const [first] = failing;
      if (first === undefined) {
        assert(prediction.result !== "bad-config");
      } else {
        assertEquals(prediction, { result: "bad-config", bad: first });
      }
      for (const { offset, read, device: own, cmask, wmask, w1cmask } of failing) {
        assertEquals([read, own], [source.shadow[offset], device.shadow[offset]]);
        assert(((read ^ own) & cmask & ~wmask & ~w1cmask) !== 0);
      }
      const offsets = failing.map(({ offset }) => offset);
      assertEquals(offsets, offsets.toSorted((a, b) => a - b));
    }),
    { numRuns: 1000 },
  );
});

const HEADER = [0x00, 0x01, 0x02, 0x03, 0x06, 0x08, 0x09, 0x0a, 0x0b, 0x0e, 0x34];

/** Offsets of the standard list, as far as it does not come round. */
function standardList(space: Uint8Array): number[] {
  const list = new Set<number>();
  for (let at = space[0x34] ?? 0; at !== 0 && !list.has(at); at = space[at + 1] ?? 0) list.add(at);
  return [...list];
}

function extendedList(space: Uint8Array): number[] {
  const list = new Set<number>();
  for (let at = 0x100; at !== 0 && !list.has(at); at = get32(space, at) >>> 20 & 0xffc) {
    list.add(at);
  }
  return [...list];
}

/** Bytes that a rule may compare, by what the shadow lists. */
function comparable(bytes: Uint8Array, shadow: Uint8Array): Set<number> {
  const allowed = new Set(HEADER);
  const allow = (start: number, end: number): void => {
    for (let offset = start; offset < end; offset++) allowed.add(offset);
  };
  // A 64-bit BAR in the last place has its upper half behind it.
  allow(0x10, 0x2c);
  allow(0x30, 0x34);
  if (((shadow[0x06] ?? 0) & 0x10) === 0) return allowed;
  const borders = [...standardList(bytes), ...standardList(shadow)];
  for (const at of standardList(shadow)) {
    const next = Math.min(...borders.filter((border) => border > at));
    // The last one may be an MSI structure, of at most 18 bytes, that runs past byte 255.
    allow(at, Number.isFinite(next) ? next : Math.max(0x100, at + 0x18));
  }
  if (shadow.length === 256 || get32(shadow, 0x100) === 0) return allowed;
  const ends = extendedList(bytes);
  for (const at of extendedList(shadow)) {
    allow(at, Math.min(4096, ...ends.filter((border) => border > at)));
  }
  return allowed;
}

Deno.test("realize: nothing is compared but header, BARs and what the shadow's lists hold", () => {
  fc.assert(
    fc.property(lists, facts, (bytes, facts) => {
      const device = open(bytes, facts);
      fc.pre(device !== undefined);
      const allowed = comparable(bytes, device.shadow);
      for (let offset = 0; offset < device.shadow.length; offset++) {
        if (allowed.has(offset)) continue;
        assertEquals(checkMask(device, offset), 0, `byte 0x${offset.toString(16)}`);
      }
      assertEquals(checkMask(device, 0x06), 0x10);
      for (const offset of [0x00, 0x02, 0x0b, 0x0e, 0x34]) {
        assertEquals(checkMask(device, offset), 0xff);
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("realize: skip-vsc-check takes bytes out of the check, and only those it names", () => {
  fc.assert(
    fc.property(lists, facts, (bytes, facts) => {
      const skipping = open(bytes, { ...facts, skipVscCheck: true });
      const strict = open(bytes, { ...facts, skipVscCheck: false });
      assertEquals(skipping === undefined, strict === undefined);
      fc.pre(skipping !== undefined && strict !== undefined);
      assertEquals(skipping.shadow, strict.shadow);
      assertEquals(strict.exempt, []);
      const exempt = new Set(
        skipping.exempt.flatMap(([start, end]) =>
          Array.from({ length: end - start }, (_, i) => start + i)
        ),
      );
      for (let offset = 0; offset < strict.shadow.length; offset++) {
        const wanted = exempt.has(offset) ? 0 : checkMask(strict, offset);
        assertEquals(checkMask(skipping, offset), wanted, `byte 0x${offset.toString(16)}`);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("readRegions: every view has a region of its size, and realize takes it", () => {
  const kinds = fc.constantFrom<ConfigView["kind"][]>("realize", "running", "sysfs", "guest");
  const id = fc.option(fc.integer({ min: 0, max: 0xffff }), { nil: undefined });
  fc.assert(
    fc.property(spaces, kinds, id, id, facts, (bytes, kind, vendor, device, facts) => {
      const before = bytes.slice();
      const regions = readRegions({ kind, bytes }, { vendor, device });
      assertEquals(bytes, before);
      assertEquals(regions.length, kind === "sysfs" ? 2 : 1);
      for (const region of regions) {
        assertEquals([region.kind, region.bytes.length], ["realize", bytes.length]);
        realize(region, facts);
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("readRegions: what QEMU adds is taken out of the guest's view", () => {
  fc.assert(
    fc.property(lists, facts, fc.integer({ min: 0, max: 15 }), (bytes, facts, gpudirectClique) => {
      // On other buses QEMU drops or edits capabilities, which no guest can show.
      const [plain, added] = [{}, { gpudirectClique }].map((properties) =>
        open(bytes, { ...facts, bus: "pci", properties })
      );
      fc.pre(plain !== undefined && added !== undefined);
      const [region] = readRegions({ kind: "guest", bytes: added.shadow });
      assert(region !== undefined);
      assertEquals(standardList(region.bytes), standardList(plain.shadow));
      const again = open(region.bytes, {
        ...facts,
        bus: "pci",
        properties: { gpudirectClique },
      });
      assert(again !== undefined);
      assertEquals(standardList(again.shadow), standardList(added.shadow));
      const at = standardList(added.shadow).at(-1) ?? 0;
      assertEquals(again.shadow.subarray(at, at + 8), added.shadow.subarray(at, at + 8));
    }),
    { numRuns: 1000 },
  );
});

const version = fc.tuple(
  fc.nat({ max: 999 }),
  fc.nat({ max: 999 }),
  fc.option(fc.nat({ max: 9999 })),
);

Deno.test("parseQemuVersion: reads versions or throws a QemuVersionError", () => {
  const text = fc.oneof(
    fc.string(),
    fc.stringMatching(/^ ?v?[0-9]{0,4}\.?[0-9]{0,4}\.?[0-9]{0,5}.?$/),
  );
  fc.assert(fc.property(text, (text) => {
    const found = resultOf(() => parseQemuVersion(text), QemuVersionError);
    if (found !== undefined) assertEquals(String(parseQemuVersion(String(found))), String(found));
  }));
  fc.assert(fc.property(version, ([major, minor, micro]) => {
    const found = parseQemuVersion([major, minor, ...micro === null ? [] : [micro]].join("."));
    assert(found.atLeast(major, minor));
    assert(!found.atLeast(major + 1, 1));
  }));
});

Deno.test("parseMachine: any name has a machine, and a new binary is never too old for it", () => {
  const name = fc.oneof(
    fc.string(),
    fc.constantFrom("constructor", "__proto__", "pc-q35-", "q35", "virt"),
    fc.tuple(fc.constantFrom("pc-q35-", "pc-i440fx-", "virt-"), fc.string()).map((parts) =>
      parts.join("")
    ),
  );
  fc.assert(fc.property(name, fc.constantFrom(...RELEASES), (name, qemu) => {
    const machine = parseMachine(name);
    assertEquals(machine.name, name);
    const skips = machineSkipsVscCheck(machine, qemu);
    assert(
      qemu.atLeast(9, 1) ? skips === undefined || typeof skips === "boolean" : skips === false,
    );
  }));
});

const NAMES = [
  "skip-vsc-check",
  "multifunction",
  "x-pci-vendor-id",
  "x-pci-class-code",
  "x-nv-gpudirect-clique",
  "rombar",
  "romfile",
  "romsize",
  "ats",
  "x-msix-relocation",
  "host",
  "__proto__",
];

Deno.test("parseVfioPciProperties: reads properties or throws a QemuPropertyError", () => {
  const value = fc.oneof(
    fc.string(),
    fc.constantFrom("on", "off", "0", "0x10", "-1", "bar2", "auto"),
  );
  const dictionary = fc.dictionary(fc.oneof(fc.constantFrom(...NAMES), fc.string()), value);
  fc.assert(
    fc.property(dictionary, fc.constantFrom(...RELEASES), fc.uint8Array(), (given, qemu, noise) => {
      const properties = resultOf(() => parseVfioPciProperties(given, qemu), QemuPropertyError);
      if (properties === undefined) return;
      // What could be read can be used.
      const bytes = new Uint8Array(256);
      bytes.set(noise.subarray(0, 16));
      realize({ kind: "realize", bytes }, {
        qemu,
        skipVscCheck: properties.skipVscCheck ?? true,
        bus: "port",
        properties,
      });
    }),
  );
});

Deno.test("splitProperties: reads a text or throws a QemuPropertyError", () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[a-z,= -]*$/));
  fc.assert(fc.property(text, (text) => {
    const properties = resultOf(() => splitProperties(text), QemuPropertyError);
    for (const [name, value] of Object.entries(properties ?? {})) {
      assert(name !== "" && typeof value === "string");
    }
  }));
});

Deno.test("splitProperties: what was joined is split again", () => {
  const name = fc.stringMatching(/^[a-z][a-z-]{0,15}$/);
  const value = fc.stringMatching(/^[a-z0-9.=/]([a-z0-9.=/,]*[a-z0-9.=/])?$/);
  fc.assert(fc.property(fc.dictionary(name, value), (properties) => {
    const text = Object.entries(properties)
      .map(([name, value]) => `${name}=${value.replaceAll(",", ",,")}`).join(",");
    assertEquals(splitProperties(text), { ...properties });
  }));
});

Deno.test("parseBadConfig: reads what formatBadConfig writes, wherever it stands", () => {
  const bad = fc.record({
    offset: fc.integer({ min: 0, max: 0xfff }),
    read: byte,
    device: byte,
    cmask: byte,
    wmask: byte,
    w1cmask: byte,
  });
  const around = fc.string().filter((text) => !/[0-9a-f]$/i.test(text));
  fc.assert(fc.property(bad, around, fc.string(), (bad, before, after) => {
    assertEquals(parseBadConfig(`${before}${formatBadConfig(bad)} ${after}`), bad);
  }));
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    parseBadConfig(text);
  }));
});
