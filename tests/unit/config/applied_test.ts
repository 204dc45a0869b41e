/** What the operator may choose, and the file that the launcher and the hook read of it. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import * as v from "valibot";
import {
  type Config,
  ConfigSchema,
  parseApplied,
  parseDuration,
  salvageApplied,
  writeApplied,
} from "../../../lib/config/config.ts";
import { policySet } from "../../../lib/config/policy_set.ts";
import type { SitePolicies } from "../../../lib/site/mod.ts";
import { BUILT_IN } from "../../../plugins/mod.ts";

const UUID = "4dea22b3-1d52-48f3-a516-782e98ab3fa0";
const OTHER = "0f5e4f0c-93a5-4b0a-8a43-0f6a3a1d2b02";

function configOf(choices: unknown = {}): Config {
  return v.parse(ConfigSchema, choices);
}

function applied(choices: unknown = {}, deno = "/usr/bin/deno"): string {
  return writeApplied({ deno, config: configOf(choices) });
}

Deno.test("an empty file is all defaults", () => {
  assertEquals(configOf(), {
    mode: "enforce",
    deadline: "20s",
    onTrouble: {
      hook: "closed",
      config: "closed",
      input: "closed",
      facts: "closed",
      policy: "closed",
      deadline: "closed",
      report: "open",
    },
    maxAge: "15m",
    rewrite: false,
    hosts: [],
    guests: {},
    policies: {},
    plugins: {},
    agent: { recordStarts: false, interval: "5m" },
    reports: 1000,
  });
});

Deno.test("what is left out of a guest or a policy is chosen elsewhere", () => {
  const { guests, policies } = configOf({ guests: { [UUID]: {} }, policies: { "a/b": {} } });
  assertEquals(guests, { [UUID]: { onTrouble: {} } });
  assertEquals(policies, { "a/b": { mode: "enforce", options: {} } });
});

const DURATIONS: readonly (readonly [text: string, seconds: number | undefined])[] = [
  ["0s", 0],
  ["20s", 20],
  ["15m", 900],
  ["1h", 3600],
  ["2d", 172_800],
  ["999999s", 999_999],
  ["1000000s", undefined],
  ["", undefined],
  ["20", undefined],
  ["s", undefined],
  ["-1s", undefined],
  ["1.5h", undefined],
  ["1w", undefined],
  [" 1s", undefined],
  ["1s\n", undefined],
  ["1constructor", undefined],
];

for (const [text, seconds] of DURATIONS) {
  Deno.test(`parseDuration(${JSON.stringify(text)}) is ${seconds}`, () => {
    assertEquals(parseDuration(text), seconds);
  });
}

const ACCEPTED: readonly (readonly [name: string, choices: unknown])[] = [
  ["the shortest deadline", { deadline: "2s" }],
  ["the longest deadline", { deadline: "10m" }],
  ["the youngest age", { maxAge: "10s" }],
  ["the oldest age", { maxAge: "1d" }],
  ["one kind of trouble", { onTrouble: { facts: "open" } }],
  ["a guest with all choices", {
    guests: { [UUID]: { mode: "observe", onTrouble: { hook: "open" }, rewrite: true } },
  }],
  ["64 hosts", { hosts: Array(64).fill("qemu+ssh://h/system") }],
  ["a policy that is off", { policies: { "nvidia/vsc": { mode: "off" } } }],
];

for (const [name, choices] of ACCEPTED) {
  Deno.test(`the schema takes ${name}`, () => assert(v.is(ConfigSchema, choices)));
}

const REFUSED: readonly (readonly [name: string, choices: unknown, path: string])[] = [
  ["another mode", { mode: "warn" }, "mode"],
  ["a choice that is none", { onTrouble: { facts: "maybe" } }, "onTrouble.facts"],
  ["a trouble that is none", { onTrouble: { weather: "open" } }, "onTrouble.weather"],
  ["a key that is none", { modes: "observe" }, "modes"],
  ["a time without a unit", { deadline: "20" }, "deadline"],
  ["a number for a time", { deadline: 20 }, "deadline"],
  ["too short a deadline", { deadline: "1s" }, "deadline"],
  ["too long a deadline", { deadline: "601s" }, "deadline"],
  ["too young an age", { maxAge: "9s" }, "maxAge"],
  ["too old an age", { maxAge: "25h" }, "maxAge"],
  ["a host without a name", { hosts: [""] }, "hosts.0"],
  ["a host that is too long", { hosts: ["x".repeat(1025)] }, "hosts.0"],
  ["too many hosts", { hosts: Array(65).fill("x") }, "hosts"],
  ["a guest's name for its UUID", { guests: { vm1: {} } }, "guests.vm1"],
  ["a UUID in capitals", { guests: { [UUID.toUpperCase()]: {} } }, "guests."],
  ["a UUID and a line more", { guests: { [`${UUID}\nmode observe`]: {} } }, "guests."],
  ["a guest's mode off", { guests: { [UUID]: { mode: "off" } } }, `guests.${UUID}.mode`],
  ["a guest's deadline", { guests: { [UUID]: { deadline: "1s" } } }, `guests.${UUID}.deadline`],
  ["a policy's id that is none", { policies: { vsc: {} } }, "policies.vsc"],
  ["the engine's own id", { policies: { premigrate: { mode: "observe" } } }, "policies.premigrate"],
  ["no reports", { reports: 0 }, "reports"],
  ["half a report", { reports: 1.5 }, "reports"],
  ["a list", ["mode"], ""],
  ["nothing", null, ""],
];

for (const [name, choices, path] of REFUSED) {
  Deno.test(`the schema refuses ${name}`, () => {
    const { success, issues = [] } = v.safeParse(ConfigSchema, choices);
    const [issue] = issues;
    assert(!success && issue !== undefined);
    assert((v.getDotPath(issue) ?? "").startsWith(path), v.getDotPath(issue) ?? "");
  });
}

Deno.test("the schema refuses more guests than any site has", () => {
  const uuids = Array.from(
    { length: 10_001 },
    (_, index) => UUID.slice(0, -6) + `${index}`.padStart(6, "0"),
  );
  const guests = Object.fromEntries(uuids.map((uuid) => [uuid, {}]));
  assert(!v.is(ConfigSchema, { guests }));
  delete guests[uuids[0] ?? ""];
  assert(v.is(ConfigSchema, { guests }));
});

Deno.test("keys that every object inherits choose nothing", () => {
  const guests: unknown = JSON.parse('{"guests":{"__proto__":{"mode":"observe"}}}');
  const policies: unknown = JSON.parse('{"policies":{"constructor":{"mode":"off"}}}');
  for (const choices of [guests, policies]) {
    const { success, output } = v.safeParse(ConfigSchema, choices);
    assert(!success || JSON.stringify(output) === JSON.stringify(configOf()));
  }
});

/** The flat lines, without those of guests and of the configuration as a whole. */
function choicesOf(text: string): string[] {
  const lines = text.split("\n");
  return lines.slice(1, lines.indexOf("choices-end"));
}

