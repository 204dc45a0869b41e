/** The manual page: made from the command tree, whole, and as man(1) and mandoc(1) want it. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runCli } from "../../helpers/cli_run.ts";
import { runProgram } from "../../helpers/run_program.ts";

const PAGE = (await runCli("man")).stdout;
const TEXT = PAGE.replaceAll("\\-", "-");

/** Each command's part of the page, by the words that lead to it; that of the main command is its options. */
function partsOf(page: string): Map<string, string> {
  const [, options = "", commands = ""] = /^\.SH OPTIONS\n([^]*)^\.SH COMMANDS\n([^]*?)^\.SH /m
    .exec(page) ?? [];
  const parts = commands.split(/^\.SS /m).slice(1)
    .map((part): [string, string] => [/^[a-z -]*[a-z]/.exec(part)?.[0] ?? "", part]);
  return new Map([["premigrate", options], ...parts]);
}

Deno.test("the manual page has every command and every option that the shells complete", async () => {
  const { stdout } = await runCli("completions fish");
  const parts = partsOf(TEXT);
  const everywhere = ["help", "json"];
  let count = 0;
  for (const [, path = "", words = ""] of stdout.matchAll(/ -n '\S+ ([^']+)' (.*?)(?= -d '|$)/gm)) {
    const part = parts.get(path);
    assert(part !== undefined, `there is no ${path}`);
    const [, child] = /^-a ([a-z-]+)$/.exec(words) ?? [];
    if (child !== undefined) assert(parts.has(`${path} ${child}`), `there is no ${path} ${child}`);
    for (const [, flag = ""] of words.matchAll(/-l ([a-z-]+)/g)) {
      count++;
      if (path !== "premigrate" && everywhere.includes(flag)) continue;
      assertStringIncludes(part, `\\fB--${flag}\\fR`, `${path} --${flag}`);
    }
  }
  assert(count > 50, `found ${count} options`);
});

Deno.test("what help hides is not in the manual page", () => {
  const paths = [...partsOf(TEXT).keys()];
  assert(paths.includes("premigrate config apply"));
  assertEquals(paths.filter((path) => /record-start| man$/.test(path)), []);
});

/** What each says of a page that is as it wants it: nothing, but for the date that a page without one misses. */
const READERS = [
  ["man", ["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"]],
  ["mandoc", ["-T", "lint", "-W", "warning"]],
] as const;

for (const [program, args] of READERS) {
  const { success } = new Deno.Command("sh", { args: ["-c", `command -v ${program}`] })
    .outputSync();
  const reason = success ? undefined : `there is no ${program}`;
  Deno.test({
    name: `${program} has nothing to say of the manual page${
      reason === undefined ? "" : ` (left out: ${reason})`
    }`,
    ignore: reason !== undefined,
    async fn(): Promise<void> {
      const file = await Deno.makeTempFile({ suffix: ".1" });
      try {
        await Deno.writeTextFile(file, PAGE);
        const { stdout, stderr } = await runProgram(program, { args: [...args, file] });
        const said = `${program === "man" ? "" : stdout}${stderr}`.split("\n")
          .filter((line) => line !== "" && !line.includes("missing date"));
        assertEquals(said, []);
      } finally {
        await Deno.remove(file);
      }
    },
  });
}
