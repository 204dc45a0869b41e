import { assert } from "@std/assert";
import manifest from "../../../deno.json" with { type: "json" };

Deno.test("every public export is documented (deno doc --lint)", async () => {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--lint", ...Object.values(manifest.exports)],
    env: { NO_COLOR: "1" },
    stdout: "null",
  }).output();
  assert(success, new TextDecoder().decode(stderr));
});
