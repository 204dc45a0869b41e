import { assertEquals } from "@std/assert";
import { ROOT, runCli, testRuns } from "../../helpers/cli_run.ts";

const CASES = "tests/cases/cli";

testRuns([
  {
    name: "inspect: every function of a dump",
    words: `inspect ${CASES}/source.txt`,
    code: 0,
    stdout: [
      "0000:3b:00.4 VGA compatible controller: NVIDIA Corporation GRID T4-2Q (rev a1)\n",
      "  10de:1eb8 rev a1, class 030000, subsystem 10de:130f, 256 bytes\n",
      "  BAR 1: memory64 prefetchable at 0xd0000000\n",
      "  60 MSI (14 bytes)\n",
      "  78 PCI Express (60 bytes)\n",
      "  b4 Vendor Specific (27 bytes)\n",
      "\n0000:3b:00.5 Audio device: ",
      "  40 PCI Power Management",
    ],
  },
  {
    name: "inspect: standard input",
    words: "inspect -",
    stdin: await Deno.readFile(new URL(`${CASES}/destination.bin`, ROOT)),
    code: 0,
    stdout: ["device\n", "  b4 Vendor Specific"],
  },
  {
    name: "inspect: a dump that was cut is decoded as far as it goes",
    words: "inspect -",
    stdin: (await Deno.readTextFile(new URL(`${CASES}/destination.txt`, ROOT)))
      .split("\n").slice(0, 12).join("\n"),
    code: 0,
    stdout: ["0000:3b:00.4 ", "problem: the dump ends after 160 bytes", "  60 MSI (14 bytes)\n"],
  },
  {
    name: "inspect: a device that is asleep",
    words: `inspect ${CASES}/asleep.txt`,
    code: 0,
    stdout: ["ffff:ffff", "problem: "],
  },
  {
    name: "inspect: a name that would take over the terminal",
    words: "inspect -",
    stdin: ["3b:00.4 \u202eVGA\u009b2J", ..."0123"].map((head, index) =>
      index === 0 ? head : `${head}0:${" 00".repeat(16)}`
    ).join("\n"),
    code: 0,
    stdout: ["0000:3b:00.4 \\u{202e}VGA\\u{9b}2J\n"],
  },
  {
    name: "inspect: something else",
    words: "inspect examples/domain.xml",
    code: 2,
    error: "Reading config space dump",
  },
  {
    name: "inspect: bytes of a length that none has",
    words: "inspect -",
    stdin: new Uint8Array(100),
    code: 2,
    error: "100 bytes",
  },
  { name: "inspect: nothing", words: "inspect -", code: 2, error: "Reading config space dump" },
  { name: "inspect: no file", words: "inspect nope", code: 2, error: "there is no such file" },
  { name: "inspect: no argument", words: "inspect", code: 2, error: "Missing argument" },
]);

function chain(capabilities: Record<string, unknown>[]): Record<string, unknown>[] {
  return capabilities.map(({ offset, id, name, length }) => ({ offset, id, name, length }));
}

Deno.test("inspect --json: slot, capabilities and extended capabilities of every function", async () => {
  const { code, stdout } = await runCli(`inspect ${CASES}/source.txt --json`);
  assertEquals(code, 0);
  const functions = JSON.parse(stdout);
  assertEquals(functions.map(({ slot }: { slot: string }) => slot), [
    "0000:3b:00.4",
    "0000:3b:00.5",
  ]);
  assertEquals(chain(functions[0].capabilities), [
    { offset: 0x60, id: 0x05, name: "MSI", length: 14 },
    { offset: 0x78, id: 0x10, name: "PCI Express", length: 60 },
    { offset: 0xb4, id: 0x09, name: "Vendor Specific", length: 27 },
  ]);
  assertEquals(functions[0].extended, []);
});

Deno.test("inspect --json: hexadecimal, raw bytes and lspci's text say the same", async () => {
  const [hex, raw, text] = await Promise.all(["hex", "bin", "txt"].map(async (extension) => {
    const { stdout } = await runCli(`inspect ${CASES}/destination.${extension} --json`);
    const [{ slot: _slot, description: _description, ...decoded }] = JSON.parse(stdout);
    return decoded;
  }));
  assertEquals(hex, raw);
  assertEquals(text, raw);
});

Deno.test("inspect --json: extended capabilities", async () => {
  const bytes = new Uint8Array(4096);
  bytes.set(await Deno.readFile(new URL(`${CASES}/destination.bin`, ROOT)));
  bytes.set([0x03, 0x00, 0x01, 0x00, 1, 2, 3, 4, 5, 6, 7, 8], 0x100);
  const { stdout } = await runCli("inspect - --json", bytes);
  const [{ slot, extended }] = JSON.parse(stdout);
  assertEquals(slot, null);
  assertEquals(chain(extended), [
    { offset: 0x100, id: 0x03, name: "Device Serial Number", length: 12 },
  ]);
});
