/** What Cliffy's stand-in has not, and what it does otherwise: completions that start no program. */
import { Command } from "@cliffy/command";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { runCli } from "../../helpers/cli_run.ts";

const unreadable: Record<string, () => unknown> = {
  "a negatable option": () => new Command().option("--no-json", "A."),
  "an optional value": () => new Command().option("--json [file:string]", "A."),
  "two values": () => new Command().option("--pair <a:string> <b:string>", "A."),
  "a list": () => new Command().arguments("<list:string[]>"),
  "help of its own": () => new Command().getHelp(),
  "no brackets": () => new Command().arguments("source"),
};

for (const [name, define] of Object.entries(unreadable)) {
  Deno.test(`what Cliffy has and the stand-in has not is no silent surprise: ${name}`, () => {
    assertThrows(define, TypeError, "stand-in");
  });
}

const bash = await runCli("completions bash");

/** What bash offers for the last word of a line. */
async function offered(...words: readonly string[]): Promise<string[]> {
  const script = `${bash.stdout}
    COMP_WORDS=("$0" "$@"); COMP_CWORD=$#; _premigrate; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", script, "premigrate", ...words],
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  return new TextDecoder().decode(stdout).trim().split("\n");
}

const offers: Record<string, { words: string[]; offer: string[] }> = {
  "a command": { words: ["ch"], offer: ["check"] },
  "no hidden one": { words: ["rec"], offer: [""] },
  "a command of a command": { words: ["config", "s"], offer: ["show"] },
  "behind a global option": { words: ["--json", "policy", "te"], offer: ["test"] },
  "an option": { words: ["check", "vm1", "--fo"], offer: ["--format"] },
  "an option's values": {
    words: ["check", "--format", ""],
    offer: ["text", "json", "markdown", "html", "junit", "github"],
  },
  "an argument's values": { words: ["schema", "fa"], offer: ["facts"] },
  "a file": { words: ["inspect", "deno.j"], offer: ["deno.json"] },
  "an option's file": { words: ["check", "--source", "deno.j"], offer: ["deno.json"] },
  "a value that nobody knows": { words: ["check", "--from", ""], offer: [""] },
  "a policy's page": { words: ["explain", "nvidia/v"], offer: ["nvidia/vgpu", "nvidia/vsc"] },
  "a code's page": { words: ["explain", "body-comp"], offer: ["body-compared"] },
  "a command to have help of": { words: ["help", "po"], offer: ["policies", "policy"] },
};

for (const [name, { words, offer }] of Object.entries(offers)) {
  Deno.test(`bash completes ${name}`, async () => {
    assertEquals(await offered(...words), offer);
  });
}

const SHELLS: Record<string, { check: readonly string[]; shows: string }> = {
  bash: { check: ["shellcheck", "-s", "bash", "-"], shows: "complete -o filenames -F _premigrate" },
  zsh: { check: ["zsh", "-n"], shows: "compdef _premigrate premigrate" },
  fish: {
    check: ["fish", "--no-execute"],
    shows: "complete -c premigrate -n '__premigrate_is_at premigrate check' -l format " +
      "-r -f -a 'text json markdown html junit github'",
  },
};

for (const [shell, { check: [program = "", ...args], shows }] of Object.entries(SHELLS)) {
  Deno.test(`completions ${shell}`, async () => {
    const { code, stdout } = await runCli(["completions", shell]);
    assertEquals(code, 0);
    assert(stdout.includes(shows), stdout);
  });

  const found = await new Deno.Command("sh", { args: ["-c", `command -v ${program}`] }).output();
  Deno.test({
    name: `completions ${shell} is good ${shell}${
      found.success ? "" : ` (left out: no ${program})`
    }`,
    ignore: !found.success,
    async fn(): Promise<void> {
      const { stdout } = await runCli(["completions", shell]);
      const child = new Deno.Command(program, { args: [...args], stdin: "piped" }).spawn();
      await new Blob([stdout]).stream().pipeTo(child.stdin);
      assertEquals((await child.status).code, 0);
    },
  });
}
