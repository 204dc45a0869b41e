import { assertEquals } from "@std/assert";
import { denoArguments, ROOT } from "../../helpers/cli_run.ts";

/** The most calls for a pair of devices of one QEMU version, by the function that does the work. */
const MOST: Readonly<Record<string, readonly [file: string, most: number]>> = {
  // Each device, and each by its bytes alone.
  readIds: ["lib/policy/migration.ts", 4],
  parseVfioPciProperties: ["lib/qemu/properties.ts", 1],
  readRegions: ["lib/qemu/region.ts", 2],
  // Each device's bytes, and each shadow.
  decodeConfigSpace: ["lib/pci/config_space.ts", 4],
  realize: ["lib/qemu/realize.ts", 2],
  readDevices: ["lib/policy/guest.ts", 1],
};

const CHECK = "check --source examples/source.json --destination examples/destination.json " +
  "--domain examples/domain.xml --format";

for (const format of ["text", "json", "markdown", "html"]) {
  Deno.test(`what is decoded of a device stays decoded: check as ${format}`, async () => {
    const calls = await countCalls(`${CHECK} ${format}`.split(" "));
    const wrong = Object.entries(MOST).flatMap(([name, [file, most]]) => {
      const count = calls.get(`${file} ${name}`);
      return count !== undefined && count <= most ? [] : [`${name}: ${count}, wanted ${most}`];
    });
    assertEquals(wrong, []);
  });
}

/** How often each function of the command line's modules is called. */
async function countCalls(words: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const folder = await Deno.makeTempDir();
  try {
    const [run = "", ...rest] = denoArguments(words);
    const args = [run, `--coverage=${folder}`, ...rest];
    await new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdout: "null" }).output();
    const calls = new Map<string, number>();
    for (const { name } of Deno.readDirSync(folder)) {
      if (!name.endsWith(".json")) continue;
      const { url, functions } = JSON.parse(Deno.readTextFileSync(`${folder}/${name}`));
      for (const { functionName, ranges: [{ count }] } of functions) {
        calls.set(`${url.replace(ROOT.href, "")} ${functionName}`, count);
      }
    }
    return calls;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
