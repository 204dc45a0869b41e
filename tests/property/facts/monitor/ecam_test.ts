import { assert, assertEquals } from "@std/assert";
import { PremigrateError } from "../../../../lib/error/mod.ts";
import fc from "fast-check";
import { type Monitor, readGuestView } from "../../../../lib/facts/monitor/ecam.ts";
import {
  parseEcamWindow,
  parsePciFunctions,
  parseStatus,
  parseWords,
} from "../../../../lib/facts/monitor/ecam_replies.ts";

const ANSWERS = ["q35-query-pci.json", "q35-info-mtree.txt", "virt-info-mtree.txt"].map((name) =>
  Deno.readTextFileSync(new URL(`../../../cases/ecam/${name}`, import.meta.url))
);
const WORDS = "00000000b0000000: 0x29c08086 0x00000103 0x06000000 0x80000000\r\n";
const RUNNING = '{"return":{"status":"running"}}';

/** An answer with some of it replaced, or none at all. */
const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.json(),
  fc.tuple(fc.constantFrom(...ANSWERS, WORDS, RUNNING), fc.nat(), fc.nat(40), fc.string()).map(
    ([answer, at, length, replacement]) => {
      const start = at % answer.length;
      return answer.slice(0, start) + replacement + answer.slice(start + length);
    },
  ),
);

Deno.test("any answer is read, or not understood", () => {
  fc.assert(fc.property(text, (answer) => {
    parseStatus(answer);
    for (const { bus, slot, function: fn, vendor, device } of parsePciFunctions(answer) ?? []) {
      assert(bus < 256 && slot < 32 && fn < 8 && vendor < 0x10000 && device < 0x10000);
    }
    const window = parseEcamWindow(answer);
    assert(window === undefined || Number.isSafeInteger(window.base + window.size));
    assertEquals(parseWords(answer, 0xb000_0000, 16)?.length ?? 16, 16);
  }));
});

Deno.test("words are read back as they were written", () => {
  fc.assert(fc.property(
    fc.array(fc.nat(0xffff_ffff), { minLength: 1, maxLength: 64 }),
    fc.nat(0xff_ffff),
    (words, page) => {
      const address = page * 4096;
      const written = words.map((word, index) => {
        const at = (address + 4 * index).toString(16).padStart(16, "0");
        const start = index % 4 === 0 ? `${index === 0 ? "" : "\r\n"}${at}:` : "";
        return `${start} 0x${word.toString(16).padStart(8, "0")}`;
      }).join("");
      const read = parseWords(written, address, 4 * words.length);
      assert(read !== undefined);
      assertEquals([...new Uint32Array(read.buffer)], words);
    },
  ));
});

Deno.test("any monitor gives a view, none, or the module's error", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.option(text, { freq: 3 }), { maxLength: 40 }),
    async (replacements) => {
      let asked = 0;
      const monitor: Monitor = (commands) =>
        Promise.resolve(commands.map((command) => {
          const answer = "hmp" in command
            ? command.hmp === "info mtree" ? ANSWERS[1] : WORDS
            : command.execute === "query-pci"
            ? ANSWERS[0]
            : RUNNING;
          return replacements[asked++] ?? answer ?? "";
        }));
      try {
        await readGuestView(monitor, { host: "hosta" });
      } catch (error) {
        assert(error instanceof PremigrateError, String(error));
      }
    },
  ));
});
