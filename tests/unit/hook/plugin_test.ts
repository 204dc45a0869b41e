/** Code plugins in the hook: what they say counts, and what they do harms nothing. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { decodeBase64, encodeBase64 } from "@std/encoding/base64";
import { encodeHex } from "@std/encoding/hex";
import { parseDomain } from "premigrate";
import { v } from "premigrate/policy";
import {
  type Config,
  ConfigSchema,
  judgesPlainGuests,
  writeApplied,
} from "../../../lib/config/config.ts";
import { pluginsOf } from "../../../lib/config/plugins.ts";
import type { CodePlugin } from "../../../lib/plugin/mod.ts";
import {
  bytesOf,
  EMULATOR,
  FakeHost,
  FIRST,
  guestXml,
  SECOND,
  stamped,
} from "../../helpers/hook_arrivals.ts";
import { arrivalJson, askFakes, running } from "../../helpers/fake_virsh.ts";
import { type AuditLine, DEVICE, HookTree } from "../../helpers/hook_tree.ts";
import {
  assertNothingReached,
  FINDING,
  HEALTHY,
  HOSTILE,
  plugin,
} from "../../helpers/hostile_plugins.ts";

type Loaded = NonNullable<Config["loaded"]>;

/** A plugin as `config apply` leaves it, whatever it would say of itself. */
function loadedOf(
  plugins: readonly CodePlugin[],
  { ofGuest = false, attributes = [], match = {} }: {
    readonly match?: Loaded[string]["description"]["match"];
    readonly ofGuest?: boolean;
    readonly attributes?: readonly string[];
  } = {},
): Loaded {
  const page = { severity: "veto", title: "T", remedy: "R.", about: "A." } as const;
  return Object.fromEntries(plugins.map(({ name, code }) => [`evil/${name}`, {
    description: {
      id: `evil/${name}`,
      title: "T",
      documentation: "",
      match,
      attributes,
      codes: { differs: { ...page, message: "It differs by {what}" } },
      ofGuest,
    },
    code: encodeBase64(code),
  }]));
}

// A plugin has a tenth of it, which is enough on a machine that has much else to do.
const PATIENT = "2m";

async function configOf(
  loaded: Loaded,
  choices: Readonly<Record<string, unknown>> = {},
): Promise<Config> {
  const plugins = await Promise.all(
    Object.entries(loaded).map(async ([id, { code }]) => {
      const digest = await crypto.subtle.digest("SHA-256", decodeBase64(code));
      return [id, { file: "a.js", digest: encodeHex(digest) }] as const;
    }),
  );
  const whole = { deadline: PATIENT, ...choices, plugins: Object.fromEntries(plugins) };
  return { ...v.parse(ConfigSchema, whole), loaded };
}

/** The audit's line of a guest's arrival, and what the report says was found. */
async function arrive(
  tree: HookTree,
  xml: string,
): Promise<{ line: AuditLine; stderr: string; findings: Record<string, unknown>[] }> {
  const { stderr } = await tree.migrate(xml);
  const line = (await tree.audit()).at(-1) ?? {};
  const { findings } = JSON.parse(await Deno.readTextFile(String(line["report"])));
  return { line, stderr, findings };
}

const WELL = plugin("well", `each(request, [{ code: "differs", data: { what: "a hair" } }])`);
const SILENT = plugin("silent", HEALTHY);

Deno.test("what a plugin finds refuses a migration, with its own words", async () => {
  using tree = await HookTree.make();
  await tree.applyWhole(await configOf(loadedOf([WELL])));
  const { line, stderr } = await arrive(tree, await tree.xml({ machine: "pc-q35-9.1" }));
  assertEquals([line["verdict"], line["effect"], line["trouble"]], ["veto", "refused", undefined]);
  assertMatch(
    stderr,
    /^premigrate: VETO hostdev0 \(0000:3b:00\.4\): It differs by a hair\nR\.\n/,
  );
});

