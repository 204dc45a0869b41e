import { assertEquals, assertThrows } from "@std/assert";
import { ValidationError } from "@cliffy/command";
import {
  parseAttributeOptions,
  parseBars,
  parsePropertyOptions,
} from "../../../lib/cli/options.ts";

Deno.test("parseBars: sizes of BAR 0 to 5 in bytes, 0 for those that are not named", () => {
  assertEquals(parseBars([]), undefined);
  assertEquals(parseBars(["0=16"]), [16, 0, 0, 0, 0, 0]);
  assertEquals(parseBars(["5=1k", "1=2M", "2=0", "0=64T"]), [2 ** 46, 2 ** 21, 0, 0, 0, 1024]);
  assertEquals(parseBars(["3=1G", "3=2G"]), [0, 0, 0, 2 ** 31, 0, 0]);
});

for (
  const option of [
    "",
    "0",
    "=1",
    "0=",
    "6=1",
    "-1=1",
    "00=1",
    "0=-1",
    "0=1.5",
    "0=0x10",
    "0=1KB",
    "0=1P",
    "0= 1",
    "0=1=1",
    "0=999999999999999T",
    "0=1\n",
    "__proto__=1",
  ]
) {
  Deno.test(`parseBars: ${JSON.stringify(option)} is no size of a BAR`, () => {
    assertThrows(() => parseBars(["0=16", option]), ValidationError, `--bar "${option}"`);
  });
}

Deno.test("parsePropertyOptions: names and values, the last of a name counts", () => {
  assertEquals(parsePropertyOptions([]), {});
  assertEquals(
    parsePropertyOptions(["a=b", "c=", "d=e=f", "a=g"]),
    { a: "g", c: "", d: "e=f" },
  );
});

Deno.test("parsePropertyOptions: a name that objects are born with is a name", () => {
  assertEquals(Object.entries(parsePropertyOptions(["__proto__=x"])), [["__proto__", "x"]]);
});

for (const option of ["", "a", "=", "=b"]) {
  Deno.test(`parsePropertyOptions: ${JSON.stringify(option)} is no property`, () => {
    assertThrows(() => parsePropertyOptions([option]), ValidationError, `--property "${option}"`);
  });
}

Deno.test("parseAttributeOptions: names of sysfs attributes, and nothing else", () => {
  assertEquals(parseAttributeOptions([]), []);
  assertEquals(parseAttributeOptions(["fw_rev", "parent/fw_rev"]), ["fw_rev", "parent/fw_rev"]);
  for (const option of ["", "../x", "config", "fw_rev\n"]) {
    assertThrows(
      () => parseAttributeOptions(["fw_rev", option]),
      ValidationError,
      `--attribute "${option}"`,
    );
  }
});
