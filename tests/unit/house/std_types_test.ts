import { assert, assertEquals, assertMatch } from "@std/assert";

const types = await read("lib/types/std.d.ts");
const declared = [...types.matchAll(/declare module "([^"]+)" \{\n(.*?)\n\}/gs)]
  .flatMap(([, module = "", body = ""]) =>
    [...body.matchAll(/^ *export (function|class|const) (\w+)/gm)]
      .map(([, kind = "", name = ""]) => ({ module, kind, name }))
  );

Deno.test("no declaration of std.d.ts is overlooked", () => {
  const values = types.match(/^ *export (?!type |interface )/gm) ?? [];
  assert(declared.length > 0);
  assertEquals(declared.length, values.length);
});

for (const { module, kind, name } of declared) {
  Deno.test(`${module} exports the ${kind} ${name}`, async () => {
    const exports: Record<string, unknown> = await import(module);
    assert(name in exports);
    if (kind !== "const") assertEquals(typeof exports[name], "function");
  });
}

Deno.test("import_map.jsr.json differs from deno.json in @std and @cliffy alone", async () => {
  const { imports } = JSON.parse(await read("deno.json"));
  const { imports: jsr } = JSON.parse(await read("import_map.jsr.json"));
  assertEquals(Object.keys(jsr).sort(), Object.keys(imports).sort());
  for (const name of Object.keys(imports)) {
    const [scope, module, ...path] = name.split("/");
    if (scope === "@std" || scope === "@cliffy") {
      const rest = ["", ...path].join("/");
      assertMatch(jsr[name], new RegExp(`^jsr:${scope}/${module}@[~^]?[\\d.]+${rest}$`));
    } else {
      assertEquals(jsr[name], imports[name]);
    }
  }
});

function read(path: string): Promise<string> {
  return Deno.readTextFile(new URL(`../../../${path}`, import.meta.url));
}