Deno.test("a plugin that finds nothing allows", async () => {
  using tree = await HookTree.make();
  await tree.applyWhole(await configOf(loadedOf([SILENT])));
  const xml = await tree.xml({ machine: "pc-q35-9.1" });
  assertEquals(await tree.migrate(xml), { code: 0, stdout: "", stderr: "" });
});

const FAILING = plugin("fails", "null");

const CHOICES: readonly (readonly [
  name: string,
  plugin: CodePlugin,
  choices: Readonly<Record<string, unknown>>,
  expected: readonly unknown[],
])[] = [
  ["a veto", WELL, {}, ["veto", "refused"]],
  ["a veto, observed", WELL, { policies: { "evil/well": { mode: "observe" } } }, [
    "allow",
    "allowed",
  ]],
  ["off", WELL, { policies: { "evil/well": { mode: "off" } } }, ["allow", "allowed"]],
  ["a failure", FAILING, {}, ["undecided", "refused"]],
  ["a failure, and the operator lets those pass", FAILING, { onTrouble: { policy: "open" } }, [
    "undecided",
    "allowed",
  ]],
  ["a failure, and what lets unknown facts pass", FAILING, { onTrouble: { facts: "open" } }, [
    "undecided",
    "refused",
  ]],
  ["a failure, observed", FAILING, { policies: { "evil/fails": { mode: "observe" } } }, [
    "allow",
    "allowed",
  ]],
  ["a failure, off", FAILING, { policies: { "evil/fails": { mode: "off" } } }, [
    "allow",
    "allowed",
  ]],
];

Deno.test("what the operator chose for a plugin", async (t) => {
  using tree = await HookTree.make();
  for (const [name, chosen, choices, expected] of CHOICES) {
    await t.step(name, async () => {
      await tree.applyWhole(await configOf(loadedOf([chosen]), choices));
      const { line } = await arrive(tree, await tree.xml({ machine: "pc-q35-9.1" }));
      assertEquals([line["verdict"], line["effect"]], [...expected]);
    });
  }
});

const VOUCHES = { ...SILENT, name: "vouches" };

Deno.test("a plugin vouches for a device, unless it is only observed", async (t) => {
  const unknown = bytesOf("source").with(0, 0x36).with(1, 0x1b);
  using tree = await HookTree.make({}, { bytes: unknown });
  const stamp = {
    vendor: 0x1b36,
    config: { kind: "realize", source: "stamp", bytes: unknown },
  } as const;
  const xml = await tree.xml({ machine: "pc-q35-9.1", device: stamp });
  const loaded = loadedOf([VOUCHES], { match: { vendors: [0x1b36] } });
  const CASES = [[{}, "allow"], [{ mode: "observe" }, "undecided"], [{ mode: "off" }, "undecided"]];
  for (const [choice, verdict] of CASES) {
    await t.step(JSON.stringify(choice), async () => {
      await tree.applyWhole(await configOf(loaded, { policies: { "evil/vouches": choice } }));
      const { line } = await arrive(tree, xml);
      assertEquals(line["verdict"], verdict);
    });
  }
});

Deno.test("code that is not what is listed is not run", async () => {
  using tree = await HookTree.make();
  const config = await configOf(loadedOf([SILENT]));
  const other = loadedOf([{ ...WELL, name: SILENT.name }]);
  await tree.applyWhole({ ...config, loaded: other });
  const { line, findings } = await arrive(tree, await tree.xml({ machine: "pc-q35-9.1" }));
  assertEquals([line["verdict"], line["effect"], line["trouble"]], [
    "undecided",
    "refused",
    "policy",
  ]);
  const [{ code, data } = {}] = findings;
  assertEquals(code, "plugin-not-started");
  assertStringIncludes(JSON.stringify(data), "its SHA-256 digest is ");
});

