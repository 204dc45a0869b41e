/** The documentation: its links lead somewhere, and its commands and outputs are those that there are. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parse } from "@std/yaml/parse";
import * as v from "valibot";
import { parseConfig } from "../../../lib/config/config_file.ts";
import { pathsBelow } from "../../../lib/config/paths.ts";
import { parseSiteFile } from "../../../lib/config/site_folder.ts";
import { OWN as OWN_CODES } from "../../../lib/hook/codes.ts";
import { BUILT_IN } from "../../../plugins/mod.ts";
import { runCli } from "../../helpers/cli_run.ts";

const DOCS = Array.from(Deno.readDirSync("docs"), ({ name }) => `docs/${name}`)
  .filter((path) => path.endsWith(".md"));
const ROOT = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "RELEASING.md", "CHANGELOG.md"];
const PAGES = new Map(
  [...ROOT, ...DOCS].sort().map((path) => [path, Deno.readTextFileSync(path)]),
);

/** The page's blocks of a language, those in lists too. */
function blocks(page: string, language: string): string[] {
  const pattern = new RegExp(`^( *)\`\`\`${language}\n([^]*?)^ *\`\`\`$`, "gm");
  return Array.from(
    page.matchAll(pattern),
    ([, indent = "", block = ""]) =>
      block.split("\n").map((line) => line.replace(indent, "")).join("\n"),
  );
}

/** As GitHub makes them. */
function anchorsOf(page: string): string[] {
  return Array.from(
    page.matchAll(/^#+ (.+)$/gm),
    ([, heading = ""]) => heading.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-"),
  );
}

for (const [path, page] of PAGES) {
  Deno.test(`${path}: its links lead somewhere`, () => {
    const text = page.replaceAll(/^ *```[^]*?^ *```$/gm, "");
    const here = new URL(path, "file:///");
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const { pathname, hash } = new URL(target, here);
      const file = pathname.slice(1);
      assert(Deno.statSync(file), file);
      if (hash === "") continue;
      assert(anchorsOf(Deno.readTextFileSync(file)).includes(hash.slice(1)), `${path}: ${target}`);
    }
  });
}

Deno.test("docs: the index has every page", () => {
  const index = PAGES.get("docs/README.md") ?? "";
  for (const path of DOCS) {
    if (path !== "docs/README.md") assertStringIncludes(index, `(${path.slice("docs/".length)})`);
  }
});

