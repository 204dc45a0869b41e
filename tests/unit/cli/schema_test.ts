import { assert, assertEquals, assertThrows } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import { parseFacts } from "../../../lib/facts/mod.ts";
import { parse } from "@std/yaml/parse";
import { parseSiteFile } from "../../../lib/config/site_folder.ts";
import { ROOT, runCli, testRuns } from "../../helpers/cli_run.ts";

/** The part of JSON Schema that the schema of facts is written in. */
interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly propertyNames?: JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}

const KEYWORDS = new Set([
  ...["type", "const", "enum", "properties", "required", "additionalProperties", "propertyNames"],
  ...[
    "anyOf",
    "items",
    "minItems",
    "maxItems",
    "maxProperties",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
  ],
  // They say nothing about what is accepted.
  ...["description", "format", "default", "$schema"],
]);

/** Whether a value fits a schema, as the specification of JSON Schema (draft 7) has it. */
function fits(schema: JsonSchema, value: unknown): boolean {
  for (const keyword of Object.keys(schema)) assert(KEYWORDS.has(keyword), keyword);
  const { minimum = -Infinity, maximum = Infinity } = schema;
  if ("const" in schema && value !== schema.const) return false;
  if (schema.enum?.includes(value) === false) return false;
  if (schema.anyOf?.some((other) => fits(other, value)) === false) return false;
  switch (schema.type) {
    case "string":
      return typeof value === "string" && value.length >= (schema.minLength ?? 0) &&
        value.length <= (schema.maxLength ?? Infinity) &&
        new RegExp(schema.pattern ?? "", "u").test(value);
    case "null":
      return value === null;
    case "boolean":
      return typeof value === "boolean";
    case "integer":
      return Number.isInteger(value) && Number(value) >= minimum && Number(value) <= maximum;
    case "array":
      return Array.isArray(value) && value.length >= (schema.minItems ?? 0) &&
        value.length <= (schema.maxItems ?? Infinity) &&
        value.every((item) => fits(schema.items ?? {}, item));
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value) &&
        Object.keys(value).length <= (schema.maxProperties ?? Infinity) &&
        (schema.required ?? []).every((name) => Object.hasOwn(value, name)) &&
        Object.entries(value).every(([name, member]) => fitsMember(schema, name, member));
    default:
      assertEquals(schema.type, undefined);
      return true;
  }
}

function fitsMember(schema: JsonSchema, name: string, member: unknown): boolean {
  const { properties = {}, additionalProperties = true, propertyNames = {} } = schema;
  const own = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
  return fits(propertyNames, name) && (typeof own === "object" ? fits(own, member) : own === true);
}

const schema: JsonSchema = JSON.parse((await runCli("schema facts")).stdout);
const source = await Deno.readTextFile(new URL("examples/source.json", ROOT));
const destination = await Deno.readTextFile(new URL("examples/destination.json", ROOT));

Deno.test("schema facts: the examples fit", () => {
  assert(fits(schema, JSON.parse(source)));
  assert(fits(schema, JSON.parse(destination)));
  assert(fits(schema, { premigrate: "facts/1", host: { name: "a" }, devices: [] }));
  const device = { address: "0000:3b:00.4", attributes: { fw_rev: "7", "parent/fw_rev": null } };
  assert(fits(schema, { premigrate: "facts/1", host: { name: "a" }, devices: [device] }));
});

/** Changes of the example that the schema refuses, and `parseFacts` too. */
const REFUSED: Record<string, [from: string | RegExp, to: string]> = {
  "another version": ["facts/1", "facts/2"],
  "no version": ['"premigrate"', '"note2"'],
  "an unknown member": ['"host": {', '"host": {"cpu": 1,'],
  "a host without a name": ['"name": "hosta"', '"name": ""'],
  "devices in an object": [/"devices": \[([^]*)\]/, '"devices": {}'],
  "an address in upper case": ["c5b1d3e0", "C5B1D3E0"],
  "a view that is none": ['"view": "realize"', '"view": "mine"'],
  "half a byte": ['"hex": "de', '"hex": "e'],
  "too few BARs": ["16777216,", ""],
  "a negative size": ["16777216,", "-1,"],
  "a size that is no integer": ["16777216,", "0.5,"],
  "an attribute that no policy may declare": [
    '"romSize"',
    '"attributes": {"../x": "7"}, "romSize"',
  ],
  "an attribute that is a number": ['"romSize"', '"attributes": {"fw_rev": 7}, "romSize"'],
  "a driver without a name": ['"name": "nvidia-vgpu-vfio",', ""],
};

for (const [name, [from, to]] of Object.entries(REFUSED)) {
  Deno.test(`schema facts: refuses what parseFacts refuses: ${name}`, () => {
    const text = source.replace(from, to);
    assert(text !== source);
    assert(!fits(schema, JSON.parse(text)));
    assertThrows(() => parseFacts(text), PremigrateError);
  });
}

const policySchema: JsonSchema = JSON.parse((await runCli("schema policy")).stdout);
const policy = await Deno.readTextFile(new URL("examples/policies.d/same-branch.yaml", ROOT));

Deno.test("schema policy: the example fits, and what the schema refuses is refused", () => {
  // Editors read a number where premigrate reads a text; this reads all as texts.
  const read = (text: string): unknown => parse(text, { schema: "failsafe" });
  assert(fits(policySchema, read(policy)));
  const changes: [from: string | RegExp, to: string][] = [
    ["severity: veto", "severity: deny"],
    ["severity:", "severty:"],
    ["vendor: 0x10de", "vendor: 0x10DE"],
    ["is: same branch", "is: same"],
    ["expect: allow", "expect: pass"],
    [/require:[^]*?same branch\n/, "require: []\n"],
  ];
  for (const [from, to] of changes) {
    const text = policy.replace(from, to);
    assert(text !== policy && !fits(policySchema, read(text)), to);
    assertThrows(() => parseSiteFile("a.yaml", text), PremigrateError);
  }
});

testRuns([
  { name: "schema: no kind", words: "schema", code: 2, error: "Missing argument" },
  { name: "schema: no such kind", words: "schema fact", code: 2, error: '"facts"' },
]);

Deno.test("schema --json: the same", async () => {
  assertEquals(JSON.parse((await runCli("schema facts --json")).stdout), schema);
});