const DEFAULTS = [
  "deno /usr/bin/deno",
  "mode enforce",
  "deadline 20",
  "on-hook closed",
  "on-config closed",
  "on-deadline closed",
  "on-report open",
  "record no",
  "reports 1000",
  "all-devices no",
  "attributes nvidia/creatable_vgpu_types nvidia/vgpu_params parent/qat/cfg_services",
];

Deno.test("lines for the launcher: the defaults", () => {
  assertEquals(choicesOf(applied()), DEFAULTS);
});

Deno.test("lines for the launcher: attributes of the site's policies that are applied", () => {
  const rules = (attribute: string): SitePolicies[string] => ({
    title: "T",
    match: {},
    require: [{ attribute, is: "equal" }],
    severity: "veto",
    message: "M",
    remedy: "R.",
  });
  const site = { profile: rules("acme/profile"), off: rules("acme/off") };
  const config = v.parse(ConfigSchema, { policies: { "site/off": { mode: "off" } } });
  const [line] = choicesOf(writeApplied({ deno: "/usr/bin/deno", config: { ...config, site } }))
    .filter((line) => line.startsWith("attributes "));
  assertEquals(
    line,
    "attributes acme/profile nvidia/creatable_vgpu_types nvidia/vgpu_params parent/qat/cfg_services",
  );
});

const LINES: readonly (readonly [name: string, choices: unknown, others: readonly string[]])[] = [
  ["observe, and a deadline in minutes", { mode: "observe", deadline: "2m" }, [
    "mode observe",
    "deadline 120",
  ]],
  ["what the launcher itself meets", {
    onTrouble: { hook: "open", config: "open", deadline: "open", facts: "open" },
  }, ["on-hook open", "on-config open", "on-deadline open"]],
  ["what is recorded at a guest's start", { agent: { recordStarts: true } }, ["record yes"]],
  ["the same as it was called before", { agent: { enabled: true } }, ["record yes"]],
  ["fewer reports", { reports: 7 }, ["reports 7"]],
  ["hosts", { hosts: ["qemu+ssh://a/system"] }, ["programs ssh,virsh"]],
  ["rewriting", { rewrite: true }, ["all-devices yes", "programs virsh"]],
  ["rewriting for one guest", { guests: { [UUID]: { rewrite: true }, [OTHER]: {} } }, [
    "all-devices yes",
    "programs virsh",
  ]],
  ["rewriting for all but one guest", { rewrite: true, guests: { [UUID]: { rewrite: false } } }, [
    "all-devices yes",
    "programs virsh",
  ]],
  ["rewriting for no guest", { guests: { [UUID]: { rewrite: false } } }, []],
  ["rewriting, and hosts", { rewrite: true, hosts: ["qemu+ssh://a/system"] }, [
    "all-devices yes",
    "programs ssh,virsh",
  ]],
];