Deno.test("options reach the plugin", async () => {
  using tree = await HookTree.make();
  const tells = plugin(
    "tells",
    `each(request, [{ code: "differs", data: { what: request.options.what } }])`,
  );
  const policies = { "evil/tells": { options: { what: "the option" } } };
  await tree.applyWhole(await configOf(loadedOf([tells]), { policies }));
  const { stderr } = await tree.migrate(await tree.xml({ machine: "pc-q35-9.1" }));
  assertStringIncludes(stderr, "It differs by the option");
});

Deno.test("a guest without host devices is looked at where a plugin is on guests", async () => {
  using tree = await HookTree.make();
  const xml = (await tree.xml()).replace(/<hostdev[^]*<\/hostdev>/, "")
    .replace(/<metadata>[^]*<\/metadata>/, "");
  for (const [ofGuest, code] of [[false, 0], [true, 1]] as const) {
    const config = await configOf(loadedOf([WELL], { ofGuest }));
    assertEquals(judgesPlainGuests(config), ofGuest);
    await tree.applyWhole(config);
    const { stderr, ...end } = await tree.migrate(xml);
    assertEquals(end.code, code);
    if (ofGuest) assertStringIncludes(stderr, "It differs by a hair");
  }
  const off = await configOf(loadedOf([WELL], { ofGuest: true }), {
    policies: { "evil/well": { mode: "off" } },
  });
  assertEquals([judgesPlainGuests(off), await pluginsOf(off)], [false, []]);
});

const COMPARES = plugin(
  "compares",
  `request.questions.map(({ pair }) => {
    const [from, to] = [pair.source, pair.destination].map((it) => it.attributes["acme/fw_rev"]);
    return from === to ? [] : [{ code: "differs", data: { what: from + " to " + to } }];
  })`,
);
const OBSERVED = { policies: { "evil/compares": { mode: "observe" } } };

const ATTRIBUTES: readonly (readonly [
  name: string,
  source: Readonly<Record<string, string | null>> | undefined,
  destination: string | undefined,
  choices: Readonly<Record<string, unknown>>,
  expected: readonly [verdict: string, effect: string, found: string | undefined],
])[] = [
  ["alike", { "acme/fw_rev": "1.2" }, "1.2\n", {}, ["allow", "allowed", undefined]],
  ["another", { "acme/fw_rev": "1.2" }, "1.3\n", {}, ["veto", "refused", "1.2 to 1.3"]],
  ["on neither side", { "acme/fw_rev": null }, undefined, {}, ["allow", "allowed", undefined]],
  ["on one side", { "acme/fw_rev": "1.2" }, undefined, {}, ["veto", "refused", "1.2 to null"]],
  ["a stamp without it", undefined, "1.2\n", {}, [
    "undecided",
    "refused",
    "attribute acme/fw_rev of hosta's device is not known",
  ]],
  ["a stamp without it, observed", undefined, "1.2\n", OBSERVED, ["allow", "allowed", undefined]],
  ["a stamp without it, and those may pass", undefined, "1.2\n", {
    policies: { "evil/compares": { onUndecided: "open" } },
  }, ["undecided", "allowed", undefined]],
  ["what is no text", { "acme/fw_rev": "1.2" }, "\x01", {}, [
    "undecided",
    "refused",
    "attribute acme/fw_rev of hostb's device is not known",
  ]],
];

Deno.test("a plugin's sysfs attributes come from the stamp and from this host", async (t) => {
  for (const [name, attributes, file, choices, expected] of ATTRIBUTES) {
    await t.step(name, async () => {
      using tree = await HookTree.make();
      if (file !== undefined) {
        tree.sysfs.file(`${tree.sysfs.pathOf(DEVICE)}/acme/fw_rev`, file);
      }
      const loaded = loadedOf([COMPARES], { attributes: ["acme/fw_rev"] });
      await tree.applyWhole(await configOf(loaded, choices));
      const xml = await tree.xml({ machine: "pc-q35-9.1", attributes });
      const { line, stderr } = await arrive(tree, xml);
      const [verdict, effect, found = ""] = expected;
      assertEquals([line["verdict"], line["effect"]], [verdict, effect]);
      assertStringIncludes(stderr, found);
    });
  }
});

