import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type CapturedDevice, DomainXmlError, type Facts, parseDomain } from "premigrate";
import {
  readStampMetadata,
  type Stamp,
  STAMP_NAMESPACE,
  writeStamp,
} from "../../../../lib/facts/mod.ts";
import { setMetadata } from "premigrate/domain";
import { keyIds } from "../../../../lib/facts/probe/host_ids.ts";
import { oneLine } from "../../../../lib/facts/one_line.ts";
import { findStart, recordStart } from "../../../../lib/facts/vfio/start_records.ts";

const text = fc.string({ unit: "binary", minLength: 1, maxLength: 20 });
const hex = (digits: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.constantFrom(..."0123456789abcdef"),
    minLength: digits,
    maxLength: digits,
  });
const address = fc.oneof(
  fc.uuid(),
  fc.tuple(hex(4), hex(2)).map(([domain, bus]) => `${domain}:${bus}:1f.7`),
);
const time = fc.date({
  noInvalidDate: true,
  min: new Date("2000-01-01"),
  max: new Date("2100-01-01"),
}).map((date) => date.toISOString());
const device: fc.Arbitrary<CapturedDevice> = fc.record({
  address,
  config: fc.record({
    kind: fc.constantFrom("realize" as const, "sysfs" as const),
    bytes: fc.constantFrom(64, 256, 4096).chain((size) =>
      fc.uint8Array({ minLength: size, maxLength: size })
    ).map((bytes) => new Uint8Array(bytes)),
    source: fc.constantFrom("vfio-region" as const, "sysfs" as const),
    time,
  }),
  bars: fc.array(fc.maxSafeNat(), { minLength: 6, maxLength: 6 }),
  romSize: fc.maxSafeNat(),
  driver: fc.record({ name: text, version: text }),
  attributes: fc.dictionary(
    fc.constantFrom("fw_rev", "parent/fw_rev", "acme/profile"),
    fc.option(fc.string({ unit: "binary", maxLength: 100 })),
    { noNullPrototype: true },
  ),
  missing: fc.dictionary(fc.constantFrom("config", "bars", "x"), text.map(oneLine), {
    noNullPrototype: true,
  }),
}, { requiredKeys: ["address"] });
const facts: fc.Arbitrary<Facts> = fc.record({
  premigrate: fc.constant("facts/1" as const),
  host: fc.record(
    { name: text, uuid: fc.uuid(), bootId: fc.uuid(), kernel: text, time },
    { requiredKeys: ["name"] },
  ),
  devices: fc.uniqueArray(device, { maxLength: 4, selector: ({ address }) => address }),
});
const stamp: fc.Arbitrary<Stamp> = fc.record({ guest: fc.uuid(), time, facts }).map((stamp) => ({
  ...stamp,
  devices: stamp.facts.devices.map(({ address }, index) => ({
    guest: `0000:0${index + 1}:00.0`,
    source: address,
  })),
}));

/** As it is read: with ids that are the guest's own. */
async function asRead(stamp: Stamp): Promise<Stamp> {
  const { facts, guest } = stamp;
  return { ...stamp, facts: { ...facts, host: await keyIds(facts.host, guest) } };
}

function xmlWith(element: string): string {
  const xml = "<domain type='kvm'><name>vm1</name></domain>";
  return setMetadata(xml, parseDomain(xml), STAMP_NAMESPACE, element);
}

Deno.test("a stamp is read as it was written", () =>
  fc.assert(fc.asyncProperty(stamp, async (stamp) => {
    const { metadataElements } = parseDomain(xmlWith(await writeStamp(stamp)));
    const read = await readStampMetadata(metadataElements);
    assertEquals(read, { kind: "stamp", stamp: await asRead(stamp) });
  })));

Deno.test("of a damaged element nothing is believed but what was written", () => {
  const edit = fc.tuple(
    fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    fc.nat(4),
    fc.oneof(fc.constant(""), fc.string({ maxLength: 3 }), fc.constantFrom("A", "=", "1", '"')),
  );
  return fc.assert(
    fc.asyncProperty(
      stamp,
      fc.array(edit, { minLength: 1, maxLength: 3 }),
      async (stamp, edits) => {
        const element = await writeStamp(stamp);
        const damaged = edits.reduce((text, [where, length, put]) => {
          const at = Math.floor(where * text.length);
          return text.slice(0, at) + put + text.slice(at + length);
        }, element);
        let read;
        try {
          read = await readStampMetadata(parseDomain(xmlWith(damaged)).metadataElements);
        } catch (error) {
          assert(error instanceof DomainXmlError, String(error));
          return;
        }
        if (read.kind === "stamp") assertEquals(read.stamp, await asRead(stamp));
        else assert(read.kind === "unusable" || read.kind === "none", read.kind);
      },
    ),
    { numRuns: 1000 },
  );
});

Deno.test("any text and attributes are a stamp's or unusable", () =>
  fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.string({ unit: "binary" }), fc.base64String()),
      fc.dictionary(fc.constantFrom("version", "host", "boot", "time", "digest"), text),
      async (text, attributes) => {
        const { kind } = await readStampMetadata([{
          namespace: STAMP_NAMESPACE,
          name: "stamp",
          attributes: { version: "1", ...attributes },
          text,
          range: { start: 0, end: 0 },
        }]);
        assertEquals(kind, "unusable");
      },
    ),
    { numRuns: 1000 },
  ));

Deno.test("a start record is found as it was kept, and damaged it is missing or another's", async () => {
  const dir = await Deno.makeTempDir();
  const record = fc.record({
    guest: fc.uuid(),
    time,
    bootId: text,
    devices: fc.array(fc.record({
      address,
      config: fc.uint8Array({ minLength: 256, maxLength: 256 })
        .map((bytes) => ({ kind: "realize" as const, bytes: new Uint8Array(bytes) })),
      bars: fc.array(fc.maxSafeNat(), { minLength: 6, maxLength: 6 }),
      romSize: fc.maxSafeNat(),
    })),
  });
  fc.assert(
    fc.property(record, fc.nat(), fc.string({ maxLength: 3 }), (record, where, put) => {
      const file = `${dir}/${record.guest}.json`;
      assertEquals(recordStart(dir, record), undefined);
      assertEquals(findStart(dir, record.guest), record);
      const kept = Deno.readTextFileSync(file);
      const at = where % kept.length;
      Deno.writeTextFileSync(file, kept.slice(0, at) + put + kept.slice(at + 1));
      const found = findStart(dir, record.guest);
      assert("missing" in found || found.guest === record.guest);
    }),
  );
  await Deno.remove(dir, { recursive: true });
});
