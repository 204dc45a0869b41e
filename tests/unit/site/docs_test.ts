/** docs/site-policies.md says what is so, and what it shows can be done. */
import { assert, assertEquals } from "@std/assert";
import { parseSiteFile } from "../../../lib/config/site_folder.ts";
import { outcomeOf, runSiteCase } from "../../../lib/site/cases.ts";
import { FACT_NAMES, SITE_FACTS } from "../../../lib/site/facts.ts";
import { factsPage } from "../../../lib/site/facts_page.ts";
import type { SiteCase } from "../../../lib/site/file.ts";
import { MATCH_KEYS } from "../../../lib/site/match.ts";
import { sitePolicy } from "../../../lib/site/mod.ts";
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

Deno.test("site-policies.md: the first policy is the example", async () => {
  const example = await Deno.readTextFile("examples/policies.d/same-branch.yaml");
  assertEquals(blocks("yaml")[0], example);
});

const IS_MDEV = ["mdevType", "mdevName"] as const;

/** What a case says, with one fact less each time. */
function* lessKnown(given: SiteCase): Generator<SiteCase> {
  yield { ...given, guest: undefined };
  yield { ...given, machine: undefined };
  for (const side of ["source", "destination"] as const) {
    const facts = given[side];
    for (const name of Object.keys(facts)) {
      const less = Object.fromEntries(Object.entries(facts).filter(([key]) => key !== name));
      // Without both it is a PCI function, which is known to have neither.
      const wasMdev = IS_MDEV.some((key) => key in facts);
      if (wasMdev && !IS_MDEV.some((key) => key in less)) continue;
      yield { ...given, [side]: less };
    }
  }
}

for (const block of blocks("yaml")) {
  const { name, cases, ...rules } = parseSiteFile("docs.yaml", block);
  const policy = sitePolicy(name, rules);
  for (const given of cases) {
    Deno.test(`site-policies.md: ${name}: ${given.name}: ${given.expect}`, () => {
      assertEquals(outcomeOf(runSiteCase(policy, given)), given.expect);
    });
  }

  Deno.test(`site-policies.md: ${name}: nothing that is not known passes silently`, () => {
    assert(cases.some(({ expect }) => expect === "undecided"), "no case of what is not known");
    for (const given of cases.filter(({ expect }) => expect === "veto")) {
      for (const less of lessKnown(given)) {
        assert(outcomeOf(runSiteCase(policy, less)) !== "allow", JSON.stringify(less));
      }
    }
  });
}

const commands = blocks("sh").flatMap((block) => block.trim().split("\n"));
for (const shown of commands) {
  const [, line = "", status = "0"] =
    /^deno task premigrate (.*?)(?: # exits with (\d))?$/.exec(shown) ?? [];
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

Deno.test("docs/facts.md is what the code says (else: deno task docs)", async () => {
  assertEquals(await Deno.readTextFile("docs/facts.md"), factsPage());
  assertEquals((await runCli("policies --facts")).stdout, factsPage());
});

Deno.test("facts.md: every fact of a site's file is there once", () => {
  const named = Array.from(
    factsPage().matchAll(/^\| `\w+` \| (.*?) \|/gm),
    ([, names = ""]) => names,
  )
    .flatMap((names) => names === "" ? [] : names.split(", "));
  const facts = [...FACT_NAMES, "attribute"].map((name) => `\`${name}\``);
  assertEquals(named.toSorted(), facts.toSorted());
});
