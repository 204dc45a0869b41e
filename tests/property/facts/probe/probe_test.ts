import { assert, assertEquals, assertThrows } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import fc from "fast-check";
import { oneLine } from "../../../../lib/facts/one_line.ts";
import { parseProbeReport } from "../../../../lib/facts/probe/report.ts";
import { ProbeError } from "../../../../lib/facts/probe/sections.ts";
import { parseSshTarget } from "../../../../lib/facts/probe/ssh_target.ts";
import { reportOf } from "../../../helpers/probe_reports.ts";

const address = fc.tuple(fc.nat(0xffff), fc.nat(0xff), fc.nat(0x1f), fc.nat(7)).map(
  ([domain, bus, device, fn]) => `${hex(domain, 4)}:${hex(bus, 2)}:${hex(device, 2)}.${fn}`,
);
const uuid = fc.uuid();

const KEYS = [
  "vendor",
  "class",
  "config",
  "resource",
  "numa_node",
  "power_state",
  "driver",
  "parent",
  "parent/vendor",
  "devlink",
  "mdev_type",
  "mdev_type/available_instances",
  "nvidia/current_vgpu_type",
  "driver/nvidia/version",
  "module/nvidia/version",
  "uid",
  "time",
  "qmp",
  "attributes/fw_rev",
  "attributes/parent/fw_rev",
  "attributes/config",
  "attributes/__proto__",
  "__proto__",
];
const printableLine = fc.string({ unit: "grapheme-ascii", maxLength: 30 });
const value = fc.oneof(
  fc.array(printableLine, { minLength: 1, maxLength: 3 }).map((lines) => ({ lines })),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => ({ bytes })),
  fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 30 }).map((why) => ({ why })),
);
const attributes = fc.uniqueArray(fc.tuple(fc.constantFrom(...KEYS), value), {
  selector: ([key]) => key,
  maxLength: 12,
}).map((attributes) => attributes.flatMap(([key, value]) => writeValue(key, value)));

type Value = { lines: string[] } | { bytes: Uint8Array } | { why: string };

function writeValue(key: string, value: Value): string[] {
  if ("why" in value) return [`attr ${key} - ${value.why}`];
  if ("lines" in value) return value.lines.map((line) => `attr ${key} s ${line}`);
  const rows = Array.from(
    { length: Math.ceil(value.bytes.length / 16) },
    (_, row) =>
      Array.from(value.bytes.slice(16 * row, 16 * row + 16), (byte) => ` ${hex(byte, 2)}`).join(""),
  );
  return [`attr ${key} x`, ...rows];
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, "0");
}

interface Written {
  readonly text: string;
  readonly devices: readonly string[];
  readonly absent: readonly string[];
  readonly files: readonly [path: string, size: number | null][];
}

/** Any report that the probe could print. */
const written: fc.Arbitrary<Written> = fc.record({
  host: attributes,
  sections: fc.uniqueArray(fc.tuple(fc.oneof(address, uuid), fc.boolean(), attributes), {
    selector: ([address]) => address,
    maxLength: 4,
  }),
  files: fc.uniqueArray(
    fc.record({
      path: fc.stringMatching(/^\/[A-Za-z0-9._+@:,=-]{1,40}$/).filter((path) =>
        !path.includes("..")
      ),
      size: fc.option(fc.nat(), { nil: undefined }),
    }),
    { selector: ({ path }) => path, maxLength: 4 },
  ),
  emulator: fc.option(attributes),
}).map(({ host, sections, files, emulator }) => {
  const text = reportOf(
    ...host,
    ...sections.flatMap(([address, isThere, attributes]) =>
      isThere ? [`device ${address}`, ...attributes] : [`absent ${address}`]
    ),
    ...files.flatMap(({ path, size }) => [
      `file ${path}`,
      size === undefined ? "attr size - not there" : `attr size s ${size}`,
    ]),
    ...emulator === null ? [] : ["emulator /usr/bin/qemu-system-x86_64", ...emulator],
  );
  return {
    text,
    devices: sections.filter(([, isThere]) => isThere).map(([address]) => address),
    absent: sections.filter(([, isThere]) => !isThere).map(([address]) => address),
    files: files.map(({ path, size = null }): [string, number | null] => [path, size]),
  };
});

Deno.test("parseProbeReport: whatever the values, a whole report is read", () => {
  fc.assert(fc.property(written, ({ text, devices, absent, files }) => {
    const report = parseProbeReport(text);
    assertEquals(report.devices.map(({ address }) => address), devices);
    assertEquals(report.absent, absent);
    assertEquals(
      report.files.map(({ path, size = 0 }): typeof files[number] => [path, size]),
      files,
    );
  }));
});

