/** The bytes in which two shadows differ, those of one field together. */
import { assert, assertEquals } from "@std/assert";
import { parseQemuVersion, realize } from "premigrate/policy";
import { differencesOf } from "../../../lib/report/differences.ts";
import { spaceOf } from "../../cases/pci/space.ts";

/** A Vendor Specific Capability at 0x40, which is not compared; its body starts at 0x43. */
const DEVICE = { 0x00: "de 10 b8 1e 00 00 10 00", 0x34: "40", 0x40: "09 00 18" };

interface Case {
  readonly source: Readonly<Record<number, string>>;
  readonly destination: Readonly<Record<number, string>>;
  readonly differences: readonly (readonly [
    place: string,
    field: string,
    kind: string,
    source: string,
    destination: string,
  ])[];
}

const VSC = "Vendor Specific capability at 0x40";

const CASES: Readonly<Record<string, Case>> = {
  "none": { source: {}, destination: {}, differences: [] },
  "one byte of a register": {
    source: {},
    destination: { 0x02: "b9" },
    differences: [["0x02", "Device ID", "failing", "b8", "b9"]],
  },
  "two bytes of a register": {
    source: {},
    destination: { 0x02: "b9 1f" },
    differences: [["0x02 to 0x03", "Device ID", "failing", "b8 1e", "b9 1f"]],
  },
  "a text in a body": {
    source: { 0x48: "35 33 35" },
    destination: { 0x48: "35 35 30" },
    differences: [
      ["0x49 to 0x4a", `${VSC}, bytes +0x09 to +0x0a (body)`, "differing", "33 35 35", "35 30 50"],
    ],
  },
  "two runs, without letters": {
    source: {},
    destination: { 0x48: "01", 0x4a: "02 03" },
    differences: [
      ["0x48", `${VSC}, byte +0x08 (body)`, "differing", "00", "01"],
      ["0x4a to 0x4b", `${VSC}, bytes +0x0a to +0x0b (body)`, "differing", "00 00", "02 03"],
    ],
  },
};

for (const [name, { source, destination, differences }] of Object.entries(CASES)) {
  Deno.test(`differencesOf: ${name}`, () => {
    const facts = {
      qemu: parseQemuVersion("9.2"),
      skipVscCheck: true,
      bus: "port",
      properties: {},
    } as const;
    const [one, other] = [source, destination].map((bytes) => {
      const view = { kind: "realize", bytes: spaceOf({ ...DEVICE, ...bytes }, 256) } as const;
      const device = realize(view, facts);
      assert(device.ok);
      return device;
    });
    assert(one !== undefined && other !== undefined);
    const found = differencesOf({ source: one.shadow, destination: other, assumed: [] });
    assertEquals(
      found.map(({ place, field, kind, source, destination }) => [
        place,
        field,
        kind,
        `${source.hex} ${source.text}`.trim(),
        `${destination.hex} ${destination.text}`.trim(),
      ]),
      differences.map((row) => [...row]),
    );
  });
}
