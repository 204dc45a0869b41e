/** What is taken of a destination's premigrate, and what is said where it cannot be. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parseFacts } from "premigrate";
import { rulesOf, settleBy } from "../../../lib/cli/destination_rules.ts";
import { judgeBy, type OwnRules } from "../../../lib/cli/policies.ts";
import { type Config, writeApplied } from "../../../lib/config/config.ts";
import { policySet } from "../../../lib/config/policy_set.ts";
import { writeWaiver } from "../../../lib/config/waiver.ts";
import type { ProbedPremigrate } from "../../../lib/facts/probe/report.ts";
import { describePlugins, OWN_RUNNER } from "../../../lib/plugin/mod.ts";
import { judge } from "../../../lib/policy/mod.ts";
import { configOf, GUEST, NOW } from "../../helpers/hook_arrivals.ts";
import { plugin } from "../../helpers/hostile_plugins.ts";
import { listPlugin } from "../../helpers/two_hosts.ts";

const OWN: OwnRules = {
  ...{ config: configOf(), plugins: [], unasked: [], attributes: [] },
  told: { config: undefined, site: undefined, plugins: [] },
};
const FINDS = plugin("evil/finds", `each(request, [{ code: "differs" }])`, { id: "evil/finds" });

const facts = (name: string): ReturnType<typeof parseFacts> =>
  parseFacts(Deno.readTextFileSync(`examples/${name}.json`));
const QUESTION = { source: facts("source"), destination: facts("destination") };

function keeps(applied: string | null | undefined, missing = {}): ProbedPremigrate {
  return { applied, kept: new Map(), missing };
}

function applied(config: Config): string {
  return writeApplied({ deno: "/usr/bin/deno", config });
}

/** The decision, with the codes that are more than information, and what is said. */
async function ask(
  premigrate: ProbedPremigrate | undefined,
  { own = OWN, isHere = false }: { readonly own?: OwnRules; readonly isHere?: boolean } = {},
): Promise<{ decision: string; codes: string[]; said: string; isApplied: boolean }> {
  const rules = await rulesOf(own, "hostb", { premigrate, now: NOW, isHere });
  const answer = await judgeBy(rules, (plugins) =>
    judge({
      ...QUESTION,
      ...{ registry: policySet(rules.config, plugins), machine: "pc-q35-9.1" },
      findings: rules.findings,
    }));
  const { verdict, assumptions, settled } = settleBy(answer, rules, GUEST);
  const codes = verdict.findings.filter(({ severity }) =>
    severity !== "info" && severity !== "warn"
  )
    .map(({ code }) => code);
  // Without a domain nothing is known of an IOMMU.
  const decided = codes.filter((code) => code !== "viommu-unknown");
  return {
    decision: verdict.decision,
    codes: decided,
    said: assumptions.join("\n"),
    isApplied: settled !== undefined,
  };
}

const UNREADABLE = {
  ...{ "applied.conf": "not permitted", realize: "not permitted", waivers: "not permitted" },
};

const CASES: readonly (readonly [
  name: string,
  premigrate: ProbedPremigrate | undefined,
  codes: readonly string[],
  said: readonly string[],
  isApplied: boolean,
])[] = [
  ["is not there", keeps(null), [], ["hostb has no premigrate that decides"], false],
  ["decides by its configuration", keeps(applied(configOf())), [], [
    "hostb decides by its applied configuration",
  ], true],
  ["may not be read", keeps(undefined, UNREADABLE), ["config-not-known"], [
    "hostb has no config bytes of devices on record (not permitted)",
    "hostb waives nothing (not permitted)",
  ], false],
  [
    "may be read, but for its records",
    keeps(applied(configOf()), { realize: "not permitted" }),
    [],
    [
      "no config bytes of devices on record (not permitted)",
    ],
    true,
  ],
  [
    "cannot be asked",
    undefined,
    ["config-not-known"],
    ["waives nothing (the probe is not run"],
    false,
  ],
  [
    "has a damaged configuration",
    keeps(applied(configOf()).slice(0, -5)),
    ["config-not-known"],
    [],
    false,
  ],
  [
    "has a configuration of another version",
    keeps("premigrate 2\nend\n"),
    ["config-not-known"],
    [],
    false,
  ],
  [
    "has options that no policy takes",
    keeps(applied(configOf({ policies: { "mellanox/mlx5": { options: { firmware: "old" } } } }))),
    ["config-not-known"],
    [],
    false,
  ],
];

for (const [name, premigrate, codes, said, isApplied] of CASES) {
  Deno.test(`the destination's premigrate ${name}`, async () => {
    const found = await ask(premigrate);
    assertEquals(found.codes, codes);
    if (codes.length > 0) assertEquals(found.decision, "undecided");
    for (const line of said) assertStringIncludes(found.said, line);
    assertEquals(found.isApplied, isApplied);
  });
}

Deno.test("a waiver counts until it ends, and as long as it is whole", async () => {
  const seconds = NOW / 1000;
  const of = (until: number): string =>
    writeWaiver({ id: "0badcafe", until, reason: "the host is dying" });
  const kept = (text: string): ProbedPremigrate => ({
    ...keeps(applied(configOf())),
    kept: new Map([[`waivers/${GUEST}`, text]]),
  });
  assertStringIncludes((await ask(kept(of(seconds + 60)))).said, "hostb has waiver 0badcafe until");
  for (const text of [of(seconds - 60), of(seconds + 60).slice(0, -2)]) {
    assert(!(await ask(kept(text))).said.includes("waiver"));
  }
});

const PLUGINS: readonly (readonly [
  name: string,
  description: Parameters<typeof listPlugin>[1],
  codes: readonly string[],
])[] = [
  ["claims the device", {}, ["plugin-not-asked"]],
  ["claims devices of its vendor", { match: { vendors: [0x10de] } }, ["plugin-not-asked"]],
  ["claims guests as a whole", { match: { vendors: [] }, ofGuest: true }, ["plugin-not-asked"]],
  ["claims other devices", { match: { vendors: [0x15b3] } }, []],
];

for (const [name, description, codes] of PLUGINS) {
  Deno.test(`another host's plugin is not run where it ${name}`, async () => {
    const { digest: _, ...plugins } = await listPlugin(FINDS, description);
    assertEquals((await ask(keeps(applied({ ...configOf(), ...plugins })))).codes, codes);
  });
}

Deno.test("another host's plugin is run where the command names it, or the host is this one", async () => {
  const { digest: _, ...plugins } = await listPlugin(FINDS);
  const premigrate = keeps(applied({ ...configOf(), ...plugins }));
  assertEquals((await ask(premigrate, { isHere: true })).codes, ["differs"]);
  const [told] = await describePlugins([FINDS], [], OWN_RUNNER);
  assert(told !== undefined);
  const own = { ...OWN, told: { ...OWN.told, plugins: [told] } };
  const found = await ask(premigrate, { own });
  assertEquals(found.codes, ["differs"]);
  assertStringIncludes(found.said, "configuration, with --plugin in place of its own");
});

Deno.test("a plugin whose code is not that of its digest is not run, whoever is asked", async () => {
  const { digest: _, plugins, loaded = {} } = await listPlugin(FINDS);
  const other = Object.entries(loaded).map(([id, it]) => [id, { ...it, code: btoa("0") }] as const);
  const config = { ...configOf(), plugins, loaded: Object.fromEntries(other) };
  for (const isHere of [true, false]) {
    const { codes } = await ask(keeps(applied(config)), { isHere });
    assertEquals(codes, ["plugin-not-started"]);
  }
});
