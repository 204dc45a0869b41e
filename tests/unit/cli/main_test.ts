import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { denoArguments, ROOT, runCli, testRuns } from "../../helpers/cli_run.ts";

const COMMANDS = [
  "check",
  "compare",
  "inspect",
  "predict",
  "stamp",
  "agent",
  "install",
  "uninstall",
  "doctor",
  "config",
  "report",
  "waive",
  "policies",
  "explain",
  "schema",
];
const VETO =
  "check --source examples/source.json --destination examples/destination.json --domain examples/domain.xml";

testRuns([
  {
    name: "no command",
    words: [],
    code: 0,
    stdout: ["Usage: premigrate COMMAND", "\nExamples:\n", "\nBefore a migration:\n"],
  },
  ...["--json", "config", "policy", "config --json"].map((words) => ({
    name: `no command behind ${words}`,
    words,
    code: 2,
    error: "No command was given: see --help",
  })),
  {
    name: "an unknown command",
    words: "chek",
    code: 2,
    error: 'Unknown command "chek". Did you mean command "check"?',
  },
  {
    name: "an unknown command that is like no other",
    words: "show",
    code: 2,
    error: 'Unknown command "show".\n',
  },
  {
    name: "an unknown option of the program",
    words: "--jsno check",
    code: 2,
    error: 'Unknown option "--jsno". Did you mean option "--json"?',
  },
  {
    name: "an unknown option of a command",
    words: "check --sorce x",
    code: 2,
    error: 'Unknown option "--sorce". Did you mean option "--source"?',
  },
  {
    name: "words that would take over the terminal",
    words: ["x\u001b[2J\u202e\r\ny"],
    code: 2,
    error: 'Unknown command "x\\u{1b}[2J\\u{202e}\\u{d}\\u{a}y"',
  },
  {
    name: "a value is missing",
    words: "check --source",
    code: 2,
    error: 'Missing value for option "--source"',
  },
  { name: "the version", words: "--version", code: 0, stdout: ["premigrate 0."] },
]);

Deno.test("--help lists every command, and each has its own with examples", async () => {
  const { code, stdout } = await runCli("--help");
  assertEquals(code, 0);
  for (const command of COMMANDS) {
    assertMatch(stdout, new RegExp(`^  ${command} `, "m"));
    const help = await runCli([command, "--help"]);
    assertEquals([help.code, help.stderr], [0, ""]);
    assertStringIncludes(help.stdout, `Usage: premigrate ${command}`);
    assertStringIncludes(help.stdout, "--json");
    assertMatch(help.stdout, new RegExp(`\nExamples:\n[^]*\\bpremigrate ${command}`));
    for (const line of help.stdout.split("\n")) assert(line.length <= 80, line);
  }
});

Deno.test("what only the hook runs is not shown, and has its help", async () => {
  const { stdout } = await runCli("--help");
  for (const command of ["record-start", "cache"]) {
    assert(!new RegExp(`^  ${command}\\b`, "m").test(stdout));
    assertEquals((await runCli([command, "--help"])).code, 0);
  }
});

Deno.test("--json stands before or after the command", async () => {
  const [before, after] = await Promise.all([runCli("--json policies"), runCli("policies --json")]);
  assertEquals(JSON.parse(before.stdout), JSON.parse(after.stdout));
});

/** Runs the command line on a terminal, which `script` of util-linux makes. */
async function runOnTerminal(words: string, variables: Record<string, string>): Promise<string> {
  const { NO_COLOR: _, ...env } = Deno.env.toObject();
  const command = [Deno.execPath(), ...denoArguments(words.split(" "))].join(" ");
  const { stdout } = await new Deno.Command("script", {
    args: ["-qec", command, "/dev/null"],
    cwd: ROOT,
    clearEnv: true,
    env: { ...env, TERM: "xterm-256color", ...variables },
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stdout);
}

const hasTerminal = Deno.build.os === "linux" &&
  await new Deno.Command("script", { args: ["--version"], stdout: "null", stderr: "null" })
    .output().then(({ success }) => success, () => false);

Deno.test({
  name: hasTerminal
    ? "colours on a terminal, and not with NO_COLOR"
    : "colours on a terminal (left out: util-linux's script is not there)",
  ignore: !hasTerminal,
  async fn(): Promise<void> {
    const coloured = await runOnTerminal(VETO, {});
    assertStringIncludes(coloured, "\u001b[31mVETO: ");
    assertStringIncludes(await runOnTerminal("--help", {}), "\u001b[1mExamples:");
    const plain = await runOnTerminal(VETO, { NO_COLOR: "1" });
    assertStringIncludes(plain, "VETO: ");
    assert(!plain.includes("\u001b"), plain);
  },
});

Deno.test("a veto stays a veto when its reader goes away", async () => {
  for (const words of [VETO, `${VETO} --json`]) {
    const child = new Deno.Command(Deno.execPath(), {
      args: denoArguments(words.split(" ")),
      cwd: ROOT,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await child.stdout.cancel();
    const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
    assertEquals([code, stderr], [1, ""]);
  }
});

Deno.test("an error stays an error when nobody reads it", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: denoArguments(["check"]),
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await child.stderr.cancel();
  const [{ code }, stdout] = await Promise.all([child.status, new Response(child.stdout).text()]);
  assertEquals([code, stdout], [2, ""]);
});
