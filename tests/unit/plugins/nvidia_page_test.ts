/** docs/nvidia.md shows what the commands in it print. */
import { assert, assertEquals } from "@std/assert";
import { runCli } from "../../helpers/cli_run.ts";

const page = await Deno.readTextFile("docs/nvidia.md");
const shown = Array.from(page.matchAll(/^```console\n\$ premigrate (.*)\n([^]*?)^```$/gm));

Deno.test("nvidia.md: it shows commands", () => {
  assert(shown.length >= 5);
});

for (const [, line = "", output] of shown) {
  Deno.test(`nvidia.md: ${line}`, async () => {
    const words = Array.from(line.matchAll(/'([^']*)'|\S+/g), ([word, quoted]) => quoted ?? word);
    const { stdout, stderr } = await runCli(words);
    assertEquals(stdout + stderr, output);
  });
}
