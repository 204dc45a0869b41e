/** What premigrate counts on of `@cliffy/command`, be it the stand-in or Cliffy itself. */
import { Command, EnumType, ValidationError } from "@cliffy/command";
import { HelpCommand } from "@cliffy/command/help";
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { stripAnsiCode } from "@std/fmt/colors";
import fc from "fast-check";

interface Call {
  command: string;
  options: unknown;
  args: unknown[];
}

interface Described {
  getName(): string;
  getPath(): string;
  getVersion(): string | undefined;
  getDescription(): string;
  getArguments(): readonly DescribedArgument[];
  getOptions(): readonly DescribedOption[];
  getCommands(): readonly Described[];
  getExamples(): readonly { readonly name: string; readonly description: string }[];
  getType(name: string): { readonly handler: unknown } | undefined;
}

interface DescribedArgument {
  readonly name: string;
  readonly type: string;
  readonly optional?: boolean | undefined;
  readonly variadic?: boolean | undefined;
  readonly description?: string | undefined;
}

interface DescribedOption {
  readonly flags: readonly string[];
  readonly args: readonly DescribedArgument[];
  readonly description: string;
  readonly groupName?: string | undefined;
  readonly required?: boolean | undefined;
  readonly default?: unknown;
}

/** All that help is made of, a line each. */
function describe(command: Described): string {
  const argumentText = (
    { name, type, optional, variadic, description }: DescribedArgument,
  ): string => {
    const handler = command.getType(type)?.handler;
    const values = handler instanceof EnumType ? ` of ${handler.values().join("|")}` : "";
    return `${name}${optional ? "?" : ""}${variadic ? "..." : ""} ${type}${values} ${
      description ?? ""
    }`.trim();
  };
  return [
    `${command.getPath()} (${command.getName()}) ${command.getVersion()}`,
    command.getDescription(),
    ...command.getArguments().map(argumentText),
    ...command.getOptions().map((option) => {
      const { flags, args, description, groupName, required, default: value } = option;
      return [
        flags.join(" "),
        args.map(argumentText).join(),
        groupName ?? "",
        required ? "required" : "",
        value ?? "",
        description.split("\n").join(" / "),
      ].join("; ");
    }),
    ...command.getCommands().map((it) => `> ${it.getName()}: ${it.getDescription()}`),
    ...command.getExamples().map(({ name, description }) => `$ ${name}: ${description}`),
  ].join("\n");
}

/** The program under test; its actions write down what they are called with. */
function program(calls: Call[] = []): {
  parse(words: string[]): Promise<unknown>;
  getHelp(): string;
} {
  function record(command: string): (options: unknown, ...args: unknown[]) => void {
    return (options, ...args) => {
      calls.push({ command, options, args });
    };
  }
  const compare = new Command()
    .type("bus", new EnumType(["pci", "mdev"]))
    .description("Compare two hosts.\nDevice by device.")
    .option("-q, --qemu <version:string>", "The version of QEMU.\nThe destination's.")
    .option("-p, --property <name:string>", "A property.", { collect: true })
    .option("--host-count <n:integer>", "How many hosts.", { default: 2 })
    .option("--ratio <n:number>", "A ratio.")
    .option("--live <yes:boolean>", "Whether it is live.")
    .option("--bus <bus:bus>", "The bus.")
    .arguments("<source:file> [kind:bus] [rest...:string]", ["The source.", "The kind."])
    .example("one host", "program compare a.xml")
    .action(record("compare"));
  const check = new Command()
    .option("--policy <name>", "The policy.", { required: true })
    .group("Where")
    .option("--here", "On this host.")
    .option("--there <host>", "On another.")
    .action(record("check"));
  const move = new Command().arguments("<from> <to>").action(record("move"));
  return new Command()
    .name("program")
    .version("1.2.3")
    .description("Does things.")
    .help(describe)
    .noExit()
    .globalOption("-j, --json", "Write JSON.")
    .option("--own", "Of the main command alone.")
    .action(record("program"))
    .command("compare", compare)
    .command("check", check)
    .command("hosts", new Command().description("Hosts.").command("move", move))
    .command("internal", new Command().hidden().action(record("internal")))
    .command("help", new HelpCommand());
}