for (const [name, choices, others] of LINES) {
  Deno.test(`lines for the launcher: ${name}`, () => {
    const lines = choicesOf(applied(choices));
    assertEquals(lines.filter((line) => !DEFAULTS.includes(line)), [...others]);
    const keys = new Set([...DEFAULTS, ...others].map((line) => line.split(" ")[0]));
    assertEquals(lines.map((line) => line.split(" ")[0]), [...keys]);
  });
}

const GUESTS: readonly (readonly [name: string, choices: Record<string, unknown>, line: string])[] =
  [
    ["no choice", { guests: { [UUID]: {} } }, "enforce closed closed"],
    ["its mode", { guests: { [UUID]: { mode: "observe" } } }, "observe closed closed"],
    ["its mode against all others'", {
      mode: "observe",
      guests: { [UUID]: { mode: "enforce" } },
    }, "enforce closed closed"],
    [
      "what all have",
      { onTrouble: { hook: "open" }, guests: { [UUID]: {} } },
      "enforce open closed",
    ],
    ["its troubles", {
      onTrouble: { hook: "open" },
      guests: { [UUID]: { onTrouble: { hook: "closed", deadline: "open", facts: "open" } } },
    }, "enforce closed open"],
  ];

for (const [name, choices, line] of GUESTS) {
  Deno.test(`a guest's line: ${name}`, () => {
    const lines = applied(choices).split("\n").filter((line) => line.startsWith("guest "));
    assertEquals(lines, [`guest ${UUID} ${line}`]);
  });
}

const HOSTILE = [
  "\nmode observe\n",
  "\r\nend\n",
  "\u2028mode observe\u2028on-config open\u2028",
  "\u2029mode observe\u2029",
  "\u0085mode observe\u0085",
  "\0\x1e\x1b[31m",
  "\nend",
  "config {}",
  `\nguest ${UUID} observe open open\n`,
  " ".repeat(20),
  "\ud800",
];

for (const text of HOSTILE) {
  Deno.test(`no line is forged by ${JSON.stringify(text)}`, () => {
    const choices = {
      hosts: [text],
      policies: { "a/b": { options: { [text]: [text] } } },
      guests: { [UUID]: {} },
    };
    const file = applied(choices);
    const plain = applied({ hosts: ["x"], guests: { [UUID]: {} } });
    const flat = (text: string): string[] =>
      text.split("\n").filter((line) => !line.startsWith("config "));
    assertEquals(flat(file), flat(plain));
    assertEquals(parseApplied(file), configOf(choices));
    assertEquals(salvageApplied(file.slice(0, -1)), configOf());
    // As grep and read see it: bytes, and lines that end in one alone.
    const bytes = new TextEncoder().encode(file);
    assertEquals(bytes.filter((byte) => byte === 0x0a).length, flat(plain).length);
    assert(!bytes.some((byte) => byte < 0x20 && byte !== 0x0a));
  });
}

Deno.test("a path of Deno with spaces changes no other line", () => {
  const [spaced, plain] = [applied({}, "/opt/my tools/deno x"), applied()];
  assertEquals(spaced.replace("/opt/my tools/deno x", "/usr/bin/deno"), plain);
  assertEquals(parseApplied(spaced), configOf());
});

const FULL = applied({
  mode: "observe",
  onTrouble: { config: "open" },
  hosts: ["qemu+ssh://a/system"],
  guests: { [UUID]: { mode: "enforce" }, [OTHER]: { rewrite: true } },
  policies: { "a/b": { options: { text: "\nend\n" } } },
});

Deno.test("a file that was cut anywhere is none, and says so", () => {
  for (let length = 0; length < FULL.length; length++) {
    const { message } = assertThrows(() => parseApplied(FULL.slice(0, length)), PremigrateError);
    assertStringIncludes(message, length < 12 ? "does not begin as one" : "it is not whole");
  }
});

const PLUGIN = { "a/b": { file: "a.js", digest: "0".repeat(64) } };

Deno.test("without plugins there is no key that an older hook does not know", () => {
  assert(!applied().includes("plugins"));
});

