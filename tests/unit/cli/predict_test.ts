import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { type PredictedLine, predictLine } from "../../../lib/cli/commands/predict.ts";
import { spaceOf } from "../../cases/pci/space.ts";
import { denoArguments, ROOT, runCli, testRuns } from "../../helpers/cli_run.ts";

/** MSI, a PCI Express endpoint and a Vendor Specific Capability; BAR 0 is of I/O. */
const DEVICE: Readonly<Record<number, string>> = {
  0x00: "de 10 b8 1e 06 05 10 00 a1 00 00 03",
  0x10: "01 00 00 00",
  0x34: "60",
  0x3c: "0b 01",
  0x60: "05 78 80 00",
  0x78: "10 b4 02 00 e1 8d 2c 01 00 21 00 00 03 3d 45 00 40 00 03 11",
  0xb4: "09 00 1b 56 46 00 16 35 33 35",
};

/** The hexadecimal digits of the device with other bytes in some places. */
function hexOf(bytes: Readonly<Record<number, string>> = {}, size = 256): string {
  return encodeHex(spaceOf({ ...DEVICE, ...bytes }, size));
}

const PAIR = { machine: "pc-q35-9.1", source: hexOf(), destination: hexOf() };
const OTHER_BODY = { ...PAIR, destination: hexOf({ 0xbb: "36" }) };
const BODY_DIFFERS = {
  result: "bad-config",
  bad: { offset: 0xbb, read: 0x35, device: 0x36, cmask: 0xff, wmask: 0, w1cmask: 0 },
} as const;
const OTHER_LINK = { ...PAIR, destination: hexOf({ 0x8a: "02" }) };
const LINK_DIFFERS = {
  result: "bad-config",
  bad: { offset: 0x8a, read: 3, device: 2, cmask: 0xff, wmask: 0, w1cmask: 0 },
} as const;
const OTHER_BAR = { ...PAIR, destination: hexOf({ 0x10: "08" }) };

const ANSWERED: Record<string, { line: Record<string, unknown>; answer: PredictedLine }> = {
  "equal devices": { line: PAIR, answer: { result: "completed" } },
  "keys of recorded lines that say nothing here": {
    line: { ...PAIR, mutations: [1], guestSource: "", result: "bad-config", "__proto__": 1 },
    answer: { result: "completed" },
  },
  "upper-case digits": {
    line: { ...PAIR, source: hexOf().toUpperCase() },
    answer: { result: "completed" },
  },
  "the body of the VSC, machine 9.1": { line: OTHER_BODY, answer: { result: "completed" } },
  "the body of the VSC, machine 9.0": {
    line: { ...OTHER_BODY, machine: "pc-q35-9.0" },
    answer: BODY_DIFFERS,
  },
  "the body of the VSC, QEMU 9.0": {
    line: { ...OTHER_BODY, machine: "q35", qemu: "9.0.4" },
    answer: BODY_DIFFERS,
  },
  "properties, separated by commas": {
    line: {
      ...OTHER_BODY,
      machine: "pc-q35-9.0",
      properties: "x-pci-device-id=0x1234,skip-vsc-check=on",
    },
    answer: { result: "completed" },
  },
  "a property that makes both sides equal": {
    line: { ...PAIR, source: hexOf({ 0x02: "b9 1e" }), properties: "x-pci-device-id=0x1eb8" },
    answer: { result: "completed" },
  },
  "a distribution's machine with its compat given": {
    line: { ...OTHER_BODY, machine: "pc-q35-noble", properties: "skip-vsc-check=off" },
    answer: BODY_DIFFERS,
  },
  "a machine of no known family with all given": {
    line: { ...OTHER_LINK, machine: "mine", properties: "skip-vsc-check=off", bus: "port" },
    answer: LINK_DIFFERS,
  },
  "pcie.0 is where q35 has a device": { line: OTHER_LINK, answer: { result: "completed" } },
  "below a port": { line: { ...OTHER_LINK, bus: "port" }, answer: LINK_DIFFERS },
  "i440fx has conventional buses": {
    line: { ...OTHER_LINK, machine: "pc-i440fx-9.1" },
    answer: LINK_DIFFERS,
  },
  "two I/O BARs of 8 bytes are there, of the type that the bytes say": {
    line: OTHER_BAR,
    answer: {
      result: "bad-config",
      bad: { offset: 0x10, read: 1, device: 8, cmask: 0xff, wmask: 0xf8, w1cmask: 0 },
    },
  },
  "no BARs": { line: { ...OTHER_BAR, bars: {} }, answer: { result: "completed" } },
  "other BARs": { line: { ...OTHER_BAR, bars: { 1: 4096 } }, answer: { result: "completed" } },
  "a bigger BAR, and the guest has put it at an address that is none for it": {
    line: { ...PAIR, destinationBars: { 0: 16 }, writes: [[0x10, 0xc008]] },
    answer: {
      result: "bad-config",
      bad: { offset: 0x10, read: 9, device: 1, cmask: 0xff, wmask: 0xf0, w1cmask: 0 },
    },
  },
  "a bigger BAR, and the guest has put it elsewhere": {
    line: { ...PAIR, destinationBars: { 0: 16 }, writes: [[0x10, 0xc008], [0x10, 0xc010]] },
    answer: { result: "completed" },
  },
  "what the guest may not write": {
    line: { ...PAIR, writes: [[0x00, 0], [0x04, 0xffffffff], [0xb8, 0xffffffff]] },
    answer: { result: "completed" },
  },
  "a ROM of a size that none has": {
    line: { ...PAIR, rom: 12 },
    answer: {
      result: "realize-failed",
      reason: "source: QEMU aborts: BAR rom of 12 bytes is not a power of two",
    },
  },
  "a BAR of a size that none has": {
    line: { ...PAIR, bars: { 5: 12 } },
    answer: {
      result: "realize-failed",
      reason: "source: QEMU aborts: BAR 5 of 12 bytes is not a power of two",
    },
  },
  "an interrupt pin that does not exist, on the source": {
    line: { ...PAIR, source: hexOf({ 0x3d: "11" }) },
    answer: { result: "realize-failed", reason: "source: invalid PCI interrupt pin 17" },
  },
  "an interrupt pin that does not exist, on the destination": {
    line: { ...PAIR, destination: hexOf({ 0x3d: "05" }) },
    answer: { result: "realize-failed", reason: "destination: invalid PCI interrupt pin 5" },
  },
  "a property that this QEMU does not have": {
    line: { ...PAIR, qemu: "9.0", properties: "skip-vsc-check=on" },
    answer: {
      result: "realize-failed",
      reason:
        'Cannot use the vfio-pci property skip-vsc-check: found "on", wanted QEMU 9.1 or later, not 9.0',
    },
  },
  "256 bytes and 4096": {
    line: { ...PAIR, destination: hexOf({}, 4096) },
    answer: {
      result: "bad-config",
      reason:
        "stream out of step: the source sends 256 bytes of config space, the destination expects 4096",
    },
  },
};