Deno.test("no more is read of a host than built-in policies and plugins that are on declare", async () => {
  const own = "nvidia/creatable_vgpu_types nvidia/vgpu_params parent/qat/cfg_services";
  const loaded = loadedOf([COMPARES], { attributes: ["b", "acme/fw_rev"] });
  const lines = async (choices: Readonly<Record<string, unknown>>): Promise<string[]> =>
    writeApplied({ deno: "/usr/bin/deno", config: await configOf(loaded, choices) }).split("\n")
      .filter((line) => /^(attributes|plugins) /.test(line));
  assertEquals(await lines({}), [`attributes acme/fw_rev b ${own}`, "plugins yes"]);
  assertEquals(await lines({ policies: { "evil/compares": { mode: "off" } } }), [
    `attributes ${own}`,
  ]);
});

/** Those that `config apply` does not let in: what they say of themselves is wrong. */
const NOT_APPLIED = ["describes-itself-wrongly", "engine", "built-in", "a-sites"];
const reasonOf = (stderr: string): string | undefined =>
  stderr.split("\n")[0]?.replace(/ \(and \d more\)$/, "");

Deno.test("hostile plugins: each is one finding, and the others' stand", async (t) => {
  using tree = await HookTree.make();
  const xml = await tree.xml();
  const alone = await arrive(tree, xml);
  for (const [expected, hostile] of HOSTILE) {
    if (NOT_APPLIED.includes(hostile.name)) continue;
    await t.step(hostile.name, async () => {
      const deadline = expected === "plugin-timed-out" ? "20s" : PATIENT;
      await tree.applyWhole(await configOf(loadedOf([hostile]), { deadline }));
      const { line, stderr, findings } = await arrive(tree, xml);
      assertEquals([line["verdict"], line["effect"]], ["veto", "refused"]);
      assertEquals(reasonOf(stderr), reasonOf(alone.stderr));
      const own = findings.filter(({ code }) => String(code).startsWith("plugin-"));
      assertEquals(own.map(({ policy, code, severity }) => [policy, code, severity]), [
        ["premigrate", expected, "undecided"],
      ]);
      assertEquals(findings.filter((finding) => !own.includes(finding)), alone.findings);
    });
  }
});

Deno.test("hostile plugins reached nothing", assertNothingReached);

Deno.test("plugins that hang, flood and eat memory, with a deadline of seconds", async () => {
  using tree = await HookTree.make();
  const names = ["hangs", "sleeps", "ignores-sigterm", "floods", "eats-memory", "floods-errors"];
  const hostile = HOSTILE.flatMap(([, { name, code }]) =>
    names.includes(name) ? [{ name, code }] : []
  );
  assertEquals(hostile.length, names.length);
  await tree.applyWhole(await configOf(loadedOf([...hostile, WELL]), { deadline: "10s" }));
  const start = performance.now();
  const { line, findings } = await arrive(tree, await tree.xml());
  assert(performance.now() - start < 20_000);
  // What is not in time, when the machine is slow, is said; nothing is allowed.
  assertEquals([line["verdict"], line["effect"]], ["veto", "refused"]);
  const own = findings.filter(({ code }) => String(code).startsWith("plugin-"));
  assert(own.length >= names.length, JSON.stringify(own));
});

Deno.test("no process of a plugin outlives the hook", async () => {
  using tree = await HookTree.make();
  const hangs = plugin("hangs", "(() => { for (;;); })()");
  await tree.applyWhole(await configOf(loadedOf([hangs]), { deadline: "2s" }));
  await tree.migrate(await tree.xml());
  const { stdout } = await new Deno.Command("ps", { args: ["-e", "-o", "args="] }).output();
  assert(!new TextDecoder().decode(stdout).includes(`${tree.root}/usr/lib/premigrate/plugin`));
});

