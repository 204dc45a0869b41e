/**
 * Runs a command line: all that prints or exits.
 *
 * @module
 */
import { type CommandDefinition, HELP, lineage } from "./definitions.ts";
import { ValidationError } from "./errors.ts";
import { helpText } from "./help.ts";
import { type Given, parseWords, takeSubCommand } from "./parse.ts";

/** Runs the command that the words name, or shows help, the version or what is wrong with them. */
export async function run(main: CommandDefinition, words: string[]): Promise<void> {
  const end = words.includes("--") ? words.indexOf("--") : words.length;
  const given: Given = new Map();
  let command = main;
  try {
    let rest = words.slice(0, end);
    for (let next: CommandDefinition | undefined = main; next;) {
      command = next;
      [next, rest] = takeSubCommand(command, rest, given);
    }
    command.literalArgs = words.slice(end + 1);
    const { standalone, options, args } = parseWords(command, rest, given);
    if (!standalone) {
      if (command.action) await Reflect.apply(command.action, undefined, [options, ...args]);
      return;
    }
    const long = words.includes(`--${standalone.name}`);
    print(standalone === HELP ? helpText(command, { long }) : versionText(command, { long }));
    if (![...lineage(command)].some((it) => it.noExit)) Deno.exit();
  } catch (error) {
    const throws = [...lineage(command)].some((it) => it.throwErrors);
    if (throws || !(error instanceof ValidationError)) throw error;
    print(helpText(command, { long: false }));
    printError(`  error: ${error.message}\n`);
    Deno.exit(error.exitCode);
  }
}

function versionText(
  { name, version = "" }: CommandDefinition,
  { long }: { long: boolean },
): string {
  return long ? `${name} ${version}` : version;
}

/** Writes a line to standard output. */
export function print(text: string): void {
  // deno-lint-ignore no-console -- Cliffy prints help so
  console.log(text);
}

function printError(text: string): void {
  // deno-lint-ignore no-console -- Cliffy prints errors so
  console.error(text);
}
