import { assertEquals } from "@std/assert";
import { printable, wrap } from "../../../lib/report/printable.ts";

const PRINTED: Record<string, [text: string, printed: string]> = {
  "plain text": [
    "hosta 3b:00.4 \u00fcber \u65e5\u672c \u{1f600}",
    "hosta 3b:00.4 \u00fcber \u65e5\u672c \u{1f600}",
  ],
  "an escape sequence": ["\u001b[31mred", "\\u{1b}[31mred"],
  "a C1 control": ["\u009b2J", "\\u{9b}2J"],
  "line ends": ["a\r\nb\u2028c\u2029d\u0085", "a\\u{d}\\u{a}b\\u{2028}c\\u{2029}d\\u{85}"],
  "NUL, tab, delete": ["\0\t\x7f", "\\u{0}\\u{9}\\u{7f}"],
  "directions": ["a\u202eb\u2066c\u200f", "a\\u{202e}b\\u{2066}c\\u{200f}"],
  "invisible characters": ["a\u200b\ufeff\u00adb", "a\\u{200b}\\u{feff}\\u{ad}b"],
  "what is no character": ["a\ufffeb\uffff", "a\\u{fffe}b\\u{ffff}"],
  "format characters of other planes": ["a\u{e0041}b", "a\\u{e0041}b"],
};

for (const [name, [text, printed]] of Object.entries(PRINTED)) {
  Deno.test(`printable: ${name}`, () => {
    assertEquals(printable(text), printed);
    assertEquals(printable(printed), printed);
  });
}

const WORD = "x".repeat(37);

const WRAPPED: Record<string, { text: string; indent: number; lines: string[] }> = {
  "one word": { text: "word", indent: 2, lines: ["  word"] },
  "nothing": { text: "", indent: 0, lines: [""] },
  "as much as fits": {
    text: `${WORD} ${WORD} abc`,
    indent: 1,
    lines: [` ${WORD} ${WORD} abc`],
  },
  "a column more": {
    text: `${WORD} ${WORD} abcd`,
    indent: 1,
    lines: [` ${WORD} ${WORD}`, " abcd"],
  },
  "a word that fits nowhere": {
    text: `a ${WORD}${WORD}${WORD} b`,
    indent: 3,
    lines: ["   a", `   ${WORD}${WORD}${WORD}`, "   b"],
  },
};

for (const [name, { text, indent, lines }] of Object.entries(WRAPPED)) {
  Deno.test(`wrap: ${name}`, () => assertEquals(wrap(text, indent), lines));
}