/** Words as a shell takes them, as far as pages have any. */
function wordsOf(line: string): string[] {
  const words = line.replace(/(^| )#.*$/, "").matchAll(/"([^"]*)"|'([^']*)'|[^\s"']+/g);
  return Array.from(words, ([word, double, single]) => double ?? single ?? word);
}

const HELP = new Map<string, Promise<string>>();

/** The help of a command; undefined options of a parent are looked for there, too. */
function helpOf(words: readonly string[]): Promise<string> {
  const key = words.join(" ");
  const known = HELP.get(key) ?? runCli([...words, "--help"]).then(({ code, stdout, stderr }) => {
    assertEquals([code, stderr], [0, ""], key);
    return stdout;
  });
  HELP.set(key, known);
  return known;
}

const PARENTS = ["config", "policy", "completions"];

// That these are no misprints is seen here. On hosts they are run by tests/e2e: journey_test.ts (the
// README's way from build to uninstall), package_test.ts, check_test.ts, stamp_test.ts, agent_test.ts,
// hook_veto_test.ts (waivers); and by tests/vfio.
for (const [path, page] of PAGES) {
  const lines = blocks(page, "text").flatMap((block) => block.split("\n"));
  const commands = lines.map((line) => line.replace(/^\$ /, ""))
    .filter((line) => /^(sudo )?(premigrate|sh dist\/premigrate) [a-z]/.test(line));
  if (commands.length === 0) continue;
  Deno.test(`${path}: commands that need a host`, async () => {
    for (const line of commands) {
      const words = wordsOf(line.replace(/^(sudo )?(sh dist\/)?premigrate /, ""));
      const count = PARENTS.includes(words[0] ?? "") ? 2 : 1;
      const help = await helpOf(words.slice(0, count));
      for (const word of words.filter((word) => /^--?[a-z]/.test(word))) {
        const [option = ""] = word.split("=");
        assert(
          new RegExp(`(^|[ ,])${option}\\b`, "m").test(help),
          `${line}: there is no ${option}`,
        );
      }
    }
  });
}

// These have tests of their own.
const OWN = ["README.md", "CONTRIBUTING.md", "docs/site-policies.md", "docs/plugins.md"];
/** What `deno task premigrate` may do. */
const PERMISSIONS = ["--allow-write", "--allow-run"];

/** Without the names that the host's pci.ids has beside numbers. */
function nameless(text: string): string {
  return text.replaceAll(/^( {2}[0-9a-f]{4}:[0-9a-f]{4}) .*$/gm, "$1");
}

for (const [path, page] of PAGES) {
  for (const line of OWN.includes(path) ? [] : blocks(page, "sh").join("").trim().split("\n")) {
    if (line === "") continue;
    Deno.test(`${path}: ${line}`, async () => {
      const [, command = "", status = "0"] =
        /^ *(?:npx -y deno@2\.9\.6 task )?premigrate (.*?)(?: # exits with (\d))?$/.exec(line) ??
          [];
      const { code, stdout, stderr } = await runCli(wordsOf(command), "", PERMISSIONS);
      assertEquals(code, Number(status), stderr);
      assert(stdout !== "");
    });
  }
  for (const block of path === "docs/nvidia.md" ? [] : blocks(page, "console")) {
    const [, line = "", output = ""] = /^\$ premigrate (.*)\n([^]*)$/.exec(block) ?? [];
    Deno.test(`${path}: ${line}`, async () => {
      const { stdout, stderr } = await runCli(wordsOf(line));
      assertEquals(nameless(stdout + stderr), nameless(output));
    });
  }
  for (const block of OWN.slice(1).includes(path) ? [] : blocks(page, "yaml")) {
    Deno.test(`${path}: what it shows of a file: ${block.split("\n")[0]}`, () => {
      if (block.startsWith("name:")) parseSiteFile("policy.yaml", block);
      else parseConfig("config.yaml", block);
    });
  }
}

Deno.test("README.md is a page", () => {
  const lines = PAGES.get("README.md")?.split("\n") ?? [];
  assert(lines.length - 1 <= 150, `${lines.length - 1} lines`);
});

Deno.test("docs/install.md: what it says of paths is so", () => {
  const rows = PAGES.get("docs/install.md")?.matchAll(/^\| `(\/[^`]+)` /gm) ?? [];
  const paths = Object.values(pathsBelow());
  for (const [, path = ""] of rows) assert(paths.includes(path), path);
});

const CHANGES = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

Deno.test("CHANGELOG.md has the form of Keep a Changelog", () => {
  const [, ...versions] = PAGES.get("CHANGELOG.md")?.split(/^## /m) ?? [];
  assertEquals(versions[0]?.split("\n")[0], "[Unreleased]");
  for (const version of versions) {
    const [heading = "", ...sections] = version.split(/^### /m);
    assertMatch(heading, /^\[(Unreleased\]|\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d)\n+$/);
    const names = sections.map((section) => section.split("\n")[0] ?? "");
    assertEquals(names, CHANGES.filter((name) => names.includes(name)));
    for (const section of sections) assertMatch(section, /^\w+\n\n(- .+\n( {2}.+\n)*)+\n*$/);
  }
});

const Message = v.object({ message: v.string() });

Deno.test("docs/troubles.md: what refusals say is what codes and the launcher say", () => {
  const pages = Object.assign({}, ...BUILT_IN.map(({ codes }) => codes), OWN_CODES.policy.codes);
  const launcher = Deno.readTextFileSync("lib/hook/launcher.sh");
  const rows = PAGES.get("docs/troubles.md")?.matchAll(/^\| (".*?) *\| (?:`([a-z-]+)`)?/gm) ?? [];
  let count = 0;
  for (const [, said = "", code] of rows) {
    const text = code === undefined ? launcher : v.parse(Message, pages[code]).message;
    for (const [, words = ""] of said.matchAll(/"([^"]+)"/g)) assertStringIncludes(text, words);
    count++;
  }
  assert(count >= 8);
});

const FormSchema = v.strictObject({
  name: v.pipe(v.string(), v.nonEmpty()),
  description: v.pipe(v.string(), v.nonEmpty()),
  labels: v.array(v.string()),
  body: v.array(v.variant("type", [
    v.strictObject({
      type: v.literal("markdown"),
      attributes: v.strictObject({ value: v.string() }),
    }),
    v.strictObject({
      type: v.picklist(["input", "textarea", "dropdown"]),
      id: v.pipe(v.string(), v.regex(/^[a-z-]+$/)),
      attributes: v.strictObject({
        label: v.string(),
        description: v.optional(v.string()),
        options: v.optional(v.array(v.string())),
        render: v.optional(v.picklist(["text", "json"])),
      }),
      validations: v.optional(v.strictObject({ required: v.boolean() })),
    }),
  ])),
});

const FORMS = ".github/ISSUE_TEMPLATE";
for (const { name } of Deno.readDirSync(FORMS)) {
  Deno.test(`${FORMS}/${name}: it is a form as GitHub takes it`, () => {
    const { body } = v.parse(FormSchema, parse(Deno.readTextFileSync(`${FORMS}/${name}`)));
    const ids = body.flatMap((field) => "id" in field ? [field.id] : []);
    assertEquals(ids.length, new Set(ids).size);
  });
}