Deno.test("parseProbeReport: config bytes are those that were written", () => {
  const lengths = fc.constantFrom(64, 128, 256, 4096);
  const bytes = lengths.chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));
  fc.assert(fc.property(fc.oneof(bytes, fc.uint8Array({ maxLength: 4100 })), (bytes) => {
    const lines = [...writeValue("config", { bytes }), "attr power_state s D0"];
    const text = reportOf("device 0000:00:00.0", ...lines);
    const [device] = parseProbeReport(text).devices;
    const isKnown = [64, 256, 4096].includes(bytes.length) && bytes.some((byte) => byte !== 0xff);
    assertEquals(device?.config?.bytes, isKnown ? bytes : undefined);
    assertEquals(device?.missing["config"] === undefined, isKnown);
  }));
});

Deno.test("parseProbeReport: an attribute is the text that was written, or it is said why not", () => {
  const plain = fc.string({ unit: "grapheme", maxLength: 200 })
    .map((text) => new TextEncoder().encode(text));
  fc.assert(fc.property(fc.oneof(plain, fc.uint8Array({ maxLength: 5000 })), (bytes) => {
    const lines = writeValue("attributes/fw_rev", { bytes });
    const text = reportOf("device 0000:00:00.0", ...lines);
    const [device] = parseProbeReport(text).devices;
    const value = device?.attributes?.["fw_rev"];
    assertEquals(value === undefined, device?.missing["attributes/fw_rev"] !== undefined);
    if (typeof value !== "string") return;
    assert(!/[^\P{Cc}\n\t]/u.test(value));
    const written = [value, `${value}\n`].map((text) => encodeHex(text));
    assert(written.includes(encodeHex(bytes)));
  }));
});

Deno.test("parseProbeReport: a report cut anywhere is an error", () => {
  fc.assert(
    fc.property(written, fc.nat(), ({ text }, at) => {
      assertThrows(() => parseProbeReport(text.slice(0, at % text.length)), ProbeError);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("parseProbeReport: a report without one of its lines is an error, or has fewer bytes", () => {
  fc.assert(fc.property(written, fc.nat(), ({ text }, at) => {
    const lines = text.split("\n").slice(0, -1);
    const index = at % lines.length;
    const without = [...lines.toSpliced(index, 1), ""].join("\n");
    if (lines[index]?.startsWith(" ")) parseProbeReport(without);
    else assertThrows(() => parseProbeReport(without), ProbeError);
  }));
});

Deno.test("parseProbeReport: any text is a report or a ProbeError", () => {
  const damaged = fc.tuple(written, fc.nat(), fc.nat(3), fc.string({ maxLength: 8 }))
    .map(([{ text }, at, length, patch]) => {
      const place = at % text.length;
      return text.slice(0, place) + patch + text.slice(place + length);
    });
  const rearranged = written.chain(({ text }) =>
    fc.shuffledSubarray(text.split("\n")).map((lines) =>
      ["premigrate-probe 1", ...lines, `end ${lines.length}`, ""].join("\n")
    )
  );
  fc.assert(
    fc.property(fc.oneof(damaged, rearranged, fc.string()), (text) => {
      try {
        parseProbeReport(text);
      } catch (error) {
        assert(error instanceof ProbeError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    assertThrows(() => parseProbeReport(bytes), ProbeError);
  }));
});

Deno.test("oneLine: a line of printable characters, and again the same", () => {
  const text = fc.string({ unit: "binary", maxLength: 2000 });
  fc.assert(fc.property(text, (text) => {
    const line = oneLine(text);
    assert(line.length <= 300 && line.isWellFormed());
    assert(!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(line));
    assertEquals(oneLine(line), line);
  }));
});

Deno.test("parseSshTarget: no host or user begins with a dash, or has white space", () => {
  const parts = fc.array(
    fc.constantFrom(
      "-",
      "o",
      "host",
      "user@",
      "@",
      ":",
      "22",
      "[",
      "::1",
      "]",
      "ssh://",
      "/",
      " ",
      "\n",
      "%",
      "$",
      ".",
    ),
    { maxLength: 8 },
  ).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(parts, fc.string()), (text) => {
      const target = parseSshTarget(text);
      if (target === undefined) return;
      for (const word of [target.host, target.user ?? "x"]) {
        assert(/^[A-Za-z0-9_:][^\s$]*$/.test(word));
      }
      assert(target.port === undefined || (target.port > 0 && target.port < 65536));
    }),
    { numRuns: 3000 },
  );
});
