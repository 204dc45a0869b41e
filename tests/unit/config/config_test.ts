import { assert, assertEquals, assertThrows } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import * as v from "valibot";
import { ConfigSchema } from "../../../lib/config/config.ts";
import { parseConfig } from "../../../lib/config/config_file.ts";
import { policySet } from "../../../lib/config/policy_set.ts";
import { findPlace } from "../../../lib/config/yaml_place.ts";

const UUID = "5f1c8a52-6f43-4c6e-9a0e-4d7c5a1f2b3c";
const DEFAULTS = v.parse(ConfigSchema, {});
const template = await Deno.readTextFile(
  new URL("../../../examples/config.yaml", import.meta.url),
);

Deno.test("the template holds all defaults but the mode, and says nothing else", () => {
  assertEquals(parseConfig("config.yaml", template), { ...DEFAULTS, mode: "observe" });
  for (const key of Object.keys(DEFAULTS)) {
    assert(new RegExp(`^${key}:`, "m").test(template), key);
  }
});

Deno.test("agent.enabled, as it was called, is read as agent.recordStarts, which goes before", () => {
  const CASES: Readonly<Record<string, boolean>> = {
    "{}": false,
    "{enabled: true}": true,
    "{recordStarts: true}": true,
    "{enabled: true, recordStarts: false}": false,
    "{enabled: false, recordStarts: true}": true,
  };
  for (const [agent, recordStarts] of Object.entries(CASES)) {
    const config = parseConfig("config.yaml", `agent: ${agent}`);
    assertEquals(config, { ...DEFAULTS, agent: { recordStarts, interval: "5m" } }, agent);
  }
});

Deno.test("the template's examples are right", () => {
  const text = template.replaceAll(/^(hosts|guests|policies|plugins): .*\n/gm, "").replaceAll(
    /^( *)#: /gm,
    "$1",
  );
  const { hosts, guests, policies, plugins, agent } = parseConfig("config.yaml", text);
  assertEquals([hosts.length, Object.keys(plugins)], [1, ["acme/revision"]]);
  assertEquals(guests[UUID]?.onTrouble, { facts: "open" });
  assertEquals(policies["nvidia/vsc"]?.mode, "observe");
  assertEquals(agent.metrics, "/var/lib/prometheus/node-exporter");
});

Deno.test("an empty file, and one of comments alone, is all defaults", () => {
  for (const text of ["", "# nothing\n", "---\n", "null\n", "{}"]) {
    assertEquals(parseConfig("config.yaml", text), DEFAULTS);
  }
});

const WRONG: Record<string, [text: string, message: string]> = {
  "no YAML": ["mode: enforce\nhosts: [\n", "config.yaml: line 3, column 1: it is no YAML"],
  "a word": ["observe\n", 'config.yaml: Invalid type: Expected Object but received "observe"'],
  "a list": ["- a\n", "config.yaml: found a list, wanted keys"],
  "two documents": [
    "mode: observe\n---\nmode: enforce\n",
    "config.yaml: line 2, column 1: it is no YAML",
  ],
  "a key twice": ["mode: observe\nmode: enforce\n", "config.yaml: line 2, column 1: it is no YAML"],
  "an unknown key": [
    "mode: observe\ndedline: 20s\n",
    "config.yaml: line 2, column 1: at dedline: there is no such key; the nearest is deadline",
  ],
  "an unknown key below": [
    "onTrouble:\n  # a comment\n  hok: open\n",
    "config.yaml: line 3, column 3: at onTrouble.hok: there is no such key; the nearest is hook",
  ],
  "an unknown key of a guest": [
    `guests:\n  ${UUID}:\n    rewrit: true\n`,
    `config.yaml: line 3, column 5: at guests.${UUID}.rewrit: there is no such key; the nearest is rewrite`,
  ],
  "an unknown kind of trouble of a guest": [
    `guests:\n  "${UUID}":\n    mode: observe\n    onTrouble: { fact: open }\n`,
    `config.yaml: line 4, column 5: at guests.${UUID}.onTrouble.fact: there is no such key; the nearest is fa`,
  ],
  "a merge": [
    "a: &a {mode: observe}\n<<: *a\n",
    "config.yaml: line 1, column 1: at a: there is no such key",
  ],
  "a prototype": [
    "__proto__: {mode: observe}\n",
    "config.yaml: line 1, column 1: at __proto__: there is no",
  ],
  "a mode that is none": [
    "# x\n\nmode: warn\n",
    'config.yaml: line 3, column 1: at mode: found "warn"; wanted enforce or observe',
  ],
  "a number as a time": ["deadline: 20\n", "config.yaml: line 1, column 1: at deadline: "],
  "a time that is too long": [
    "deadline: 1h\n",
    "config.yaml: line 1, column 1: at deadline: wanted 2 to 600 seconds",
  ],
  "a time that is none": [
    "agent:\n  interval: soon\n",
    "config.yaml: line 2, column 3: at agent.interval: wanted a time such as 20s",
  ],
  "a folder of metrics that is none": [
    "agent:\n  metrics: node-exporter\n",
    "config.yaml: line 2, column 3: at agent.metrics: wanted an absolute path",
  ],
  "a guest's name": [
    "guests:\n  vm1: {}\n",
    "config.yaml: line 2, column 3: at guests.vm1: wanted a guest's",
  ],
  "a host that is no libvirt URI": [
    "hosts:\n- qemu+ssh://hosta/system\n- hostb\n",
    'config.yaml: line 3, column 1: at hosts.1: Cannot use the libvirt URI "hostb"',
  ],
  "a host that would start a program": [
    "hosts: [qemu+ssh://hosta/system?command=x]\n",
    "config.yaml: line 1, column 1: at hosts.0: Cannot use the libvirt URI",
  ],
  "a policy that is none": [
    "policies:\n  nvidia/vcs: { mode: off }\n",
    "config.yaml: line 2, column 3: at policies.nvidia/vcs: there is no such policy; the nearest is nvidia/vsc",
  ],
  "a policy's mode": [
    "policies:\n  nvidia/vsc:\n    options: {}\n    mode: never\n",
    "config.yaml: line 4, column 5: at policies.nvidia/vsc.mode: found ",
  ],
  "a code that is none": [
    "policies:\n  nvidia/vsc:\n    codes:\n      body-compare: warn\n",
    "config.yaml: line 4, column 7: at policies.nvidia/vsc.codes.body-compare: the policy has no such code; the nearest is body-compared",
  ],
  "a code that neither of two policies has, by the id that both had": [
    "policies:\n  intel/gvtg-and-ice:\n    codes:\n      icy: warn\n",
    "config.yaml: line 4, column 7: at policies.intel/gvtg-and-ice.codes.icy: the policy has no such code; the nearest is ice",
  ],
  "a code that is made something else": [
    "policies:\n  nvidia/vsc:\n    codes:\n      body-compared: info\n",
    "config.yaml: line 4, column 7: at policies.nvidia/vsc.codes.body-compared: Invalid type",
  ],
  "options that do not fit": [
    "policies:\n  nvidia/vsc:\n    options:\n      nothing: 1\n",
    "config.yaml: line 3, column 5: at policies.nvidia/vsc.options: Cannot set the options of policy nvidia/vsc",
  ],
};