for (const [name, { line, answer }] of Object.entries(ANSWERED)) {
  Deno.test(`predictLine: ${name}`, () => {
    assertEquals(predictLine(JSON.stringify(line)), answer);
  });
}

/** Lines that are no pair, with the beginning of what is said of them. */
const INVALID: Record<
  string,
  { line: string | undefined | Record<string, unknown>; reason: string }
> = {
  "no text, or too much": { line: undefined, reason: "the line is no UTF-8, or over 1048576" },
  "an empty line": { line: "", reason: "the line is no JSON" },
  "white space": { line: " \r", reason: "the line is no JSON" },
  "half an object": { line: '{"machine":', reason: "the line is no JSON" },
  "two objects": { line: "{}{}", reason: "the line is no JSON" },
  "deep nesting": { line: "[".repeat(500_000), reason: "the line is no JSON" },
  "null": { line: "null", reason: "line: " },
  "a number": { line: "1", reason: "line: " },
  "a list": { line: "[]", reason: "machine: " },
  "no machine": { line: { ...PAIR, machine: undefined }, reason: "machine: " },
  "a machine that is no text": { line: { ...PAIR, machine: 9 }, reason: "machine: " },
  "a distribution's machine": {
    line: { ...PAIR, machine: "pc-q35-noble" },
    reason: "machine: its name does not tell skip-vsc-check",
  },
  "a machine of no known family": {
    line: { ...PAIR, machine: "mine", properties: "skip-vsc-check=on" },
    reason: "machine: its name does not tell the bus",
  },
  "a machine whose name all objects have": {
    line: { ...PAIR, machine: "constructor" },
    reason: "machine: its name does not tell skip-vsc-check",
  },
  "no source": { line: { ...PAIR, source: undefined }, reason: "source: " },
  "no destination": { line: { ...PAIR, destination: undefined }, reason: "destination: " },
  "half a byte": { line: { ...PAIR, source: hexOf() + "0" }, reason: "source: wanted 256 or 4096" },
  "64 bytes": { line: { ...PAIR, source: hexOf().slice(0, 128) }, reason: "source: wanted 256" },
  "other digits": {
    line: { ...PAIR, destination: hexOf().replace("a1", "g1") },
    reason: "destination: wanted 256",
  },
  "bytes as numbers": { line: { ...PAIR, source: [1, 2] }, reason: "source: " },
  "properties as a list": { line: { ...PAIR, properties: ["a"] }, reason: "properties: " },
  "a bus that is none": { line: { ...PAIR, bus: "agp" }, reason: "bus: " },
  "a QEMU version that is none": { line: { ...PAIR, qemu: "new" }, reason: "Cannot read the QEMU" },
  "a QEMU version as a number": { line: { ...PAIR, qemu: 9.1 }, reason: "qemu: " },
  "a QEMU that nobody has seen": {
    line: { ...PAIR, qemu: "12.0" },
    reason: "qemu: the rules of 12",
  },
  "a BAR that is none": { line: { ...PAIR, bars: { 6: 8 } }, reason: "bars.6: " },
  "a BAR of less than nothing": { line: { ...PAIR, bars: { 0: -8 } }, reason: "bars.0: " },
  "a BAR of a half": { line: { ...PAIR, bars: { 0: 0.5 } }, reason: "bars.0: " },
  "a BAR without end": {
    line: JSON.stringify({ ...PAIR, bars: { 0: 8 } }).replace('"0":8', '"0":1e999'),
    reason: "bars.0: ",
  },
  "a destination's BAR that is none": {
    line: { ...PAIR, destinationBars: { "-1": 8 } },
    reason: "destinationBars.-1: ",
  },
  "a write past the end": { line: { ...PAIR, writes: [[256, 0]] }, reason: "writes.0.0: " },
  "a write of more than 32 bits": {
    line: { ...PAIR, writes: [[0, 2 ** 32]] },
    reason: "writes.0.1: ",
  },
  "more writes than a guest has reason for": {
    line: { ...PAIR, writes: Array(65).fill([0, 0]) },
    reason: "writes: ",
  },
  "BARs in a text": { line: { ...PAIR, bars: "8" }, reason: "bars: " },
};

