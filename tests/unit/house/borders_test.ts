/**
 * The borders between the folders: who may import whom, which folders are pure, and what a plugin
 * may see.
 */
import { assert, assertEquals } from "@std/assert";

/** What each folder may import, beside itself and how it fails: only those above it. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "lib/error": [],
  "lib/pci": ["@std/encoding/hex"],
  "lib/qemu": ["lib/pci"],
  "lib/domain": ["lib/pci", "@rgrove/parse-xml"],
  "lib/policy": ["lib/pci", "lib/qemu", "lib/domain", "valibot", "@std/encoding/hex"],
  "lib/facts": [
    "lib/pci",
    "lib/qemu",
    "lib/domain",
    "lib/policy",
    "valibot",
    "@std/encoding/base64",
    "@std/encoding/hex",
    "@rgrove/parse-xml",
    "fflate",
  ],
  "plugins": ["premigrate/policy"],
  "lib/site": ["lib/policy", "valibot"],
  "lib/plugin": [
    "lib/policy",
    "lib/facts",
    "valibot",
    "@std/encoding/base64",
    "@std/encoding/hex",
  ],
  "lib/report": ["lib/policy", "@std/fmt/colors"],
  "lib/config": [
    "deno.json",
    "plugins",
    "lib/domain",
    "lib/policy",
    "lib/site",
    "lib/plugin",
    "lib/facts",
    "valibot",
    "@valibot/to-json-schema",
    "@std/encoding/base64",
    "@std/text/closest-string",
    "@std/yaml/parse",
  ],
  "lib/hook": [
    "lib/domain",
    "lib/policy",
    "lib/plugin",
    "lib/facts",
    "lib/report",
    "lib/config",
    "@std/encoding/hex",
  ],
  "lib/agent": ["lib/domain", "lib/facts", "lib/config", "valibot"],
  "lib/install": ["lib/facts", "lib/config", "valibot", "@std/encoding/hex", "fflate", "node:util"],
  "lib/cli": [
    "plugins",
    "lib/domain",
    "lib/policy",
    "lib/site",
    "lib/plugin",
    "lib/facts",
    "lib/report",
    "lib/config",
    "lib/hook",
    "lib/agent",
    "lib/install",
    "valibot",
    "@cliffy/command",
    "@cliffy/command/completions",
    "@cliffy/command/help",
    "@valibot/to-json-schema",
    "@std/encoding/hex",
    "@std/fmt/colors",
    "@std/text/closest-string",
  ],
};
const PURE = [
  "lib/error",
  "lib/pci",
  "lib/qemu",
  "lib/domain",
  "lib/policy",
  "lib/site",
  "plugins",
];
const IMPURE =
  /\bDeno\.|\bDate\b|\bTemporal\b|\bperformance\b|\bMath\.random\b|\bcrypto\.|\bfetch\b|\bsetTimeout\b|\bconsole\b|\bnavigator\b|\bprocess\b/;

interface SourceFile {
  readonly path: string;
  readonly folder: string;
  readonly code: string;
  readonly imports: readonly string[];
}

function* walk(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* walk(path);
    else if (name.endsWith(".ts") && !name.endsWith(".d.ts")) yield path;
  }
}

function readSources(folder: string): SourceFile[] {
  return Array.from(walk(folder), (path) => {
    const text = Deno.readTextFileSync(path);
    const imports = Array.from(
      text.matchAll(
        /^(?:import|export)\b[^;]*?\bfrom "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm,
      ),
      ([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? "",
    );
    const code = text.replace(/\/\*[^]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
    return { path, folder, code, imports };
  });
}

/** The folder or package that an import leads to. */
function target({ path }: SourceFile, specifier: string): string {
  if (!specifier.startsWith(".")) return specifier;
  const { pathname } = new URL(specifier, `file:///${path}`);
  const [top = "", second = ""] = pathname.slice(1).split("/");
  return top === "lib" ? `lib/${second}` : top;
}

Deno.test("every folder of lib has a row here", () => {
  const folders = Array.from(Deno.readDirSync("lib"), ({ name }) => `lib/${name}`)
    .filter((folder) => folder !== "lib/std").sort();
  const rows = Object.keys(MAY_IMPORT).filter((folder) => folder.startsWith("lib/")).sort();
  assertEquals(rows, folders);
});

