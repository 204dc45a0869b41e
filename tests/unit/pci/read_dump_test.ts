import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import { encodeHex } from "@std/encoding/hex";
import { MAX_DUMP_BYTES, readDump } from "../../../lib/pci/mod.ts";
import { ENDPOINT, VGPU } from "../../cases/pci/space.ts";

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function rows(bytes: Uint8Array): string[] {
  return Array.from({ length: bytes.length / 16 }, (_, i) => {
    const row = encodeHex(bytes.slice(16 * i, 16 * i + 16)).replaceAll(/../g, " $&");
    return `${(16 * i).toString(16).padStart(2, "0")}:${row}`;
  });
}

const HEADER = VGPU.slice(0, 64);
const HEADER_ROWS = rows(HEADER);

const READ: readonly {
  name: string;
  data: Uint8Array | string;
  functions: ReturnType<typeof readDump>;
}[] = [
  {
    name: "lspci -x, slot without domain",
    data: ["2e:00.0 VGA compatible controller: NVIDIA", ...HEADER_ROWS, ""].join("\n"),
    functions: [
      { slot: "0000:2e:00.0", description: "VGA compatible controller: NVIDIA", bytes: HEADER },
    ],
  },
  {
    name: "lspci -D -xxx, several functions, comments, CRLF",
    data: [
      "# from a colleague",
      "0000:2e:00.0 VGA compatible controller: NVIDIA",
      ...rows(VGPU),
      "",
      "10000:01:00.1 Audio",
      ...HEADER_ROWS,
      "",
    ].join("\r\n"),
    functions: [
      { slot: "0000:2e:00.0", description: "VGA compatible controller: NVIDIA", bytes: VGPU },
      { slot: "10000:01:00.1", description: "Audio", bytes: HEADER },
    ],
  },
  {
    name: "lspci -vvvxxxx, indented lines and noise between",
    data: [
      "lspci: Unable to load libkmod resources: error -2",
      "3b:00.0 Ethernet controller: Mellanox",
      "\tSubsystem: Mellanox Technologies",
      "\tCapabilities: [60] Express (v2) Endpoint, MSI 00",
      "\t\tDevCap:\tMaxPayload 512 bytes, PhantFunc 0",
      "\tKernel driver in use: mlx5_core",
      ...rows(ENDPOINT),
      "",
    ].join("\n"),
    functions: [
      { slot: "0000:3b:00.0", description: "Ethernet controller: Mellanox", bytes: ENDPOINT },
    ],
  },
  {
    name: "functions that follow without a blank line, no newline at the end",
    data: ["00:00.0", ...HEADER_ROWS, "00:01.0 ", ...HEADER_ROWS].join("\n"),
    functions: [
      { slot: "0000:00:00.0", bytes: HEADER },
      { slot: "0000:00:01.0", bytes: HEADER },
    ],
  },
  {
    name: "functions without rows are left out",
    data: ["00:00.0 Host bridge", "00:01.0 PCI bridge", ...HEADER_ROWS, "00:02.0 VGA"].join("\n"),
    functions: [{ slot: "0000:00:01.0", description: "PCI bridge", bytes: HEADER }],
  },
  {
    name: "rows without a slot, upper case, more white space",
    data: HEADER_ROWS.map((row) => `${row.toUpperCase().replaceAll(" ", "\t ")}  `).join("\n"),
    functions: [{ bytes: HEADER }],
  },
  {
    name: "a blank line between slot and rows",
    data: ["00:01.0 PCI bridge", "", ...HEADER_ROWS].join("\n"),
    functions: [{ slot: "0000:00:01.0", description: "PCI bridge", bytes: HEADER }],
  },
  { name: "raw, 64 bytes", data: HEADER, functions: [{ bytes: HEADER }] },
  { name: "raw, 256 bytes", data: VGPU, functions: [{ bytes: VGPU }] },
  { name: "raw, 4096 bytes", data: ENDPOINT, functions: [{ bytes: ENDPOINT }] },
  {
    name: "raw, all 0xff",
    data: new Uint8Array(256).fill(0xff),
    functions: [{ bytes: new Uint8Array(256).fill(0xff) }],
  },
  { name: "hexadecimal digits", data: encodeHex(VGPU), functions: [{ bytes: VGPU }] },
  {
    name: "hexadecimal digits in 4096 bytes, by lines",
    data: `${encodeHex(ENDPOINT).toUpperCase().replaceAll(/.{64}/g, "$&\r\n")}\n`,
    functions: [{ bytes: ENDPOINT }],
  },
  {
    name: "hexadecimal digits with colons",
    data: encodeHex(HEADER).replaceAll(/..(?=.)/g, "$&:"),
    functions: [{ bytes: HEADER }],
  },
  {
    name: "hexadecimal digits with 0x and spaces",
    data: encodeHex(HEADER).replaceAll(/../g, "0x$& "),
    functions: [{ bytes: HEADER }],
  },
  {
    name: "hexadecimal digits after one 0x",
    data: `0x${encodeHex(HEADER)}`,
    functions: [{ bytes: HEADER }],
  },
];

