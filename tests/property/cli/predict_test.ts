import { assert, assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import fc from "fast-check";
import { predictLine } from "../../../lib/cli/commands/predict.ts";
import { readLines } from "../../../lib/facts/files.ts";

const RESULTS = ["completed", "bad-config", "realize-failed", "undecided", "invalid"];

/** Answers a line and looks at the answer's form. */
function answer(line: string | undefined): string {
  const text = JSON.stringify(predictLine(line));
  assert(!text.includes("\n"));
  const answered = JSON.parse(text);
  assert(RESULTS.includes(answered.result), text);
  assert(text.length < 1000, text);
  if (answered.bad !== undefined) {
    const { offset, ...bytes } = answered.bad;
    assert(Number.isInteger(offset) && offset >= 0 && offset < 4096);
    assertEquals(Object.keys(bytes), ["read", "device", "cmask", "wmask", "w1cmask"]);
    const { read, device, cmask, wmask, w1cmask } = bytes;
    assert(((read ^ device) & cmask & ~wmask & ~w1cmask) !== 0, text);
  } else if (answered.result !== "completed") {
    assert(answered.reason.length > 0);
  }
  return answered.result;
}

/** Config space with a list of capabilities that may lead anywhere. */
const space = fc.record({
  size: fc.constantFrom(256, 4096),
  start: fc.constantFrom(0x40, 0x60, 0xb4, 0),
  noise: fc.uint8Array({ minLength: 256, maxLength: 256 }),
  capabilities: fc.array(
    fc.tuple(
      fc.integer({ min: 0x10, max: 0x3f }).map((dword) => 4 * dword),
      fc.constantFrom(0x01, 0x03, 0x05, 0x09, 0x10, 0x11, 0x13, 0xff),
      fc.integer({ min: 0, max: 0x3f }).map((dword) => 4 * dword),
    ),
    { maxLength: 6 },
  ),
  isQuiet: fc.boolean(),
}).map(({ size, start, noise, capabilities, isQuiet }) => {
  const bytes = new Uint8Array(size);
  if (!isQuiet) bytes.set(noise.subarray(0x40), 0x40);
  bytes.set([0xde, 0x10, 0xb8, 0x1e, 0, 0, 0x10, 0, 0xa1, 0, 0, 3]);
  bytes[0x34] = start;
  for (const [at, id, next] of capabilities) bytes.set([id, next], at);
  if (size === 4096) bytes.set(noise, 0x100);
  return encodeHex(bytes);
});

const anything = fc.oneof(fc.jsonValue(), fc.string({ unit: "binary" }));
const sometimes = <T>(usual: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 20, arbitrary: usual }, { weight: 1, arbitrary: anything });

const pair = fc.record({
  machine: sometimes(
    fc.constantFrom("pc-q35-9.0", "pc-q35-9.1", "pc-i440fx-11.1", "virt", "pc-q35-noble", "x"),
  ),
  source: sometimes(space),
  destination: sometimes(space),
  properties: sometimes(
    fc.constantFrom(
      "",
      "skip-vsc-check=on",
      "multifunction=on,rombar=0",
      "x-nv-gpudirect-clique=3",
    ),
  ),
  qemu: sometimes(fc.constantFrom("5.2", "8.1", "9.1", "11.1.3", "12.0")),
  bus: sometimes(fc.constantFrom("port", "root", "pci", "pci-under-pcie")),
  bars: sometimes(fc.dictionary(fc.constantFrom(..."012345"), fc.constantFrom(0, 8, 16, 4096, 12))),
}, { requiredKeys: ["machine", "source", "destination"] });

Deno.test("predictLine: any line has one answer of a known form", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: "binary" }), fc.json(), fc.constant(undefined)),
      (line) => assertEquals(answer(line), "invalid"),
    ),
  );
});

Deno.test("predictLine: any pair has one answer of a known form", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(pair, (value) => {
      seen.add(answer(JSON.stringify(value)));
    }),
    { numRuns: 2000 },
  );
  assertEquals([...seen].toSorted(), RESULTS.toSorted());
});

Deno.test("predictLine: a device and itself never differ", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(pair, (value) => {
      seen.add(answer(JSON.stringify({ ...value, destination: value.source })));
    }),
    { numRuns: 1000 },
  );
  assert(seen.has("completed") && !seen.has("bad-config"));
});

Deno.test("readLines: the lines are those of the text, however the bytes come", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: "grapheme" }).map((line) => line.replaceAll("\n", ""))),
      fc.integer({ min: 1, max: 7 }),
      async (lines, size) => {
        const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
        async function* chunks(): AsyncGenerator<Uint8Array> {
          for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
        }
        assertEquals(await Array.fromAsync(readLines(chunks(), 1 << 20)), lines);
      },
    ),
  );
});
