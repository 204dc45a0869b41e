import { assertEquals } from "@std/assert";
import manifest from "../../../deno.json" with { type: "json" };

// `v` of the policy API is valibot, whose own documentation is not ours to lint.
const FOREIGN_TYPES = /references private type '(GenericSchema|InferOutput)'/;

Deno.test("every public export is documented (deno doc --lint)", async () => {
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--lint", ...Object.values(manifest.exports)],
    env: { NO_COLOR: "1" },
    stdout: "null",
  }).output();
  const output = new TextDecoder().decode(stderr);
  const errors = output.split(/^(?=error\[)/m)
    .filter((block) => block.startsWith("error["))
    .filter((block) => !block.includes("/npm/") && !FOREIGN_TYPES.test(block))
    .map((block) => block.split("\n").slice(0, 2).join(" "));
  assertEquals(errors, []);
  // An output of another form would hold no errors that this test knows.
  assertEquals(/Checked|documentation lint error/.test(output), true, output);
});
