/** F21: guests' names stood in audit.jsonl as they are: U+009B is a terminal's CSI, U+202E turns text. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { engineFinding } from "../../../lib/policy/engine_codes.ts";
import { HookTree } from "../../helpers/hook_tree.ts";
import { decisionOf, hostOf, recorded } from "./decisions.ts";

const ASCII = /^[ -~]*\n$/;
const NAMES: readonly (readonly [name: string, guest: string])[] = [
  ["a terminal's CSI", "vm\u009b31m1"],
  ["what turns text round", "vm\u202e1"],
  ["invisible characters", "vm\u200b\ufeff\u00ad1"],
  ["DEL and escape", "vm\u007f\u001b[2J1"],
  ["line separators", "vm\u2028\u20291"],
  ["letters beyond ASCII", "b\u00fcro-\u{1f600}"],
  ["quotes and backslashes", "vm\"\\'1"],
];

for (const [what, name] of NAMES) {
  Deno.test(`F21: what is written of a guest is printable ASCII: ${what}`, async () => {
    const { report, line } = await recorded(decisionOf({
      name,
      findings: [engineFinding("no-facts", name, { address: name, side: name })],
      source: hostOf(name, []),
    }));
    for (const text of [report, line]) assert(ASCII.test(text), JSON.stringify(text));
    assertEquals([JSON.parse(line).guest, JSON.parse(line).source], [name, name]);
    assertEquals(JSON.parse(report).guest.name, name);
  });
}

Deno.test("F21: whatever a guest is called, its line is ASCII and reads as the same", () =>
  fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", maxLength: 50 }), async (name) => {
      const { line } = await recorded(decisionOf({ name }));
      assert(ASCII.test(line));
      assertEquals(JSON.parse(line).guest, name);
    }),
    { numRuns: 50 },
  ));

for (
  const [how, breakIt] of [
    ["the bundle decides", (): Promise<void> => Promise.resolve()],
    [
      "the bundle is altered",
      (tree: HookTree): Promise<void> =>
        Deno.writeTextFile(`${tree.root}/usr/lib/premigrate/hook.js`, "1"),
    ],
    [
      "there is no Deno",
      (tree: HookTree): Promise<void> => tree.apply(undefined, "/none/d\u00e9no\u009b"),
    ],
  ] as const
) {
  Deno.test(`F21: the audit log is printable ASCII where ${how}`, async () => {
    using tree = await HookTree.make();
    const xml = await tree.xml();
    await breakIt(tree);
    const all = NAMES.map(([, name]) => name).join("");
    await tree.migrate(xml, all);
    const text = await Deno.readTextFile(`${tree.root}/var/log/premigrate/audit.jsonl`);
    assert(/^[ -~\n]*$/.test(text), JSON.stringify(text));
    const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
    assertEquals(lines.length, 1);
    // The launcher, in sh, has no escapes for it.
    const known = how === "the bundle decides" ? all : all.replace(
      /[^ -~]/gu,
      (letter) => "?".repeat(new TextEncoder().encode(letter).length),
    );
    assertEquals(lines[0].guest, known);
  });
}
