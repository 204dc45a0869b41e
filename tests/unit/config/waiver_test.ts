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

/** Read by the launcher's test, too. */
const CASES: readonly {
  readonly name: string;
  readonly text: string;
  readonly inForce: boolean;
}[] = JSON.parse(await Deno.readTextFile("tests/cases/waivers.json"));

for (const { name, text, inForce } of CASES) {
  Deno.test(`a waiver: ${name}`, () => {
    const waiver = parseWaiver(text);
    assertEquals(waiver !== undefined && waiver.until * 1000 > Date.now(), inForce);
    assertEquals(waiver === undefined ? text : writeWaiver(waiver), text);
  });
}

/** What the launcher, which shows no reason to anybody, does not look at. */
const REFUSED: readonly (readonly [name: string, text: string])[] = [
  ["a control character in its reason", TEXT.replace("host is", "host\x1bis")],
  ["a direction character in its reason", TEXT.replace("host is", "host\u202eis")],
  ["a line separator in its reason", TEXT.replace("host is", "host\u2028is")],
  ["half a character in its reason", TEXT.replace("host is", "host\ud800is")],
  ["a reason of a page", TEXT.replace("dying", "x".repeat(4096))],
];

for (const [name, text] of REFUSED) {
  Deno.test(`a waiver with ${name} is none`, () => assertEquals(parseWaiver(text), undefined));
}