/** What the rejected promise was rejected with. */
function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(() => undefined, (reason) => reason);
}

const accepted: Record<string, { words: string[]; call: Partial<Call> }> = {
  "no words": { words: [], call: { command: "program", options: {}, args: [] } },
  "an option of the main command": { words: ["--own"], call: { options: { own: true } } },
  "the default of an option": {
    words: ["compare", "a"],
    call: { command: "compare", options: { hostCount: 2 }, args: ["a"] },
  },
  "a number instead of the default": {
    words: ["compare", "a", "--host-count", "7"],
    call: { options: { hostCount: 7 } },
  },
  "options after arguments": {
    words: ["compare", "a", "--qemu", "9.1", "-j"],
    call: { options: { json: true, qemu: "9.1", hostCount: 2 }, args: ["a"] },
  },
  "options before arguments": {
    words: ["compare", "--qemu", "9.1", "a", "pci"],
    call: { options: { qemu: "9.1", hostCount: 2 }, args: ["a", "pci"] },
  },
  "a value after an equals sign": {
    words: ["compare", "--property=a=b", "a"],
    call: { options: { property: ["a=b"], hostCount: 2 } },
  },
  "a short option's value after an equals sign": {
    words: ["compare", "-q=9.1", "a"],
    call: { options: { qemu: "9.1", hostCount: 2 } },
  },
  "a value that looks like an option": {
    words: ["compare", "a", "--qemu", "--json"],
    call: { options: { qemu: "--json", hostCount: 2 } },
  },
  "short options in one word": {
    words: ["compare", "a", "-jq", "9.1"],
    call: { options: { json: true, qemu: "9.1", hostCount: 2 } },
  },
  "an option that collects": {
    words: ["compare", "-p", "x", "a", "-p", "y"],
    call: { options: { property: ["x", "y"], hostCount: 2 } },
  },
  "the other types": {
    words: ["compare", "a", "--ratio", "0.5", "--live", "false", "--bus", "mdev"],
    call: { options: { ratio: 0.5, live: false, bus: "mdev", hostCount: 2 } },
  },
  "a variadic argument": {
    words: ["compare", "a", "pci", "x", "y"],
    call: { args: ["a", "pci", "x", "y"] },
  },
  "a lone dash": { words: ["compare", "-"], call: { args: ["-"] } },
  "words after two dashes, which are no arguments": {
    words: ["compare", "a", "--", "pci", "--nope"],
    call: { args: ["a"] },
  },
  "a global option before the command": {
    words: ["--json", "check", "--policy", "x"],
    call: { command: "check", options: { json: true, policy: "x" } },
  },
  "a hidden command": { words: ["internal"], call: { command: "internal", options: {} } },
  "a short option's value without a sign": {
    words: ["compare", "-q9", "a"],
    call: { options: { qemu: "9", hostCount: 2 } },
  },
  "an empty value: the next word is the value": {
    words: ["compare", "--qemu=", "b", "a"],
    call: { options: { qemu: "b", hostCount: 2 }, args: ["a"] },
  },
  "a command of a command": {
    words: ["hosts", "-j", "move", "a", "b"],
    call: { command: "move", options: { json: true }, args: ["a", "b"] },
  },
};

for (const [name, { words, call }] of Object.entries(accepted)) {
  Deno.test(`the command line is read: ${name}`, { permissions: "none" }, async () => {
    const calls: Call[] = [];
    await program(calls).parse(words);
    assertEquals(calls, [{ ...calls[0], ...call }]);
  });
}

