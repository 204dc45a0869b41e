import { assert, assertEquals, assertMatch } from "@std/assert";
import { fillMessage, type FindingValue } from "premigrate/policy";
import { ENGINE_ID } from "../../../lib/policy/own_codes.ts";
import { engineFinding } from "../../../lib/policy/engine_codes.ts";
import { OWN } from "../../../lib/hook/codes.ts";

const FILLED: readonly (readonly [
  message: string,
  values: Readonly<Record<string, FindingValue | undefined>>,
  text: string,
])[] = [
  ["nothing to fill", { a: 1 }, "nothing to fill"],
  ["{a} and {b}", { a: 1, b: "two" }, "1 and two"],
  ["{a}{a}", { a: true }, "truetrue"],
  ["{offset:hex}", { offset: 0x4f }, "0x4f"],
  ["{offset:hex}", { offset: 0 }, "0x0"],
  ["{a:hex}", { a: "text" }, "text"],
  ["{a:hex}", { a: false }, "false"],
  ["{a}", { a: 0x4f }, "79"],
  ["{a}", { a: "" }, ""],
  // What is not there stays as it is.
  ["{a} {b:hex}", {}, "{a} {b:hex}"],
  ["{a}", { a: undefined }, "{a}"],
  [
    "{constructor} {toString} {__proto__} {hasOwnProperty:hex}",
    {},
    "{constructor} {toString} {__proto__} {hasOwnProperty:hex}",
  ],
  ["{constructor}", { constructor: "own" }, "own"],
  ["{a-b} {} {a:dec} { a }", { a: 1 }, "{a-b} {} {a:dec} { a }"],
  // A value is text, and no message.
  ["{a}", { a: "{b} $& $1", b: 2 }, "{b} $& $1"],
];
for (const [message, values, text] of FILLED) {
  Deno.test(`fillMessage: ${JSON.stringify(message)} with ${JSON.stringify(values)}`, () => {
    assertEquals(fillMessage(message, values), text);
  });
}

Deno.test("engineFinding: has its code's severity, and a device where there is one", () => {
  assertEquals(engineFinding("no-facts", "hostdev0", { address: "x", side: "source" }), {
    policy: ENGINE_ID,
    code: "no-facts",
    severity: "undecided",
    device: "hostdev0",
    data: { address: "x", side: "source" },
  });
  assert(!("device" in engineFinding("device-of-command-line", undefined, {})));
});

for (const [code, page] of Object.entries(OWN.policy.codes)) {
  Deno.test(`premigrate's own codes: the page of ${code} is whole`, () => {
    assertMatch(code, /^[a-z]+(-[a-z]+)*$/);
    assertMatch(page.title, /^[A-Z].*[^.]$/);
    assertMatch(page.message, /[^.]$/);
    assertMatch(page.remedy, /^[A-Z].*\.$/);
    assertMatch(page.about, /\.$/);
  });
}
