/** What the hook is made of: it is started at every migration, so that every module costs time. */
import { assert, assertEquals } from "@std/assert";

interface Graph {
  readonly modules: readonly { readonly specifier: string; readonly error?: string }[];
}

async function deno(...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: [...args] })
    .output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Packages that the hook needs; others have been too slow to load, or are the command line's. */
const PACKAGES = ["@rgrove/parse-xml", "@std/encoding", "deno-std", "fflate", "valibot"];

Deno.test("the hook is made of lib, plugins, a few packages and the version", async () => {
  const { modules }: Graph = JSON.parse(await deno("info", "--json", "lib/hook/main.ts"));
  assertEquals(modules.filter(({ error }) => error !== undefined), []);
  const wrong = modules.map(({ specifier }) => specifier).filter((specifier) => {
    // npm:/valibot@1.5.0/x.js or, unlinked, https://HOST/@std/encoding/1.0.11/hex.ts
    const [, found] = /^(?:npm:\/?|https?:\/\/[^/]+\/)((?:@[^/]+\/)?[^/@]+)/.exec(specifier) ?? [];
    if (found !== undefined) return !PACKAGES.includes(found);
    const here = new URL("../../../", import.meta.url).href;
    return !["lib/", "plugins/", "deno.json"].some((folder) =>
      specifier.startsWith(`${here}${folder}`)
    ) ||
      ["lib/cli/", "lib/install/", "lib/agent/"].some((folder) =>
        specifier.startsWith(`${here}${folder}`)
      );
  });
  assertEquals(wrong, []);
  assert(modules.length > 30);
  const reports = modules.flatMap(({ specifier }) =>
    /lib\/report\/(.*)/.exec(specifier)?.[1] ?? []
  );
  assertEquals(reports.sort(), [
    "causes.ts",
    "findings.ts",
    "host_names.ts",
    "json.ts",
    "labels.ts",
    "printable.ts",
  ]);
});

Deno.test("what the hook is bundled to imports nothing, and nothing in it is CommonJS", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const output = `--output=${folder}/hook.js`;
    await deno("bundle", "--quiet", "--platform=deno", output, "lib/hook/main.ts");
    const text = await Deno.readTextFile(`${folder}/hook.js`);
    const found = text.match(
      /^import\b.*|^export .* from .*|\b__commonJS\b|\b__require\b|\bmodule\.exports\b|"node:[^"]*"/gm,
    );
    assertEquals([...new Set(found)], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