const rejected: Record<string, { words: string[]; message: string }> = {
  "a misspelt option": {
    words: ["compare", "a", "--quemu", "9.1"],
    message: 'Unknown option "--quemu". Did you mean option "--qemu"?',
  },
  "an unknown short option": {
    words: ["compare", "a", "-x"],
    message: 'Unknown option "-x". Did you mean option "-h"?',
  },
  "a negative number": {
    words: ["compare", "-5"],
    message: 'Unknown option "-5". Did you mean option "-h"?',
  },
  "an option of the main command on another": {
    words: ["check", "--own"],
    message: 'Unknown option "--own". Did you mean option "--json"?',
  },
  "a negated option": {
    words: ["check", "--no-json"],
    message: 'Unknown option "--no-json". Did you mean option "--json"?',
  },
  "a misspelt command": {
    words: ["comapre"],
    message: 'Unknown command "comapre". Did you mean command "compare"?',
  },
  "a command after an option that is not global": {
    words: ["--own", "check"],
    message: "Too many arguments: check",
  },
  "an option given twice": {
    words: ["--json", "check", "-j"],
    message: 'Option "-j" can only occur once, but was found several times.',
  },
  "two dashes before one letter": {
    words: ["compare", "a", "--q"],
    message: 'Invalid option "--q". Did you mean option "-q"?',
  },
  "help for a command that is not there": {
    words: ["help", "chekc"],
    message: 'Unknown command "chekc". Did you mean command "check"?',
  },
  "help for a hidden command": {
    words: ["help", "internal"],
    message: 'Unknown command "internal". Did you mean command "check"?',
  },
  "help with a global option": {
    words: ["help", "--json"],
    message: 'Unknown option "--json". Did you mean option "--help"?',
  },
  "an option without its value": {
    words: ["compare", "a", "--qemu"],
    message: 'Missing value for option "--qemu".',
  },
  "an option with an empty value": {
    words: ["compare", "a", "--qemu="],
    message: 'Missing value for option "--qemu".',
  },
  "a switch with a value": {
    words: ["check", "--json=yes"],
    message: 'Option "--json" doesn\'t take a value, but got "yes".',
  },
  "no required option": { words: ["check"], message: 'Missing required option "--policy".' },
  "no arguments": { words: ["hosts", "move"], message: "Missing argument(s): from, to" },
  "too few arguments": { words: ["hosts", "move", "a"], message: "Missing argument: to" },
  "too many arguments": {
    words: ["hosts", "move", "a", "b", "c", "d"],
    message: "Too many arguments: c d",
  },
  "an argument where none is taken": {
    words: ["check", "--policy", "x", "a"],
    message: 'No arguments allowed for command "program check".',
  },
  "not an integer": {
    words: ["compare", "a", "--host-count", "1.5"],
    message: 'Option "--host-count" must be of type "integer", but got "1.5".',
  },
  "not a number": {
    words: ["compare", "a", "--ratio", "half"],
    message: 'Option "--ratio" must be of type "number", but got "half".',
  },
  "not a boolean": {
    words: ["compare", "a", "--live", "constructor"],
    message: 'Option "--live" must be of type "boolean", but got "constructor". ' +
      'Expected values: "true", "false", "1", "0"',
  },
  "not one of the values of an option": {
    words: ["compare", "a", "--bus", "usb"],
    message: 'Option "--bus" must be of type "bus", but got "usb". Expected values: "pci", "mdev"',
  },
  "not one of the values of an argument": {
    words: ["compare", "a", "usb"],
    message: 'Argument "kind" must be of type "bus", but got "usb". Expected values: "pci", "mdev"',
  },
  "help with another option": {
    words: ["check", "--help", "--json"],
    message: 'Option "--help" cannot be combined with other options.',
  },
};

for (const [name, { words, message }] of Object.entries(rejected)) {
  Deno.test(`the command line is rejected: ${name}`, { permissions: "none" }, async () => {
    const calls: Call[] = [];
    const error = await reasonOf(program(calls).parse(words));
    assertInstanceOf(error, ValidationError);
    assertEquals(error.message, message);
    assertEquals(error.exitCode, 2);
    assertEquals(calls, []);
  });
}

Deno.test("words are read or rejected, whatever they are", async () => {
  const word = fc.oneof(
    fc.constantFrom("compare", "check", "hosts", "move", "-q", "--qemu", "-j", "--policy", "-p"),
    fc.constantFrom("--", "-", "---", "--=", "-=", "", "--__proto__", "--bus=constructor", "-jq=1"),
    fc.string(),
    fc.string().map((it) => `--${it}`),
  );
  const notHelp = (it: string): boolean => !/^-[a-zA-Z]*[hV]|^--(help|version)/.test(it);
  await fc.assert(fc.asyncProperty(fc.array(word.filter(notHelp)), async (words) => {
    const reason = await reasonOf(program().parse(words));
    assert(reason === undefined || reason instanceof ValidationError);
  }));
});

