import { assertEquals, assertInstanceOf } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import { readBytes, readLines, readText } from "../../../lib/facts/files.ts";
import { ROOT } from "../../helpers/cli_run.ts";

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const LONGEST = 8;

const LINES: Record<string, { bytes: string | number[]; lines: (string | undefined)[] }> = {
  "nothing": { bytes: "", lines: [] },
  "lines": { bytes: "a\nbc\n", lines: ["a", "bc"] },
  "no line end at the end": { bytes: "a\nbc", lines: ["a", "bc"] },
  "empty lines": { bytes: "\n\na\n\n", lines: ["", "", "a", ""] },
  "CRLF": { bytes: "a\r\nb\r\n", lines: ["a\r", "b\r"] },
  "a line of the greatest length, and one above": {
    bytes: "12345678\n123456789\nb\n",
    lines: ["12345678", undefined, "b"],
  },
  "a last line that is too long": { bytes: "a\n123456789", lines: ["a", undefined] },
  "characters of several bytes": {
    bytes: "\u00e9\u20ac\n\u{1f600}\n",
    lines: ["\u00e9\u20ac", "\u{1f600}"],
  },
  "half a character": { bytes: [0xe2, 0x82, 0x0a, 0x61, 0x0a], lines: [undefined, "a"] },
  "no UTF-8": { bytes: [0xff, 0xfe, 0x0a, 0x61], lines: [undefined, "a"] },
};

for (const [name, { bytes, lines }] of Object.entries(LINES)) {
  Deno.test(`readLines: ${name}, however the stream is cut`, async () => {
    const stream = typeof bytes === "string"
      ? new TextEncoder().encode(bytes)
      : Uint8Array.from(bytes);
    for (let size = 1; size <= Math.max(1, stream.length); size++) {
      assertEquals(await Array.fromAsync(readLines(inChunks(stream, size), LONGEST)), lines);
    }
  });
}

Deno.test("readLines: of a line that is too long nothing is kept", async () => {
  const chunk = new Uint8Array(1024 * 1024).fill(0x61);
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < 2048; count++) yield chunk;
    yield Uint8Array.of(0x0a, 0x62);
  }
  assertEquals(await Array.fromAsync(readLines(endless(), LONGEST)), [undefined, "b"]);
});

const UNREADABLE: Record<string, { path: string; message: string }> = {
  "no such file": { path: "nope", message: "Cannot read nope: there is no such file" },
  "a directory": { path: "tests", message: "Cannot read tests: it is a directory" },
  "no text": {
    path: "tests/cases/cli/destination.bin",
    message: "Cannot read tests/cases/cli/destination.bin: it is no UTF-8 text",
  },
};

for (const [name, { path, message }] of Object.entries(UNREADABLE)) {
  Deno.test(`readText: ${name}`, async () => {
    const error = await readText(path).then(() => undefined, (reason) => reason);
    assertInstanceOf(error, PremigrateError);
    assertEquals([error.code, error.message], ["input", message]);
  });
}

Deno.test("readBytes: a file's bytes", async () => {
  const url = new URL("tests/cases/cli/destination.bin", ROOT);
  assertEquals(await readBytes(url.pathname), await Deno.readFile(url));
});
