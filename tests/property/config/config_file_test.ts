import { assert, assertEquals } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import fc from "fast-check";
import { type Config, parseApplied, writeApplied } from "../../../lib/config/config.ts";
import { denoOf } from "../../../lib/config/apply.ts";
import { parseConfig } from "../../../lib/config/config_file.ts";
import { parseManifest, writeManifest } from "../../../lib/install/manifest.ts";
import { findPlace } from "../../../lib/config/yaml_place.ts";
import { unlessRefused } from "../../helpers/config_refusal.ts";

const template = await Deno.readTextFile(
  new URL("../../../examples/config.yaml", import.meta.url),
);

function tryParse(text: string): Config | undefined {
  return unlessRefused((text) => parseConfig("config.yaml", text), text);
}

const yamlText = fc.array(
  fc.constantFrom(
    ...["mode", "hosts", "guests", "policies", "nvidia/vsc", "observe", "20s", "options", "a", "1"],
    ...[": ", ":\n  ", "\n", "\n  ", "- ", "[", "]", "{", "}", ",", "&a ", "*a", "!!set ", "<<: "],
    ...["|\n", ">\n", "'", '"', "#", "%YAML 1.2\n", "---\n", "...\n", "\t", "\r", "\0", "?", "~"],
  ),
  { maxLength: 40 },
).map((parts) => parts.join(""));

Deno.test("a configuration is read or refused, whatever it is", () => {
  fc.assert(
    fc.property(fc.oneof(yamlText, fc.string({ unit: "binary" })), (text) => {
      tryParse(text);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("a damaged template is read or refused", () => {
  const at = fc.nat({ max: template.length });
  fc.assert(
    fc.property(at, fc.nat({ max: 30 }), yamlText, (start, length, text) => {
      tryParse(template.slice(0, start) + text + template.slice(start + length));
    }),
    { numRuns: 300 },
  );
});

Deno.test("what is read is applied as it was read, with its Deno", () => {
  const time = fc.integer({ min: 10, max: 600 }).map((seconds) => `${seconds}s`);
  const choice = fc.constantFrom("open", "closed");
  const config = fc.record({
    mode: fc.constantFrom("enforce", "observe"),
    deadline: time,
    maxAge: time,
    rewrite: fc.boolean(),
    onTrouble: fc.record({ hook: choice, deadline: choice, report: choice }, { requiredKeys: [] }),
    hosts: fc.array(fc.domain().map((name) => `qemu+ssh://${name}/system`), { maxLength: 3 }),
    guests: fc.dictionary(
      fc.uuid(),
      fc.record({ mode: fc.constantFrom("enforce", "observe") }, { requiredKeys: [] }),
      { maxKeys: 3, noNullPrototype: true },
    ),
    reports: fc.integer({ min: 1, max: 100_000 }),
  }, { requiredKeys: [] });
  const path = fc.string({ unit: fc.constantFrom(..."abc/.-_"), maxLength: 30 });
  fc.assert(fc.property(config, path, (choices, rest) => {
    // JSON is YAML.
    const read = tryParse(JSON.stringify(choices, null, 2));
    assert(read !== undefined);
    const applied = writeApplied({ deno: `/${rest}`, config: read });
    assertEquals(parseApplied(applied), read);
    assertEquals(denoOf(applied), `/${rest}`);
  }));
});

Deno.test("a place is one of the text, whatever the path", () => {
  const key = fc.oneof(fc.constantFrom("a", "mode", "nvidia/vsc"), fc.nat({ max: 5 }));
  fc.assert(fc.property(yamlText, fc.array(key, { maxLength: 5 }), (text, path) => {
    const place = findPlace(text, path);
    if (place === undefined) return;
    const line = text.split(/\r\n|\r|\n/)[place.line - 1];
    assert(line !== undefined && place.column >= 1 && place.column <= line.length);
  }));
});

Deno.test("the place of a key in a document in block style is right", () => {
  const name = fc.constantFrom(..."abcdefgh");
  type Tree = { readonly [key: string]: Tree | number };
  const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.dictionary(name, fc.oneof({ maxDepth: 3 }, fc.nat(), tie("tree")), {
      minKeys: 1,
      maxKeys: 4,
      noNullPrototype: true,
    }),
  }));
  fc.assert(fc.property(tree, fc.integer({ min: 1, max: 4 }), (document, width) => {
    const lines: string[] = [];
    const paths: string[][] = [];
    const columns: number[] = [];
    const write = (members: Tree, path: readonly string[]): void => {
      for (const [key, value] of Object.entries(members)) {
        const at = [...path, key];
        lines.push(
          `${" ".repeat(width * path.length)}${key}:${
            typeof value === "number" ? ` ${value}` : ""
          }`,
        );
        paths.push(at);
        columns.push(width * path.length + 1);
        if (typeof value !== "number") write(value, at);
      }
    };
    write(document, []);
    assertEquals(
      paths.map((path) => findPlace(lines.join("\n"), path)),
      columns.map((column, index) => ({ line: index + 1, column })),
    );
  }));
});

Deno.test("a list of files is read or refused, whatever it is, and as it was written", () => {
  const part = fc.string({ unit: fc.constantFrom(..."abc-_9"), minLength: 1, maxLength: 9 });
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join("/")}`);
  const manifest = fc.record({
    version: fc.string(),
    files: fc.dictionary(path, fc.string(), { noNullPrototype: true }),
    folders: fc.array(path),
    hookSince: fc.maxSafeNat(),
  }, { requiredKeys: ["version", "files", "folders"] });
  fc.assert(fc.property(manifest, fc.nat({ max: 400 }), (written, cut) => {
    const text = writeManifest(written);
    assertEquals(parseManifest("manifest.json", text), written);
    for (const damaged of [text.slice(0, cut), text.slice(cut), text.replaceAll("/", "/..")]) {
      try {
        parseManifest("manifest.json", damaged);
      } catch (error) {
        assert(error instanceof PremigrateError, String(error));
      }
    }
  }));
});