Deno.test("parse is done when the action is", async () => {
  let done = false;
  await new Command().action(async () => {
    await Promise.resolve();
    done = true;
  }).parse([]);
  assert(done);
});

Deno.test("what an action throws, parse throws", async () => {
  const error = new RangeError("Out of range");
  const failing = new Command().action(() => {
    throw error;
  });
  assertEquals(await reasonOf(failing.parse([])), error);
});

Deno.test("a validation error has exit code 2 unless told", () => {
  assertEquals(new ValidationError("Wrong").exitCode, 2);
  assertEquals(new ValidationError("Wrong", { exitCode: 3 }).exitCode, 3);
});

Deno.test("parse resolves to what the command line said", async () => {
  const command = new Command().option("--json", "A.").arguments("[a]");
  const { options, args, literal } = await command.parse(["b", "--json", "--", "c", "--d", "--"]);
  const said = { options: { json: true }, args: ["b"], literal: ["c", "--d", "--"] };
  assertEquals<unknown>({ options, args, literal }, said);
});

Deno.test("what follows .command() is set on the sub-command", async () => {
  const main = new Command().name("main").help(describe);
  main.command("sub", new Command()).option("--own", "Its own.");
  main.description("Of the sub-command.").throwErrors();
  assertEquals(main.getHelp().split("\n").at(-1), "> sub: Of the sub-command.");
  assertInstanceOf(await reasonOf(main.parse(["sub", "--nope"])), ValidationError);
  await main.parse(["sub", "--own"]);
});

const COMPARE_HELP = `program compare (compare) 1.2.3
Compare two hosts.
Device by device.
source file The source.
kind? bus of pci|mdev The kind.
rest?... string
-h --help; ; ; ; ; Show this help.
-j --json; ; ; ; ; Write JSON.
-q --qemu; version string; ; ; ; The version of QEMU. / The destination's.
-p --property; name string; ; ; ; A property.
--host-count; n integer; ; ; 2; How many hosts.
--ratio; n number; ; ; ; A ratio.
--live; yes boolean; ; ; ; Whether it is live.
--bus; bus bus of pci|mdev; ; ; ; The bus.
$ one host: program compare a.xml`;

const PROGRAM_HELP = `program (program) 1.2.3
Does things.
-h --help; ; ; ; ; Show this help.
-V --version; ; ; ; ; Show the version number for this program.
-j --json; ; ; ; ; Write JSON.
--own; ; ; ; ; Of the main command alone.
> compare: Compare two hosts.
Device by device.
> check:
> hosts: Hosts.
> help: Show this help or the help of a sub-command.`;

const CHECK_HELP = `program check (check) 1.2.3

-h --help; ; ; ; ; Show this help.
-j --json; ; ; ; ; Write JSON.
--policy; name string; ; required; ; The policy.
--here; ; Where; ; ; On this host.
--there; host string; Where; ; ; On another.`;

const printed: Record<string, { words: string[]; text: string }> = {
  "help": { words: ["--help"], text: PROGRAM_HELP },
  "short help of a command": { words: ["compare", "-h"], text: COMPARE_HELP },
  "long help of a command": { words: ["compare", "--help"], text: COMPARE_HELP },
  "help of a command, asked for before it": { words: ["--help", "compare"], text: COMPARE_HELP },
  "help of a command, by name": { words: ["help", "compare"], text: COMPARE_HELP },
  "help after a global option": { words: ["--json", "compare", "-h"], text: COMPARE_HELP },
  "help by name, of all": { words: ["help"], text: PROGRAM_HELP },
  "help in groups": { words: ["check", "-h"], text: CHECK_HELP },
  "the version": { words: ["-V"], text: "1.2.3" },
  "the long version": { words: ["--version"], text: "program 1.2.3" },
};

for (const [name, { words, text }] of Object.entries(printed)) {
  Deno.test(`printed, and no action called: ${name}`, { permissions: "none" }, async () => {
    const calls: Call[] = [];
    assertEquals(await printedBy(() => program(calls).parse(words)), [text]);
    assertEquals(calls, []);
  });
}

/** What is printed to standard output meanwhile, without colours and blanks at the end of lines. */
async function printedBy(act: () => Promise<unknown>): Promise<string[]> {
  const texts: string[] = [];
  const log = Reflect.get(console, "log");
  Reflect.set(console, "log", (text: string) => texts.push(withoutBlanks(stripAnsiCode(text))));
  try {
    await act();
  } finally {
    Reflect.set(console, "log", log);
  }
  return texts;
}

