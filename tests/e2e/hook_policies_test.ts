/** A site's own policies and code plugins, as `config apply` puts them in force, on real migrations. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { buildPlugin } from "../../lib/plugin/mod.ts";
import { DEVICE, type HookHosts, POLICIES, said, testWithHook } from "./hook_hosts.ts";

const GUEST = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2e01";
const PLAIN_GUEST = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2e02";

const SITE = `name: no-lab-guests
title: Guests of the laboratory stay where they are
match: {guest: lab-*}
require:
  - {fact: machine, is: one of, value: [none]}
severity: veto
message: It has the machine type {destination}
remedy: Shut it off first.
`;

const PLUGIN = `import { definePolicy, v } from "premigrate/policy";

export default definePolicy({
  id: "acme/profile",
  title: "Both devices have one profile",
  documentation: "Compares the attribute acme/profile.",
  match: { vendors: [0x10de] },
  attributes: ["acme/profile"],
  options: v.strictObject({ ignored: v.optional(v.string()) }),
  codes: {
    differs: {
      severity: "veto",
      title: "The devices have two profiles",
      message: "Profile {source} becomes {destination}",
      remedy: "Give the device the same profile.",
      about: "The guest's driver was started with the source's.",
    },
  },
  *evaluate(pair, _migration, { ignored }) {
    const [source, destination] = [pair.source, pair.destination].map(({ attributes }) =>
      attributes?.["acme/profile"] ?? "none"
    );
    if (source === destination || source === undefined || destination === undefined) return;
    if (source !== ignored) yield { code: "differs", data: { source, destination } };
  },
});
`;

async function build(text: string): Promise<Uint8Array> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, text);
  const { code } = await buildPlugin(file);
  await Deno.remove(file);
  return code;
}

/** Lists a plugin of host b, whatever it is; its digest is the file's. */
async function list(
  hosts: HookHosts,
  code: Uint8Array,
  choices: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await hosts.write("b", "/etc/premigrate/profile.js", new TextDecoder().decode(code));
  const digest = encodeHex(await crypto.subtle.digest("SHA-256", code.slice()));
  const plugins = { "acme/profile": { file: "profile.js", digest } };
  await hosts.apply({ deadline: "1m", plugins, ...choices });
}

testWithHook("a site's policies and code plugins in the hook", async (hosts, t) => {
  await hosts.start("lab-1", PLAIN_GUEST);
  await hosts.start("vm1", GUEST);
  const setProfile = (profile: string): Promise<string> =>
    hosts.sh("b", 'mkdir -p "$1/acme"; echo "$2" > "$1/acme/profile"', SYSFS, profile);

  await t.step("a site's policy refuses a guest without host devices", async () => {
    await hosts.thereAndBack("lab-1");
    await hosts.write("b", "/etc/premigrate/policies.d/lab.yaml", SITE);
    await hosts.apply({});
    const run = await hosts.migrate("lab-1");
    assertEquals(run.code, 1);
    assertStringIncludes(
      said(run),
      "premigrate: VETO: It has the machine type pc-q35-7.2 " +
        "(The site wants: Guests of the laboratory stay where they are)\nShut it off first.\n",
    );
    assertEquals(await hosts.states("lab-1"), { a: "running", b: undefined });
    const { verdict, codes } = (await hosts.audit()).at(-1) ?? {};
    const check = ["check", "lab-1", "--from", "qemu:///system", "--to", "qemu+ssh://hostb/system"];
    const checked = await hosts.run("a", ["premigrate", ...check, "--json"]);
    const { decision, findings, hook } = JSON.parse(checked.stdout);
    assertEquals([checked.code, decision, hook.effect], [1, verdict, "refused"]);
    const found = findings.map(({ policy, code }: Readonly<Record<string, string>>) =>
      `${policy} ${code}`
    );
    assertEquals(found, codes);
    await hosts.premigrate("b", "waive", PLAIN_GUEST, "--for", "1h", "--reason", "it must go");
    const waived = await hosts.run("a", ["premigrate", ...check]);
    assertEquals([waived.code, waived.stderr], [1, ""]);
    assertStringIncludes(waived.stdout, "(it must go):");
    await hosts.premigrate("b", "waive", PLAIN_GUEST, "--end");
    await hosts.give(GUEST);
    await hosts.thereAndBack("vm1");
    await hosts.sh("b", "rm /etc/premigrate/policies.d/lab.yaml");
    await hosts.apply({});
    await hosts.thereAndBack("lab-1");
  });

  await t.step("a plugin lets pass what is alike", async () => {
    await list(hosts, await build(PLUGIN));
    await setProfile("gold");
    await hosts.give(GUEST, { attributes: { "acme/profile": "gold" } });
    await hosts.thereAndBack("vm1");
    const { report } = (await hosts.audit()).at(-1) ?? {};
    const { ran, evidence } = JSON.parse(await hosts.sh("b", 'cat "$1"', `${report}`));
    assert(ran.some(({ policy }: { readonly policy: string }) => policy === "acme/profile"));
    assertEquals(evidence.destination.devices[0].attributes["acme/profile"], "gold");
  });

  await t.step("and refuses what is not, in its own words", async () => {
    await setProfile("silver");
    const run = await hosts.migrate("vm1");
    assertEquals(run.code, 1);
    assertStringIncludes(
      said(run),
      `premigrate: VETO hostdev0 (${DEVICE}): Profile gold becomes silver\n` +
        "Give the device the same profile.\n",
    );
    assertEquals(await hosts.states("vm1"), { a: "running", b: undefined });
  });

  await t.step("its options are those of the configuration", async () => {
    const chosen = { "acme/profile": { options: { ignored: "gold" } } };
    await list(hosts, await build(PLUGIN), { policies: { ...POLICIES, ...chosen } });
    await hosts.thereAndBack("vm1");
  });

  await t.step("a stamp that tells nothing of the attribute is undecided", async () => {
    await list(hosts, await build(PLUGIN));
    await hosts.give(GUEST);
    const run = await hosts.migrate("vm1");
    assertEquals(run.code, 1);
    assertStringIncludes(said(run), "attribute acme/profile of hosta's device is not known");
  });

  await t.step("a plugin that hangs when it is asked is undecided, and in time", async () => {
    const hangs = PLUGIN.replace("*evaluate(pair", "*evaluate(pair: never").replace(
      /\*evaluate[^]*?\{ ignored \}\) \{[^]*?\n {2}\},/,
      "evaluate() {\n    for (;;);\n  },",
    );
    await list(hosts, await build(hangs));
    await hosts.give(GUEST, { attributes: { "acme/profile": "gold" } });
    const start = performance.now();
    const run = await hosts.migrate("vm1");
    assert(performance.now() - start < 60_000);
    assertEquals(run.code, 1);
    assertStringIncludes(said(run), "Plugin acme/profile had not answered after 6 seconds");
    assertEquals((await hosts.audit()).at(-1)?.["trouble"], "policy");
    assertEquals(await hosts.sh("b", "pgrep -f '[p]lugin_child' || true"), "");
    await hosts.apply({});
    await hosts.give(GUEST);
    await hosts.thereAndBack("vm1");
  });
});

const SYSFS = `/sys/bus/pci/devices/${DEVICE}`;
