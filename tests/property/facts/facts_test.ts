import { assert, assertEquals } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import { encodeHex } from "@std/encoding/hex";
import fc from "fast-check";
import { type Facts, parseFacts } from "../../../lib/facts/mod.ts";

/** The facts in a text, or `undefined` when it is refused; any other error is thrown. */
function tryParse(text: string): Facts | undefined {
  try {
    return parseFacts(text);
  } catch (error) {
    assert(error instanceof PremigrateError, String(error));
    assert(error.message.length < 1000);
    return undefined;
  }
}

const hexDigits = (length: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });

const address = fc.oneof(
  fc.uuid({ version: 4 }),
  fc.tuple(
    hexDigits(4),
    hexDigits(2),
    fc.integer({ max: 31, min: 0 }),
    fc.integer({ max: 7, min: 0 }),
  )
    .map(([domain, bus, slot, fn]) =>
      `${domain}:${bus}:${slot.toString(16).padStart(2, "0")}.${fn}`
    ),
);
const name = fc.string({ unit: "binary", minLength: 1, maxLength: 20 });
const size = fc.maxSafeNat();
const config = fc.record({
  view: fc.constantFrom("realize", "sysfs", "guest"),
  source: fc.constantFrom("vfio-region", "sysfs", "ecam", "lspci", "stamp", "composed"),
  hex: fc.constantFrom(64, 256, 4096).chain((length) =>
    fc.uint8Array({ minLength: length, maxLength: length })
  ).map(encodeHex),
});
const device = fc.record({
  address,
  config,
  vendor: hexDigits(4).map((digits) => `0x${digits}`),
  class: hexDigits(6).map((digits) => `0x${digits}`),
  bars: fc.array(size, { minLength: 6, maxLength: 6 }),
  romSize: size,
  driver: fc.record({ name, version: name }, { requiredKeys: ["name"] }),
  attributes: fc.dictionary(
    fc.constantFrom("fw_rev", "parent/fw_rev", "acme/profile"),
    fc.option(fc.string({ unit: "binary", maxLength: 100 })),
    { noNullPrototype: true },
  ),
}, { requiredKeys: ["address"] });
const file = fc.record({
  premigrate: fc.constant("facts/1" as const),
  note: name,
  host: fc.record({
    name,
    qemu: fc.constantFrom("5.2", "9.0.50", "11.1.3"),
    skipVscCheck: fc.dictionary(name, fc.boolean(), { noNullPrototype: true }),
  }, { requiredKeys: ["name"] }),
  devices: fc.uniqueArray(device, { maxLength: 3, selector: ({ address }) => address }),
}, { requiredKeys: ["premigrate", "host", "devices"] });

Deno.test("parseFacts: what fits the schema is read as it was written", () => {
  fc.assert(
    fc.property(file, (written) => {
      const facts = parseFacts(JSON.stringify(written));
      assertEquals(facts.host.name, written.host.name);
      assertEquals(facts.devices.length, written.devices.length);
      for (const [index, device] of facts.devices.entries()) {
        const { address, config, vendor, bars, driver, attributes } = written.devices[index] ?? {};
        assertEquals(device.address, address);
        assertEquals(device.config && encodeHex(device.config.bytes), config?.hex);
        assertEquals(device.config?.kind, config?.view);
        assertEquals(device.vendor, vendor === undefined ? undefined : Number(vendor));
        assertEquals(device.bars, bars);
        assertEquals(device.driver, driver);
        assertEquals(device.attributes, attributes);
      }
    }),
  );
});

Deno.test("parseFacts: any text gives facts or a PremigrateError", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: "binary" }), fc.json(), fc.json({ maxDepth: 8 })),
      (text) => {
        assertEquals(tryParse(text), undefined);
      },
    ),
  );
});

/** A JSON value with one of its members replaced: at each level the path says which. */
function replaceAt(value: unknown, path: readonly number[], by: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined || typeof value !== "object" || value === null) return by;
  const keys = Object.keys(value);
  const key = keys[step % (keys.length + 1)] ?? "__proto__";
  const entries = Object.entries(value).map(([name, member]) =>
    [name, name === key ? replaceAt(member, rest, by) : member] as const
  );
  if (key === "__proto__") entries.push([key, by]);
  return Array.isArray(value) ? entries.map(([, member]) => member) : Object.fromEntries(entries);
}

Deno.test("parseFacts: facts with anything in one place are facts or a PremigrateError", () => {
  fc.assert(
    fc.property(
      file,
      fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
      fc.jsonValue(),
      (written, path, by) => {
        const facts = tryParse(JSON.stringify(replaceAt(written, path, by)));
        for (const { address, config, bars = [] } of facts?.devices ?? []) {
          assertEquals(typeof address, "string");
          if (config !== undefined) assert([64, 256, 4096].includes(config.bytes.length));
          assert(bars.every((size) => Number.isSafeInteger(size) && size >= 0));
        }
      },
    ),
    { numRuns: 1000 },
  );
});
