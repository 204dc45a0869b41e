/** Every command that the README shows does what the README says. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";

const README = Deno.readTextFileSync("README.md");
const NPX = "npx -y deno@2.9.6 ";
const GATE = `${NPX}task ok`;

interface ShownCommand {
  readonly line: string;
  readonly status: number;
}

const COMMANDS: ShownCommand[] = Array.from(README.matchAll(/^```sh\n([^]*?)^```$/gm))
  .flatMap(([, block = ""]) => block.trim().split("\n"))
  .map((line) => {
    const [, command = "", status] = /^(.*?)(?: # exits with (\d))?$/.exec(line) ?? [];
    return { line: command, status: Number(status ?? 0) };
  });

Deno.test("the README shows commands", () => {
  assert(COMMANDS.length >= 8);
  for (const { line } of COMMANDS) assert(line.startsWith(NPX), line);
});

for (const { line, status } of COMMANDS.filter(({ line }) => line !== GATE)) {
  Deno.test(`README: ${line.slice(NPX.length)}`, async () => {
    const command = line.replace(NPX, `"${Deno.execPath()}" `);
    const { code, stdout, stderr } = await new Deno.Command("sh", { args: ["-c", command] })
      .output();
    const text = new TextDecoder();
    assertEquals(code, status, text.decode(stderr));
    assert(stdout.length > 0);
  });
}

Deno.test("the README's test command is what CI runs", () => {
  assert(COMMANDS.some(({ line }) => line === GATE));
  assertStringIncludes(Deno.readTextFileSync(".ci/run"), `exec ${GATE}\n`);
});

Deno.test("the README's table of exit codes is that of the code", async () => {
  const { EXIT_CODES } = await import("../../../lib/cli/output.ts");
  const shown = Array.from(README.matchAll(/^\| (\d) /gm), ([, code]) => Number(code));
  assertEquals(shown, Object.values(EXIT_CODES));
});
