/** docs/nvidia.md shows what the commands in it print. */
import { assert, assertEquals } from "@std/assert";
import { runCli } from "../../helpers/cli_run.ts";

const page = await Deno.readTextFile("docs/nvidia.md");
const shown = Array.from(page.matchAll(/^```console\n\$ premigrate (.*)\n([^]*?)^```$/gm));

Deno.test("nvidia.md: it shows commands", () => {
  assert(shown.length >= 5);
});

/** Without the names that the host's pci.ids has beside numbers. */
function nameless(text: string): string {
  return text.replaceAll(/^( {2}[0-9a-f]{4}:[0-9a-f]{4}) .*$/gm, "$1");
}

for (const [, line = "", output] of shown) {
  Deno.test(`nvidia.md: ${line}`, async () => {
    const words = Array.from(line.matchAll(/'([^']*)'|\S+/g), ([word, quoted]) => quoted ?? word);
    const { stdout, stderr } = await runCli(words);
    assertEquals(nameless(stdout + stderr), nameless(output ?? ""));
  });
}