Deno.test("no arrow runs up", () => {
  const folders = Object.keys(MAY_IMPORT);
  for (const [index, folder] of folders.entries()) {
    const below = folders.slice(index).filter((name) => MAY_IMPORT[folder]?.includes(name));
    assertEquals(below, [], folder);
  }
});

Deno.test("CONTRIBUTING.md tells who may import whom", () => {
  const rows = Deno.readTextFileSync("CONTRIBUTING.md").matchAll(
    /^\| `([^`]+)` +\|[^|]+\|(.*)\|$/gm,
  );
  const told = Array.from(rows, ([, folder = "", names = ""]) => [
    folder,
    Array.from(names.matchAll(/`([^`]+)`/g), ([, name = ""]) => name).sort(),
  ]);
  const rules = Object.entries(MAY_IMPORT).map(([folder, allowed]) => [
    folder,
    allowed.filter((name) => /^(lib\/|plugins$|premigrate\/)/.test(name))
      .map((name) => name.replace("lib/", "")).sort(),
  ]);
  assertEquals(Object.fromEntries(told), Object.fromEntries(rules));
});

for (const [folder, allowed] of Object.entries(MAY_IMPORT)) {
  const sources = readSources(folder);

  Deno.test(`${folder} imports only ${allowed.join(", ")}`, () => {
    assert(sources.length > 0, `there is nothing in ${folder}`);
    const wrong = sources.flatMap((source) =>
      source.imports.map((specifier) => target(source, specifier))
        .filter((to) => ![folder, "lib/error", ...allowed].includes(to))
        .map((to) => `${source.path} imports ${to}`)
    );
    assertEquals(wrong, []);
  });

  if (!PURE.includes(folder)) continue;
  Deno.test(`${folder} is pure`, () => {
    const wrong = sources.flatMap(({ path, code }) => {
      const found = IMPURE.exec(code);
      return found === null ? [] : [`${path}: ${found[0]}`];
    });
    assertEquals(wrong, []);
  });
}

Deno.test("a plugin imports nothing of another plugin, but what lies beside those of its vendor", () => {
  const wrong = readSources("plugins").filter(({ path }) => path !== "plugins/mod.ts").flatMap(
    ({ path, imports }) =>
      imports.filter((specifier) =>
        specifier.startsWith("..") && !/^\.\.\/\w+\.ts$/.test(specifier)
      )
        .map((specifier) => `${path} imports ${specifier}`),
  );
  assertEquals(wrong, []);
});

Deno.test("no command is imported but by the command line", () => {
  const wrong = readSources("lib").filter(({ path }) => path !== "lib/cli/main.ts").flatMap(
    ({ path, imports }) =>
      imports.filter((specifier) => specifier.includes("/commands/"))
        .map((specifier) => `${path} imports ${specifier}`),
  );
  assertEquals(wrong, []);
});

Deno.test("what is thrown to others extends PremigrateError", () => {
  // The stand-in has Cliffy's own; the other two never leave their file or their room.
  const others = ["lib/cli/cliffy/errors.ts", "lib/domain/metadata_scan.ts", "lib/error/mod.ts"];
  const found = readSources("lib").filter(({ path, code }) =>
    !path.endsWith("/region_main.ts") && /class \w+ extends (?!Premigrate)\w*Error\b/.test(code)
  );
  assertEquals(found.map(({ path }) => path).sort(), others);
});

Deno.test("imports form no cycle, types included", () => {
  const files = [...readSources("lib"), ...readSources("plugins")];
  const graph = new Map(files.map((file) => [
    file.path,
    file.imports.map((specifier) => fileOf(file, specifier)).filter((to) => to !== undefined),
  ]));
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    assert(!path.includes(file), [...path, file].join(" -> "));
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  assert(done.size > 250);
});

/** The file of this repository that an import leads to. */
function fileOf({ path }: SourceFile, specifier: string): string | undefined {
  if (specifier === "premigrate/policy") return "lib/policy/mod.ts";
  if (!specifier.startsWith(".")) return undefined;
  return new URL(specifier, `file:///${path}`).pathname.slice(1);
}
