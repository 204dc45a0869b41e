import { assert, assertEquals, assertThrows } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import { parseFacts } from "../../../lib/facts/mod.ts";
import { parse } from "@std/yaml/parse";
import { parseSiteFile } from "../../../lib/config/site_folder.ts";
import { ROOT, runCli, testRuns } from "../../helpers/cli_run.ts";
import { fits, type JsonSchema, undescribed } from "../../helpers/json_schema.ts";
import { verdictJson } from "../../../lib/report/mod.ts";
import { answerWith } from "../../cases/answers.ts";

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

const verdictSchema: JsonSchema = JSON.parse((await runCli("schema verdict")).stdout);
const FILES = "--source examples/source.json --destination examples/destination.json";
const WRITTEN = { time: "2026-11-29T12:00:00.000Z", version: "0.1.0" };

/** What is printed of a verdict, by the words of the command. */
const VERDICTS: Record<string, string> = {
  "a veto": `check ${FILES} --domain examples/domain.xml --json`,
  "an allow": `check ${FILES} --domain examples/domain.xml --machine pc-q35-9.1 --json`,
  "no guest, and a QEMU": `check ${FILES} --qemu 9.2 --format json`,
  "what a hook would do":
    `check ${FILES} --domain examples/domain.xml --config examples/config.yaml --json`,
  "two dumps": "compare examples/source.hex examples/destination.hex --machine pc-q35-9.0 --json",
};

function assertVerdict(verdict: Record<string, unknown>): void {
  assert(fits(verdictSchema, verdict), JSON.stringify(verdict));
  assertEquals(undescribed(verdictSchema, verdict), []);
  for (const name of verdictSchema.required ?? []) {
    assert(!fits(verdictSchema, { ...verdict, [name]: undefined }), name);
  }
  assert(!fits(verdictSchema, { ...verdict, premigrate: "verdict/2" }));
  assert(!fits(verdictSchema, { ...verdict, findings: [{}] }));
}

for (const [name, words] of Object.entries(VERDICTS)) {
  Deno.test(`schema verdict: describes all that is printed: ${name}`, async () => {
    assertVerdict(JSON.parse((await runCli(words)).stdout));
  });
}

Deno.test("schema verdict: describes choices, and what a finding may have", () => {
  for (const decision of ["allow", "veto", "undecided"] as const) {
    assertVerdict(JSON.parse(JSON.stringify(verdictJson(answerWith("a", decision), WRITTEN))));
  }
});

testRuns([
  { name: "schema: no kind", words: "schema", code: 2, error: "Wanted a kind of file: facts, " },
  { name: "schema: no such kind", words: "schema fact", code: 2, error: '"facts"' },
]);

Deno.test("schema --json: the same", async () => {
  assertEquals(JSON.parse((await runCli("schema facts --json")).stdout), schema);
});
