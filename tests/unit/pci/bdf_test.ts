import { assertEquals } from "@std/assert";
import { normalizeBdf } from "../../../lib/pci/mod.ts";

const CASES: Readonly<Record<string, string | undefined>> = {
  "3b:00.4": "0000:3b:00.4",
  "0000:3b:00.4": "0000:3b:00.4",
  "3B:1F.7": "0000:3b:1f.7",
  "0001:00:02.0": "0001:00:02.0",
  "10000:e1:00.0": "10000:e1:00.0",
  "00000000:3b:00.4": "0000:3b:00.4",
  "ffffffff:ff:1f.7": "ffffffff:ff:1f.7",
  "": undefined,
  "3b:00": undefined,
  "3b.00.4": undefined,
  "3b:20.0": undefined,
  "3b:00.8": undefined,
  "3b:00.4 ": undefined,
  "3b:00.4\n": undefined,
  ":3b:00.4": undefined,
  "000:3b:00.4": undefined,
  "100000000:3b:00.4": undefined,
  "0x3b:00.4": undefined,
  "0000:0000:3b:00.4": undefined,
};

for (const [text, expected] of Object.entries(CASES)) {
  Deno.test(`normalizeBdf: ${JSON.stringify(text)} -> ${expected}`, () => {
    assertEquals(normalizeBdf(text), expected);
  });
}
