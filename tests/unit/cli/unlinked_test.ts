/**
 * The program with Cliffy and the standard library themselves, as the README's `deno unlink` takes
 * them: it checks, bundles, and helps and refuses byte by byte as with the packages of this
 * repository. JSR is a mirror on loopback, of the sources that JSR_SOURCES has (see CONTRIBUTING).
 */
import { assertEquals } from "@std/assert";
import { denoArguments, ROOT } from "../../helpers/cli_run.ts";
import type { Finished } from "../../helpers/run_program.ts";
import { serveJsr } from "../../helpers/jsr_mirror.ts";

const SOURCES = Deno.env.get("JSR_SOURCES");
const COPIED = ["deno.json", "deno.lock", "mod.ts", "lib", "plugins", "examples", "tests"];

const COMMANDS = [
  "agent",
  "cache",
  "capture",
  "check",
  "compare",
  "completions",
  "completions bash",
  "completions fish",
  "config",
  "config apply",
  "config check",
  "config show",
  "doctor",
  "explain",
  "help",
  "inspect",
  "install",
  "policies",
  "policy",
  "policy build",
  "policy new",
  "policy test",
  "predict",
  "record-start",
  "schema",
  "stamp",
  "uninstall",
  "waive",
];

const LINES: readonly string[] = [
  "--help",
  "-h",
  "--version",
  "-V",
  "-h -V",
  "-V -h",
  "--help check",
  "--json check --help",
  "check --json --help",
  "check --source x --help",
  "compare --machine --help",
  ...COMMANDS.flatMap((command) => [`${command} --help`, `${command} -h`, `${command} --nope`]),
  "completions",
  "help",
  "help check",
  "help chekc",
  "help record-start",
  "help --json",
  "help check x",
  "",
  "chekc",
  "config nope",
  "--jsno check",
  "check --sorce x",
  "check --source",
  "check --source=",
  "check --timeout 1.5",
  "check --format nope",
  "check --json --json",
  "--json check --json",
  "check --json=yes",
  "check -hx",
  "check --a",
  "check ---json",
  "check -=",
  "check --no-json",
  "check --__proto__",
  "check -- x",
  "-- check",
  "-",
  "compare a",
  "compare a b",
  "compare a b c --machine x",
  "compare a b --machine=",
  "schema",
  "schema nope",
  "schema facts x",
  "policies x",
  "policies --json",
  "man",
  "check --source examples/source.json --destination examples/destination.json --domain examples/domain.xml",
];

async function deno(args: readonly string[], cwd: URL | string, env = {}): Promise<Finished> {
  const output = await new Deno.Command(Deno.execPath(), { args: [...args], cwd, env }).output();
  const [stdout = "", stderr = ""] = [output.stdout, output.stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  return { code: output.code, stdout, stderr };
}

/** Makes an unlinked copy of the repository, and says how to run Deno there. */
async function withUnlinked(
  use: (copy: string, env: Record<string, string>) => Promise<void>,
): Promise<void> {
  await using jsr = await serveJsr([`${SOURCES}/cliffy`, `${SOURCES}/std`]);
  const folder = await Deno.makeTempDir({ prefix: "premigrate-unlinked-" });
  try {
    const copy = `${folder}/premigrate`;
    await Deno.mkdir(copy);
    await new Deno.Command("cp", { args: ["-r", ...COPIED, copy], cwd: ROOT }).output();
    // Packages of npm are taken from where they are; what comes from the mirror goes with the copy.
    const { npmCache } = JSON.parse((await deno(["info", "--json"], ROOT)).stdout);
    await Deno.mkdir(`${folder}/deno`);
    await Deno.symlink(npmCache, `${folder}/deno/npm`);
    const env = { JSR_URL: jsr.url, DENO_DIR: `${folder}/deno`, NO_COLOR: "1" };
    const page = await Deno.readTextFile(new URL("CONTRIBUTING.md", ROOT));
    const [, names = ""] = /^deno unlink (.*)$/m.exec(page) ?? [];
    assertEquals((await deno(["unlink", ...names.split(" ")], copy, env)).code, 0);
    await use(copy, env);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function testUnlinked(
  copy: string,
  env: Record<string, string>,
  t: Deno.TestContext,
): Promise<void> {
  const done = async (args: readonly string[]): Promise<void> => {
    const { code, stdout, stderr } = await deno(args, copy, env);
    assertEquals(code, 0, stdout + stderr);
  };
  const tests = ["cli/cliffy_test.ts", "hook/graph_test.ts"].map((name) => `tests/unit/${name}`);
  await t.step("everything type-checks", () => done(["check", "--quiet"]));
  await t.step("tests of Cliffy and of the hook's modules", () => done(["test", "-A", ...tests]));
  await t.step("dist is built, and runs", async () => {
    await done(["run", "-A", "lib/install/build.ts", "dist"]);
    await done(["run", "--allow-read", "dist/premigrate.js", "help", "check"]);
  });
  for (const line of LINES) {
    await t.step(`premigrate ${line}`, async () => {
      const args = denoArguments(line === "" ? [] : line.split(" "));
      const [linked, unlinked] = await Promise.all([
        deno(args, ROOT, { NO_COLOR: "1" }),
        deno(args, copy, env),
      ]);
      assertEquals(linked, unlinked);
    });
  }
}

Deno.test({
  name: "with Cliffy and the standard library themselves" +
    (SOURCES === undefined ? " (left out: JSR_SOURCES names no folder of their sources)" : ""),
  ignore: SOURCES === undefined,
  fn: (t) => withUnlinked((copy, env) => testUnlinked(copy, env, t)),
});
