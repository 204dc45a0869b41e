import * as v from "valibot";
import { assertEquals } from "@std/assert";
import { DescriptionSchema } from "../../../lib/plugin/schema.ts";

const DESCRIPTION = {
  id: "acme/nic",
  title: "T",
  documentation: "D",
  match: { vendors: [0x1b36] },
  codes: {},
  ofGuest: false,
};

const OLDER: readonly (readonly [needs: readonly string[], judgesBytesAlone: boolean])[] = [
  [[], true],
  [["config"], true],
  [["config", "driver"], false],
  [["guest"], false],
];

for (const [needs, judgesBytesAlone] of OLDER) {
  Deno.test(`a plugin that was built with needs ${JSON.stringify(needs)} is still understood`, () => {
    const described = v.parse(DescriptionSchema, { ...DESCRIPTION, needs });
    assertEquals(described, { ...DESCRIPTION, judgesBytesAlone });
  });
}

Deno.test("a plugin that does not say that it judges bytes alone does not", () => {
  assertEquals(v.parse(DescriptionSchema, DESCRIPTION).judgesBytesAlone, undefined);
});