for (const { name, data, functions } of READ) {
  Deno.test(`readDump: ${name}`, () => {
    assertEquals(readDump(typeof data === "string" ? bytesOf(data) : data), functions);
  });
}

const SLOT = "2e:00.0 VGA";

const ERRORS: readonly {
  name: string;
  data: Uint8Array | string;
  line?: number;
  message: string;
}[] = [
  {
    name: "nothing",
    data: "",
    message: "found 0 hexadecimal digits, wanted two for each of 64, 256 or 4096 bytes",
  },
  {
    name: "raw, 100 bytes",
    data: new Uint8Array(100),
    message: "found 100 bytes that are no text, wanted 64, 256 or 4096 bytes",
  },
  {
    name: "too long",
    data: new Uint8Array(MAX_DUMP_BYTES + 1),
    message: "found 16777217 bytes, wanted at most 16777216",
  },
  {
    name: "some text",
    data: "dead beef\n<html>",
    line: 2,
    message: 'at line 2: found "<html>", wanted the rows of lspci -xxx, or hexadecimal digits',
  },
  {
    name: "some long text",
    data: "z".repeat(1000),
    line: 1,
    message: `at line 1: found "${"z".repeat(79)}..., wanted the rows of lspci -xxx, or`,
  },
  {
    name: "an odd number of digits",
    data: encodeHex(HEADER).slice(1),
    message: "found 127 hexadecimal digits",
  },
  {
    name: "32 bytes of digits",
    data: "00".repeat(32),
    message: "found 64 hexadecimal digits",
  },
  {
    name: "slots without rows",
    data: "00:00.0 Host bridge\n00:01.0 PCI bridge\n",
    message: "found no rows of bytes, wanted the rows of lspci -xxx",
  },
  {
    name: "a missing row",
    data: [SLOT, ...HEADER_ROWS.toSpliced(1, 1)].join("\n"),
    line: 3,
    message: "at line 3: found row 20, wanted row 10",
  },
  {
    name: "a repeated row",
    data: [SLOT, ...HEADER_ROWS.toSpliced(1, 0, HEADER_ROWS[1] ?? "")].join("\n"),
    line: 4,
    message: "at line 4: found row 10, wanted row 20",
  },
  {
    name: "rows out of order",
    data: [SLOT, ...HEADER_ROWS.toReversed()].join("\n"),
    line: 2,
    message: "at line 2: found row 30, wanted row 00",
  },
  {
    name: "rows of 48 bytes",
    data: [SLOT, ...rows(VGPU).slice(0, 3), "", "00:00.0"].join("\n"),
    line: 5,
    message:
      "at line 5: found the end of 0000:2e:00.0 after 48 bytes, wanted 64, 256 or 4096 bytes",
  },
  {
    name: "rows of 16 bytes without a slot",
    data: HEADER_ROWS[0] ?? "",
    line: 1,
    message: "at line 1: found the end of a function after 16 bytes",
  },
  {
    name: "a short row",
    data: [SLOT, "00: de 10 b8"].join("\n"),
    line: 2,
    message: "at line 2: found 3 bytes in row 00, wanted 16 bytes",
  },
  {
    name: "a long row",
    data: [SLOT, `00: ${"de ".repeat(1_000_000)}`].join("\n"),
    line: 2,
    message: "at line 2: found more than 16 bytes in row 00, wanted 16 bytes",
  },
  {
    name: "a row with other text",
    data: [SLOT, `${HEADER_ROWS[0]} |....|`].join("\n"),
    line: 2,
    message: 'at line 2: found "|....|" in row 00, wanted two hexadecimal digits',
  },
  {
    name: "a row past 4096 bytes",
    data: [SLOT, ...rows(ENDPOINT), `1000: ${"00 ".repeat(16)}`].join("\n"),
    line: 258,
    message: "at line 258: found row 1000, wanted at most 4096 bytes for a function",
  },
  {
    name: "a row with an unreadable offset leaves a gap",
    data: [SLOT, ...HEADER_ROWS.with(2, `2O: ${"00 ".repeat(16)}`)].join("\n"),
    line: 5,
    message: "at line 5: found row 30, wanted row 20",
  },
];

for (const { name, data, line, message } of ERRORS) {
  Deno.test(`readDump: ${name} is an error`, () => {
    const error = assertThrows(
      () => readDump(typeof data === "string" ? bytesOf(data) : data),
      PremigrateError,
      message,
    );
    const place = line === undefined ? "" : ` at line ${line}`;
    assertEquals([error.code, error.doing], ["dump", `Reading config space dump${place}`]);
    assertMatch(error.problem, /^found .*, wanted /s);
  });
}

Deno.test("readDump: a raw dump's bytes are a copy", () => {
  const data = HEADER.slice();
  const [found] = readDump(data);
  data[0] = 0;
  assertEquals(found?.bytes[0], 0xde);
});