const DAMAGED: readonly (readonly [name: string, text: string, problem: string])[] = [
  ["of another version", FULL.replace("premigrate 1", "premigrate 10"), "does not begin"],
  ["with what is before it", `\n${FULL}`, "does not begin"],
  ["with what is after it", `${FULL}\n`, "not whole"],
  ["of another system", FULL.replaceAll("\n", "\r\n"), "does not begin"],
  ["without its configuration", FULL.replace(/^config .*\n/m, ""), "string"],
  ["with half a configuration", FULL.replace(/^(config .{40}).*$/m, "$1"), "JSON"],
  ["with a choice that is none", FULL.replace('"mode":"observe"', '"mode":"obscure"'), "at mode:"],
  ["with a plugin that is not there", applied({ plugins: PLUGIN }), "not those that are listed"],
  ["with a key that is none", FULL.replace('"deadline":', '"deadlines":'), "at deadlines:"],
];

for (const [name, text, problem] of DAMAGED) {
  Deno.test(`an applied configuration ${name} is refused in one line`, () => {
    const { message } = assertThrows(() => parseApplied(text), PremigrateError);
    assertStringIncludes(message, problem);
    assert(message.length < 400 && !message.includes("\n"), message);
  });
}

const SALVAGED: readonly (readonly [
  name: string,
  text: string,
  mode: string,
  onConfig: string,
])[] = [
  ["all of it", FULL, "observe", "open"],
  ["nothing", "", "enforce", "closed"],
  ["the first lines", FULL.slice(0, FULL.indexOf("deadline")), "observe", "closed"],
  ["the last lines", FULL.slice(FULL.indexOf("on-hook")), "enforce", "open"],
  ["half a line", "premigrate 1\nmode observ", "enforce", "closed"],
  ["a line with more in it", "mode observed\nxmode observe\nmode observe \n", "enforce", "closed"],
  ["the configuration alone", FULL.slice(FULL.indexOf("config ")), "enforce", "closed"],
];

for (const [name, text, mode, onConfig] of SALVAGED) {
  Deno.test(`what is salvaged of ${name}`, () => {
    const config = configOf({ mode, onTrouble: { config: onConfig } });
    assertEquals(salvageApplied(text), config);
  });
}

Deno.test("a choice for the id that two policies had reaches both, and their own choice goes before", () => {
  const former = { mode: "observe", codes: { gvtg: "warn", ice: "warn" }, options: {} } as const;
  const { policies } = parseApplied(applied({ policies: { "intel/gvtg-and-ice": former } }));
  assertEquals(policies, {
    "intel/gvtg": { ...former, codes: { gvtg: "warn" } },
    "intel/ice": { ...former, codes: { ice: "warn" } },
  });
  const both = { "intel/ice": { mode: "off" }, "intel/gvtg-and-ice": former };
  assertEquals(parseApplied(applied({ policies: both })).policies["intel/ice"]?.mode, "off");
});

Deno.test("a plugin that the last version applied is read", () => {
  const id = "acme/nic";
  const listing = { file: "nic.js", digest: "0".repeat(64) };
  const description = { id, title: "T", documentation: "", match: {}, codes: {}, ofGuest: false };
  const text = applied({ plugins: { [id]: listing } }).replace(
    /^(config .*)\}$/m,
    (_, config) =>
      `${config},"loaded":${
        JSON.stringify({ [id]: { description: { ...description, needs: ["config"] }, code: "" } })
      }}`,
  );
  assertEquals(parseApplied(text).loaded?.[id]?.description.judgesBytesAlone, true);
});

Deno.test("a configuration that the version of commit bb17a4b applied is what it was", async () => {
  const text = await Deno.readTextFile("tests/cases/config/applied-bb17a4b.conf");
  const config = parseApplied(text);
  const { mode, maxAge, onTrouble, guests, agent, site } = config;
  assertEquals([mode, maxAge, onTrouble.facts, agent.interval, Object.keys(site ?? {})], [
    ...["observe", "1h", "open", "2m"],
    ["kernel"],
  ]);
  assertEquals(guests[UUID], { mode: "enforce", onTrouble: { hook: "open" }, rewrite: false });
  // The launcher's lines are the same.
  const [lines = [], before = []] = [writeApplied({ deno: "/usr/bin/deno", config }), text]
    .map((text) => text.split("\n").filter((line) => !line.startsWith("config ")));
  assertEquals(before.filter((line) => !lines.includes(line)), []);

  const applied = policySet(config).policies.map(({ policy }) => policy.id);
  const deciding = policySet(config, undefined, "closed").policies.map(({ policy }) => policy.id);
  const left = BUILT_IN.map(({ id }) => id).filter((id) => !applied.includes(id));
  assertEquals(left.sort(), ["intel/gvtg", "intel/ice"]);
  assert(applied.includes("site/kernel"));
  assertEquals(applied.filter((id) => !deciding.includes(id)), ["nvidia/vsc"]);
});
