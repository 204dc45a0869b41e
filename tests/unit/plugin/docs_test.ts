/** docs/plugins.md says what is so, and what it shows can be done. */
import { assertEquals } from "@std/assert";
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
    const premigrate = `premigrate() { "${Deno.execPath()}" run --quiet --no-prompt \
      --allow-read --allow-write --allow-run --config "${new URL("deno.json", ROOT).pathname}" \
      "${new URL("lib/cli/main.ts", ROOT).pathname}" "$@"; }`;
    const script = `set -e\n${premigrate}\n${commands}premigrate policy new acme/revision`;
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
