/** docs/plugins.md says what is so, and what it shows can be done. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type CaseSide, type Decision, type Policy, runCase } from "premigrate/policy";
import { parseConfig } from "../../../lib/config/config_file.ts";
import { PLUGIN_CODES } from "../../../lib/plugin/codes.ts";
import { ROOT } from "../../helpers/cli_run.ts";

const SHA = "ab".repeat(32);
const page = await Deno.readTextFile("docs/plugins.md");

Deno.test("plugins.md: the commands, one after another", async () => {
  const folder = await Deno.makeTempDir({ prefix: "premigrate-docs-" });
  try {
    const [, commands = ""] = /^```sh\n([^]*?)^```$/m.exec(page) ?? [];
    await Deno.symlink(new URL("examples", ROOT).pathname, `${folder}/examples`);
    const deno = `deno() { shift 2; "${Deno.execPath()}" run --quiet --no-prompt \
      --allow-read --allow-write --allow-run --config "${new URL("deno.json", ROOT).pathname}" \
      "${new URL("lib/cli/main.ts", ROOT).pathname}" "$@"; }`;
    const script = `set -e\n${deno}\n${commands}deno task premigrate policy new acme/revision`;
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", script],
      cwd: folder,
    }).output();
    const text = new TextDecoder();
    const shown = text.decode(stdout).split("\n");
    assertEquals(shown[0], "acme/revision/policy.ts");
    assertEquals(shown.slice(1, 4).map((line) => line.split(" ")[0]), ["ok", "ok", "ok"]);
    assertEquals(
      shown.filter((line) => line.startsWith("policies applied")),
      ["policies applied: acme/revision, nvidia/vsc, qemu/restore-check"],
    );
    assertEquals([code, text.decode(stderr)], [
      2,
      "premigrate: Cannot write acme/revision/policy.ts: it is there already\n",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("plugins.md: the API's own page names what it names", async () => {
  const [command = ""] = /deno doc lib\/policy\/mod\.ts/.exec(page) ?? [];
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: command.split(" ").slice(1),
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals(code, 0);
  const shown = new TextDecoder().decode(stdout);
  for (const name of ["definePolicy", "identify", "DeviceFacts", "PolicyFinding"]) {
    assertMatch(shown, new RegExp(`\\b${name}\\b`));
  }
});

/** The policies that documents show, and what is known where all is known. */
const SHOWN = [
  {
    file: "docs/plugins.md",
    id: "acme/class",
    known: { class: 0x030000 },
  },
  {
    file: "docs/plugins.md",
    id: "acme/profile",
    known: { attributes: { "acme/profile": "a", "parent/fw_rev": "1" } },
  },
  {
    file: "lib/policy/policy.ts",
    id: "example/class",
    known: { class: 0x030000 },
  },
] as const;

const folder = await Deno.makeTempDir({ prefix: "premigrate-docs-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

for (const { file, id, known } of SHOWN) {
  Deno.test(`${file}: ${id}: what is not known is undecided`, async () => {
    const text = (await Deno.readTextFile(file)).replaceAll(/^ \* ?/gm, "");
    const block = Array.from(text.matchAll(/^```ts\n([^]*?)^```$/gm), ([, block = ""]) => block)
      .find((block) => block.includes(`id: "${id}"`)) ?? "";
    const name = `${folder}/${id.replace("/", "_")}.ts`;
    const code = block.replace(
      "const policy = definePolicy(",
      "export const policy = definePolicy(",
    );
    await Deno.writeTextFile(name, code);
    const shown: { readonly policy?: Policy; readonly default?: Policy } = await import(
      `file://${name}`
    );
    const own = shown.default ?? shown.policy;
    assert(own !== undefined);
    const { vendors: [vendor] = [], drivers: [driver] = [], devices: [device] = [] } = own.match;
    const bare = { vendor, device, driver: driver === undefined ? undefined : { name: driver } };
    const whole = { ...bare, ...known };
    const decide = (source: CaseSide, destination: CaseSide): Decision =>
      runCase(own, { name: "x", source, destination }).decision;
    assertEquals(decide(whole, whole), "allow");
    assertEquals(decide(bare, bare), "undecided");
    assertEquals(decide(bare, whole), "undecided");
    assertEquals(decide(whole, bare), "undecided");
  });
}

Deno.test("plugins.md: what lists a plugin can be applied", () => {
  const [, yaml = ""] = /^```yaml\n([^]*?)^```$/m.exec(page) ?? [];
  const { plugins, policies } = parseConfig("config.yaml", yaml.replace(/[0-9a-f]+\u2026/, SHA));
  assertEquals(plugins, { "acme/revision": { file: "plugins/revision.js", digest: SHA } });
  assertEquals(policies["acme/revision"]?.mode, "observe");
});

Deno.test("plugins.md: the table holds every code of a plugin that fails", () => {
  const shown = Array.from(page.matchAll(/^\| `(plugin-[a-z-]+)` /gm), ([, code]) => code);
  assertEquals(shown, Object.keys(PLUGIN_CODES));
});