for (const [name, [text, message]] of Object.entries(WRONG)) {
  Deno.test(`refused: ${name}`, () => {
    const error = assertThrows(() => parseConfig("config.yaml", text), PremigrateError);
    assertEquals(error.message.slice(0, message.length), message);
    assert(!error.message.includes("\n"), error.message);
  });
}

const HARMFUL: Record<string, string> = {
  "aliases of aliases": Array.from(
    { length: 30 },
    (_, index) => `a${index}: &a${index} [${index === 0 ? "1" : `*a${index - 1}, `.repeat(9)}]`,
  ).join("\n"),
  "an alias of itself": "a: &a [*a]\n",
  "flow in flow": "[".repeat(100_000),
  "block in block": Array.from({ length: 2000 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n"),
  "too large": `# ${"x".repeat(5_000_000)}\n`,
};

for (const [name, text] of Object.entries(HARMFUL)) {
  Deno.test(`refused: ${name}`, () => {
    assertThrows(() => parseConfig("config.yaml", text), PremigrateError);
  });
}

const PLACES: Record<string, [text: string, path: (string | number)[], place: string]> = {
  "the document": ["a: 1\n", [], "none"],
  "a key": ["a: 1\nb: 2\n", ["b"], "2:1"],
  "a key of the same name further in": ["a:\n  b: 1\nb: 2\n", ["b"], "3:1"],
  "a key of the same name further on": ["a:\n  c: 1\nb:\n  d: 1\n  c: 2\n", ["b", "c"], "5:3"],
  "a quoted key": ["'a':\n  \"b:c\": 1\n", ["a", "b:c"], "2:3"],
  "an item": ["a:\n  - 1\n  - 2\nb: 1\n", ["a", 1], "3:3"],
  "an item right below its key": ["a:\n- 1\n- 2\nb: 1\n", ["a", 1], "3:1"],
  "a key behind a dash": ["a:\n  - b: 1\n    c: 2\n  - b: 3\n", ["a", 1, "b"], "4:5"],
  "a key below one behind a dash": ["a:\n- b: 1\n  c:\n    d: 2\n", ["a", 0, "c", "d"], "4:5"],
  "an item of an item": ["a:\n- - 1\n  -  - b: 2\n", ["a", 0, 1, 0, "b"], "3:8"],
  "a key in an item of one line": ["a:\n- {b: 1}\n- {c: 1}\n", ["a", 1, "c"], "3:1"],
  "what stands in one line": ["a: 1\nb: {c: 1}\n", ["b", "c"], "2:1"],
  "comments and empty lines": ["# a: 1\n\n   # x\na:\n\n # y\n  b: 1\n", ["a", "b"], "7:3"],
  "other line ends": ["a:\r\n  b: 1\r\n", ["a", "b"], "2:3"],
};

for (const [name, [text, path, place]] of Object.entries(PLACES)) {
  Deno.test(`the place of ${name}`, () => {
    const found = findPlace(text, path);
    assertEquals(found === undefined ? "none" : `${found.line}:${found.column}`, place);
  });
}

Deno.test("an id that two policies had reaches both, in what is decided, too", () => {
  const text = "policies:\n  intel/gvtg-and-ice: { mode: off }\n";
  const registry = policySet(parseConfig("config.yaml", text));
  const ids = registry.policies.map(({ policy }) => policy.id);
  assertEquals(ids.filter((id) => /gvtg|ice$/.test(id)), []);
});