for (const [name, { line, reason }] of Object.entries(INVALID)) {
  Deno.test(`predictLine: invalid: ${name}`, () => {
    const answer = predictLine(typeof line === "object" ? JSON.stringify(line) : line);
    assertEquals(answer.result, "invalid");
    const said = "reason" in answer ? answer.reason : "";
    assert(said.startsWith(reason) && said.length < 400, said);
  });
}

testRuns([
  {
    name: "predict: the shipped pairs",
    words: "predict",
    stdin: await Deno.readFile(new URL("tests/cases/cli/pairs.jsonl", ROOT)),
    code: 0,
    stdout: [
      '{"result":"completed"}\n',
      '{"result":"bad-config","bad":{"offset":188,"read":51,"device":53,"cmask":255,"wmask":0,"w1cmask":0}}\n',
      '{"result":"completed"}\n',
      '{"result":"realize-failed","reason":"destination: invalid PCI interrupt pin 17"}\n',
    ],
  },
  { name: "predict: nothing in, nothing out", words: "predict", code: 0, stdout: ["!{"] },
  { name: "predict: an argument", words: "predict x", code: 2, error: "No arguments allowed" },
]);

Deno.test("predict: every line has its answer, whatever the lines are", async () => {
  const pair = JSON.stringify(PAIR);
  const bytes = new Blob([
    `${pair}\n\n${pair}\r\n\r\n`,
    "x".repeat(2 * 1024 * 1024),
    `\n${pair}\n`,
    Uint8Array.of(0xff, 0x0a),
    pair,
  ]);
  const { code, stdout, stderr } = await runCli("predict --json", await bytes.bytes());
  assertEquals([code, stderr], [0, ""]);
  assertEquals(
    stdout.trimEnd().split("\n").map((line) => JSON.parse(line).result),
    [
      "completed",
      "invalid",
      "completed",
      "invalid",
      "invalid",
      "completed",
      "invalid",
      "completed",
    ],
  );
});

Deno.test("predict: 5,000 lines are answered in order", async () => {
  const pairs = Array.from({ length: 5000 }, (_, index) => ({
    ...PAIR,
    destination: hexOf({ 0x08: (index & 0xff).toString(16).padStart(2, "0") }),
  }));
  const { code, stdout } = await runCli(
    "predict",
    pairs.map((pair) => JSON.stringify(pair) + "\n").join(""),
  );
  assertEquals(code, 0);
  const answers = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(
    answers.map((answer) => answer.bad?.device ?? 0xa1),
    pairs.map((_, index) => index & 0xff),
  );
});

Deno.test("predict: a reader that goes away ends it quietly", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: denoArguments(["predict"]),
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const line = new TextEncoder().encode(JSON.stringify(PAIR) + "\n");
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue(line) });
  const written = endless.pipeTo(child.stdin).catch(() => {});
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  assertStringIncludes(new TextDecoder().decode(value), '{"result":"completed"}\n');
  await reader.cancel();
  const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
  await written;
  assertEquals([code, stderr], [0, ""]);
});

for (const file of ["oracle-vfio.jsonl", "oracle-vfio-4k.jsonl"]) {
  Deno.test(`predict: the recorded migrations of ${file}`, async () => {
    const text = await Deno.readTextFile(new URL(`tests/cases/qemu/recorded/${file}`, ROOT));
    const recorded = text.trimEnd().split("\n").map((line) => JSON.parse(line));
    const { code, stdout } = await runCli("predict", text);
    assertEquals(code, 0);
    assertEquals(
      stdout.trimEnd().split("\n").map((line) => JSON.parse(line))
        .map(({ result, bad }) => ({ result, bad })),
      recorded.map(({ result, bad }) => ({ result, bad: bad ?? undefined })),
    );
  });
}
