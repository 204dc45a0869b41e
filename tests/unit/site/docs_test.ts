/** docs/site-policies.md says what is so, and what it shows can be done. */
import { assert, assertEquals } from "@std/assert";
import { FACT_NAMES, SITE_FACTS } from "../../../lib/site/facts.ts";
import { MATCH_KEYS } from "../../../lib/site/match.ts";
import { RULES } from "../../../lib/site/rules.ts";
import { runCli } from "../../helpers/cli_run.ts";

const page = await Deno.readTextFile("docs/site-policies.md");

/** The contents of the blocks of a language. */
function blocks(language: string): string[] {
  return Array.from(
    page.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, "gm")),
    ([, block = ""]) => block,
  );
}

/** The rows of the table with a heading. */
function rows(heading: string): string[][] {
  const [, table = ""] = new RegExp(`^\\| ${heading} .*\n\\|.*\n((?:\\|.*\n)+)`, "m").exec(page) ??
    [];
  return table.trim().split("\n").map((row) => row.split("|").slice(1, -1).map((it) => it.trim()));
}

Deno.test("site-policies.md: the policy is the example", async () => {
  assertEquals(blocks("yaml"), [await Deno.readTextFile("examples/policies.d/same-branch.yaml")]);
});

const commands = blocks("sh").flatMap((block) => block.trim().split("\n"));
for (const shown of commands) {
  const [, line = "", status = "0"] = /^premigrate (.*?)(?: # exits with (\d))?$/.exec(shown) ?? [];
  Deno.test(`site-policies.md: ${line}`, async () => {
    const { code, stdout, stderr } = await runCli(line);
    assertEquals([code, stderr], [Number(status), ""]);
    assert(stdout !== "");
  });
}

Deno.test("site-policies.md: the tables hold every fact, rule and key of match", () => {
  assertEquals(
    rows("fact"),
    FACT_NAMES.map((name) => {
      const { about, kind, branch } = SITE_FACTS[name];
      return [`\`${name}\``, about, branch === undefined ? kind : `${kind}, branch of ${branch}`];
    }),
  );
  assertEquals(rows("is").map(([rule]) => rule), RULES.map((rule) => `\`${rule}\``));
  const keys = rows("key").flatMap(([keys = ""]) => keys.split(", "));
  assertEquals(keys, MATCH_KEYS.map((key) => `\`${key}\``));
});