function withoutBlanks(text: string): string {
  return text.replaceAll(/ +$/gm, "");
}

const SCRIPT = `
  import { Command } from "@cliffy/command";
  await new Command().name("program").version("1.2.3").description("Does things.").help(() => "help")
    .command("check", new Command().action(() => {}))
    .parse();
`;

const exits: Record<string, { words: string[]; code: number; stderr: string }> = {
  "the action is done": { words: ["check"], code: 0, stderr: "" },
  "help": { words: ["--help"], code: 0, stderr: "" },
  "the version": { words: ["--version"], code: 0, stderr: "" },
  "a misspelt option": {
    words: ["check", "--helb"],
    code: 2,
    stderr: '  error: Unknown option "--helb". Did you mean option "--help"?\n\n',
  },
  "a misspelt command": {
    words: ["chekc"],
    code: 2,
    stderr: '  error: Unknown command "chekc". Did you mean command "check"?\n\n',
  },
};

const mayRun = (await Deno.permissions.query({ name: "run" })).state === "granted";

for (const [name, { words, code, stderr }] of Object.entries(exits)) {
  Deno.test({
    name: `a program may read, nothing else, and exits with ${code} (needs --allow-run): ${name}`,
    ignore: !mayRun,
    fn: async () => {
      const process = new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-prompt", "--allow-read", "-", ...words],
        cwd: new URL("../../..", import.meta.url),
        env: { NO_COLOR: "1" },
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      await new Response(SCRIPT).body?.pipeTo(process.stdin);
      const output = await process.output();
      const decoder = new TextDecoder();
      assertEquals(decoder.decode(output.stderr), stderr);
      assertEquals(output.code, code);
      assertEquals(decoder.decode(output.stdout).includes("\x1b"), false);
    },
  });
}

// What follows is compiled, and never run: the types are what is tested.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

function assertType<_T extends true>(): void {}

export function optionTypes(): void {
  const bus = new EnumType(["pci", "mdev"]);
  const command = new Command()
    .type("bus", bus)
    .option("--qemu <v:string>", "A.")
    .option("--map <m:string>", "A.", { collect: true })
    .option("-j, --json", "A.")
    .option("--count <n:integer>", "A.", { default: 3 })
    .option("-p, --config-space <f:file>", "A.", { required: true })
    .option("--bus-type <b:bus>", "A.")
    .option("--plain <p>", "A.")
    .option("--host <h>", "A.", { collect: true, required: true })
    .option("--odd <o:odd>", "A.")
    .arguments("<a:string> [b:string]")
    .action((options, ...args) => {
      assertType<
        Same<typeof options, {
          qemu?: string;
          map?: string[];
          // The `| undefined`, which matters where it is spread, is Cliffy's.
          json?: true | undefined;
          count: number;
          configSpace: string;
          busType?: "pci" | "mdev";
          plain?: string;
          host: string[];
          odd?: unknown;
        }>
      >();
      assertType<Same<typeof args, [string, string?]>>();
    });
  // @ts-expect-error There is no third argument
  command.action((_options, _a, _b, c) => c);
  // @ts-expect-error There is no such option
  command.action(({ quemu }) => quemu);
}

export function argumentTypes(): void {
  new Command().action((options, ...args) => {
    assertType<Same<typeof options, void>>();
    assertType<Same<typeof args, []>>();
  });
  new Command().arguments("<a> <n:number> [rest...:integer]").action((_, ...args) => {
    assertType<Same<typeof args, [string, number, ...number[]]>>();
  });
  new Command().arguments("<rest...:string>").action((_, ...args) => {
    assertType<Same<typeof args, [string, ...string[]]>>();
  });
}

export function subCommandTypes(): void {
  const json = new Command<{ json?: true }>().option("--own", "A.").action((options) => {
    assertType<Same<typeof options, { json?: true; own?: true | undefined }>>();
  });
  new Command()
    .globalOption("--json", "A.")
    .command("json", json)
    .command("nested", new Command().command("plain", new Command()));
  // @ts-expect-error The parent has no --json
  new Command().command("json", json);
}
