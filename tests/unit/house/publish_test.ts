/** The package as others get it: what is published, and a project of somebody who uses it. */
import { assert, assertEquals } from "@std/assert";
import manifest from "../../../deno.json" with { type: "json" };

const MOST_BYTES = 2_000_000;
const ROOT = new URL("../../..", import.meta.url).pathname;

async function deno(args: readonly string[], cwd = ROOT): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const [out = "", err = ""] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert(success, out + err);
  return out + err;
}

Deno.test("deno publish takes the package, without its tests, in 2 MB", async () => {
  const output = await deno(["publish", "--dry-run", "--allow-dirty"]);
  const paths = Array.from(output.matchAll(/^ +file:\/\/(\S+) \(/gm), ([, path = ""]) => path);
  assert(paths.includes(`${ROOT}mod.ts`), output);
  assertEquals(paths.filter((path) => /^(tests|dist)\//.test(path.slice(ROOT.length))), []);
  const bytes = paths.reduce((sum, path) => sum + Deno.statSync(path).size, 0);
  assert(bytes <= MOST_BYTES, `${bytes} bytes`);
});

Deno.test("a project that uses the package as docs/library.md says", async (test) => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.symlink(`${ROOT}examples`, `${folder}/examples`);
    const [, shown = ""] = /```json\n([^]*?)```/.exec(Deno.readTextFileSync("docs/library.md")) ??
      [];
    const config = shown.replaceAll("CLONE/", ROOT).replaceAll("CLONE", ROOT);
    await Deno.writeTextFile(`${folder}/deno.json`, config);

    await test.step("the documentation's recipe has its types, and runs", async () => {
      const [, example = ""] = /```ts\n([^]*?) \* ```/.exec(Deno.readTextFileSync("mod.ts")) ?? [];
      await Deno.writeTextFile(`${folder}/recipe.ts`, example.replace(/^ \* ?/gm, ""));
      await deno(["check", "recipe.ts"], folder);
      await deno(["run", "--no-prompt", "--allow-read", "recipe.ts"], folder);
    });

    await test.step("what reads a dump bundles little else", async () => {
      const text = `export { readDump } from "${manifest.name}/pci";`;
      await Deno.writeTextFile(`${folder}/dump.ts`, text);
      await deno(["bundle", "--minify", "--output=dump.js", "dump.ts"], folder);
      const { size } = await Deno.stat(`${folder}/dump.js`);
      assert(size <= 10_000, `${size} bytes`);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