Deno.test("a plugin's programs that are missing are a finding", async (t) => {
  for (const name of ["plugin.sh", "plugin_child.js"]) {
    await t.step(name, async () => {
      using tree = await HookTree.make();
      await tree.applyWhole(await configOf(loadedOf([SILENT])));
      await Deno.remove(`${tree.root}/usr/lib/premigrate/${name}`);
      const { line, findings } = await arrive(tree, await tree.xml({ machine: "pc-q35-9.1" }));
      assertEquals([line["verdict"], line["effect"], line["trouble"]], [
        "undecided",
        "refused",
        "policy",
      ]);
      const code = name === "plugin.sh" ? "plugin-not-started" : "plugin-ended";
      assertEquals(findings.map(({ code }) => code).includes(code), true);
    });
  }
});

const THIRD = "0000:3b:00.6";

/** What comes of a guest whose device is to be chosen among three. */
async function rewriteWith(
  chosen: CodePlugin,
  choices: Readonly<Record<string, unknown>> = {},
): Promise<Readonly<Record<string, unknown>>> {
  using host = await new FakeHost().addFunctions(FIRST.source, SECOND.source, THIRD).know();
  const xml = await stamped(guestXml([FIRST]), [FIRST]);
  const arrival = await host.arrival(xml, [
    ...["--emulator", EMULATOR, FIRST.source],
    ...[SECOND.source, THIRD],
  ]);
  const runner = `${host.root}/run`;
  const [run, child] = ["lib/plugin/run.sh", "lib/plugin/child.js"].map((path) =>
    `${Deno.cwd()}/${path}`
  );
  const script = `#!/bin/sh\nexec sh "${run}" "${Deno.execPath()}" "${child}"\n`;
  await Deno.writeTextFile(runner, script, { mode: 0o755 });
  const config = await configOf(loadedOf([chosen]), { rewrite: true, ...choices });
  const { result } = await askFakes({ localhost: running({}) }, {
    what: "arrival",
    applied: writeApplied({ deno: "/usr/bin/deno", config }),
    runner,
    arrival: arrivalJson(arrival),
  });
  return result;
}

Deno.test("rewriting: a device that a plugin refuses is not chosen", async () => {
  const result = await rewriteWith(plugin(
    "refuses",
    `request.questions.map(({ pair }) =>
      pair.destination.address === "${THIRD}" ? [] : [${FINDING}])`,
  ));
  assertEquals([result["decision"], result["rewritten"]], ["allow", {
    hostdev0: { from: FIRST.source, to: THIRD },
  }]);
  const [device] = parseDomain(String(result["xml"])).hostDevices;
  assertEquals(device?.kind === "pci" && device.source, THIRD);
});

const REWRITINGS: readonly (readonly [
  name: string,
  plugin: CodePlugin,
  choices: Readonly<Record<string, unknown>>,
  expected: readonly [decision: string, effect: string],
])[] = [
  ["a plugin that refuses all", WELL, {}, ["veto", "refused"]],
  ["the same, observed", WELL, { policies: { "evil/well": { mode: "observe" } } }, [
    "veto",
    "allowed",
  ]],
  ["a plugin that fails", FAILING, {}, ["undecided", "refused"]],
  ["the same, observed", FAILING, { policies: { "evil/fails": { mode: "observe" } } }, [
    "undecided",
    "allowed",
  ]],
  ["the same, and that may pass", FAILING, { onTrouble: { policy: "open" } }, [
    "undecided",
    "allowed",
  ]],
  ["the same, off", FAILING, { policies: { "evil/fails": { mode: "off" } } }, ["allow", "allowed"]],
];

for (const [index, [name, chosen, choices, expected]] of REWRITINGS.entries()) {
  Deno.test(`rewriting, ${index}: ${name}`, async () => {
    const result = await rewriteWith(chosen, choices);
    assertEquals([result["decision"], result["effect"]], [...expected]);
    assertEquals(result["rewritten"], {});
  });
}
