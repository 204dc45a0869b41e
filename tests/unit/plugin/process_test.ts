/** Plugins that mean harm, each beside policies whose findings must not change. */
import { assert, assertEquals } from "@std/assert";
import {
  type DevicePair,
  evaluate,
  type Finding,
  type Migration,
  parseQemuVersion,
  type Verdict,
} from "../../../lib/policy/mod.ts";
import type { CodePlugin } from "../../../lib/plugin/mod.ts";
import { BUILT_IN } from "../../../plugins/mod.ts";
import { assertNothingReached, FINDING, HOSTILE, plugin } from "../../helpers/hostile_plugins.ts";
import { judgeWith } from "../../helpers/plugin_judge.ts";

// For each process; there are two after each other.
const SECONDS = 10;
// For those that take all the time there is.
const FEW_SECONDS = 2;
// All of them at once.
const CROWD_SECONDS = 10;
const MARGIN_SECONDS = 10;

const PAIR: DevicePair = {
  name: "hostdev0",
  guest: { bus: "pci", properties: {} },
  source: deviceOf(0xa1),
  destination: deviceOf(0xa2),
};
const MIGRATION: Migration = {
  source: { name: "a", qemu: parseQemuVersion("9.2") },
  destination: { name: "b", qemu: parseQemuVersion("9.2") },
  bytesOnly: false,
};

function deviceOf(revision: number): DevicePair["source"] {
  const bytes = new Uint8Array(256);
  bytes.set([0xde, 0x10, 0xb8, 0x1e]);
  bytes[0x08] = revision;
  return { address: "0000:3b:00.4", config: { kind: "realize", bytes } };
}

function judge(plugins: readonly CodePlugin[], seconds: number): Promise<Verdict> {
  return judgeWith(
    BUILT_IN,
    plugins,
    (registry) => evaluate([PAIR], MIGRATION, registry),
    seconds,
  );
}

const alone = await judge([], SECONDS);

function isPlugins({ data }: Finding): boolean {
  return HOSTILE.some(([, { name }]) => [name, `evil/${name}`].includes(String(data["id"])));
}

for (const [expected, hostile] of HOSTILE) {
  Deno.test(`a plugin that is hostile: ${hostile.name}`, async () => {
    const limit = expected === "plugin-timed-out" ? FEW_SECONDS : SECONDS;
    const start = performance.now();
    const { decision, findings } = await judge([hostile], limit);
    const seconds = (performance.now() - start) / 1000;
    const own = findings.filter(isPlugins);
    assertEquals(own.map(({ code, severity }) => [code, severity]), [[expected, "undecided"]]);
    assertEquals(findings.filter((finding) => !own.includes(finding)), alone.findings);
    assertEquals(decision, alone.decision);
    assert(seconds < 2 * limit + MARGIN_SECONDS, `${seconds} s`);
  });
}

Deno.test("hostile plugins all at once, and one that is well", async () => {
  const well = plugin("well", `each(request, [${FINDING}])`, { id: "example/well" });
  const start = performance.now();
  const { findings } = await judge([...HOSTILE.map(([, hostile]) => hostile), well], CROWD_SECONDS);
  const seconds = (performance.now() - start) / 1000;
  assertEquals(findings.filter(isPlugins).length, HOSTILE.length);
  const others = findings.filter((finding) => !isPlugins(finding));
  const ofWell = others.filter(({ policy }) => policy === "example/well");
  assertEquals(ofWell, [{
    policy: "example/well",
    code: "differs",
    severity: "veto",
    device: "hostdev0",
    data: {},
  }]);
  assertEquals(others.filter((finding) => !ofWell.includes(finding)), alone.findings);
  assert(seconds < 2 * CROWD_SECONDS + MARGIN_SECONDS, `${seconds} s`);
});

Deno.test("one failed plugin makes what would be allowed undecided, where only bytes are asked about, too", async () => {
  const same = { ...PAIR, destination: PAIR.source };
  for (const bytesOnly of [false, true]) {
    const decide = (plugins: readonly CodePlugin[]): Promise<Verdict> =>
      judgeWith(
        [],
        plugins,
        (registry) => evaluate([same], { ...MIGRATION, bytesOnly }, registry),
      );
    assertEquals((await decide([])).decision, "allow");
    assertEquals(
      (await decide([{ name: "nothing", code: new Uint8Array() }])).decision,
      "undecided",
    );
  }
});

Deno.test("hostile plugins reached nothing", assertNothingReached);
