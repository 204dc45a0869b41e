/** The file by which a guest passes for a time. */
import { assertEquals } from "@std/assert";
import { parseWaiver, type Waiver, writeWaiver } from "../../../lib/config/waiver.ts";

const WAIVER: Waiver = { id: "0badcafe", until: 1_800_000_000, reason: "the host is dying" };
const TEXT = writeWaiver(WAIVER);

Deno.test("a waiver is five lines", () => {
  assertEquals(TEXT.split("\n"), [
    "premigrate-waiver 1",
    "id 0badcafe",
    "until 1800000000",
    "reason the host is dying",
    "end",
    "",
  ]);
});

Deno.test("a waiver that was cut anywhere is none", () => {
  for (let length = 0; length < TEXT.length; length++) {
    assertEquals(parseWaiver(TEXT.slice(0, length)), undefined, TEXT.slice(0, length));
  }
  assertEquals(parseWaiver(TEXT), WAIVER);
});

const READ: readonly (readonly [name: string, waiver: Waiver])[] = [
  ["a reason of one character", { ...WAIVER, reason: "x" }],
  ["a reason with spaces around it", { ...WAIVER, reason: "  x  " }],
  ["a reason of another script", { ...WAIVER, reason: "h\u00e4lt \u65e5 \u{1f525}" }],
  ["a reason that looks like a line", { ...WAIVER, reason: "until 9999999999" }],
  ["the end of time", { ...WAIVER, until: 999_999_999_999 }],
  ["its beginning", { ...WAIVER, until: 0 }],
];

for (const [name, waiver] of READ) {
  Deno.test(`a waiver with ${name} is read`, () => {
    assertEquals(parseWaiver(writeWaiver(waiver)), waiver);
  });
}

const REFUSED: readonly (readonly [name: string, text: string])[] = [
  ["another version", TEXT.replace("waiver 1", "waiver 2")],
  ["no id", TEXT.replace("id 0badcafe\n", "")],
  ["an id of 7 digits", TEXT.replace("0badcafe", "badcafe")],
  ["an id in capitals", TEXT.replace("0badcafe", "0BADCAFE")],
  ["no end of its time", TEXT.replace("until 1800000000\n", "")],
  ["a time in words", TEXT.replace("1800000000", "tomorrow")],
  ["a time before 1970", TEXT.replace("1800000000", "-1")],
  ["a time that is no whole number", TEXT.replace("1800000000", "1.5")],
  ["a time of 13 digits", TEXT.replace("1800000000", "1800000000000")],
  ["no reason", TEXT.replace("the host is dying", "")],
  ["a reason of two lines", TEXT.replace("host is", "host\nis")],
  ["a control character in its reason", TEXT.replace("host is", "host\x1bis")],
  ["a direction character in its reason", TEXT.replace("host is", "host\u202eis")],
  ["a line separator in its reason", TEXT.replace("host is", "host\u2028is")],
  ["half a character in its reason", TEXT.replace("host is", "host\ud800is")],
  ["a line more", TEXT.replace("end\n", "more\nend\n")],
  ["a line after its end", `${TEXT}more\n`],
  ["lines in another order", TEXT.replace(/(id .*\n)(until .*\n)/, "$2$1")],
  ["lines of another system", TEXT.replaceAll("\n", "\r\n")],
  ["a reason of a page", TEXT.replace("dying", "x".repeat(4096))],
];

for (const [name, text] of REFUSED) {
  Deno.test(`a waiver with ${name} is none`, () => assertEquals(parseWaiver(text), undefined));
}
