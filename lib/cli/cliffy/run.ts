/**
 * Runs a command line: all that prints or exits.
 *
 * @module
 */
import { bold, brightBlue, red } from "@std/fmt/colors";
import {
  type CommandDefinition,
  lineage,
  type OptionDefinition,
  optionsOf,
  pathOf,
  shownCommands,
  VERSION,
} from "./definitions.ts";
import { didYouMean, ValidationError } from "./errors.ts";
import { type CommandLine, takeOptions } from "./flags.ts";
import { helpText } from "./help.ts";
import { parseValue } from "./values.ts";

/** What a command line said. */
export interface CommandResult {
  readonly options: Readonly<Record<string, unknown>>;
  readonly args: readonly unknown[];
  /** The words after `--`. */
  readonly literal: readonly string[];
}

/** Runs the command that the words name, or shows help, the version or what is wrong with them. */
export async function run(
  main: CommandDefinition,
  words: readonly string[],
): Promise<CommandResult> {
  const line: CommandLine = { words: [...words], given: new Map(), literal: [] };
  let command = main;
  try {
    let own = line.words;
    for (let next: CommandDefinition | undefined = main; next; next = takeCommand(next, line)) {
      command = next;
      own = line.words;
    }
    const options = optionsOf(command);
    takeOptions(line, options, command.types, { leading: false });
    const args = argumentValues(command, line);
    const result = { options: optionValues(options, line.given), args, literal: line.literal };
    const { standalone } = line;
    if (standalone !== undefined) {
      const long = own.includes(`--${standalone.name}`);
      print(standalone === VERSION ? versionText(command, long) : helpText(command));
      exit(command);
    } else if (command.action) {
      await Reflect.apply(command.action, undefined, [result.options, ...args]);
    }
    return result;
  } catch (error) {
    const throws = [...lineage(command)].some((it) => it.throwErrors);
    if (throws || !(error instanceof ValidationError)) throw error;
    print(helpText(command));
    // deno-lint-ignore no-console -- Cliffy prints errors so
    console.error(red(`  ${bold("error")}: ${error.message}\n`));
    Deno.exit(error.exitCode);
  }
}

/** The sub-command that the next word names. Global options may precede it. */
function takeCommand(
  command: CommandDefinition,
  line: CommandLine,
): CommandDefinition | undefined {
  const named = (): CommandDefinition | undefined =>
    command.commands.find(({ name }) => name === line.words[0]);
  const [first = ""] = line.words;
  if (named() === undefined) {
    const globals = optionsOf(command).filter((it) => it.global);
    const [flag = ""] = first.split("=", 1);
    if (globals.some(({ flags }) => flags.includes(flag))) {
      takeOptions(line, globals, command.types, { leading: true });
    }
  }
  const found = named();
  if (found !== undefined) line.words = line.words.slice(1);
  return found;
}

/** The options by their camel-case names, with the defaults of those not given. */
function optionValues(
  options: readonly OptionDefinition[],
  given: CommandLine["given"],
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const option of options) {
    const key = option.name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const value = given.get(option);
    if (value) values[key] = option.collect ? value : value[0];
    else if (option.default !== undefined) values[key] = option.default;
  }
  return values;
}

function argumentValues(
  command: CommandDefinition,
  { words, standalone }: CommandLine,
): unknown[] {
  const { arguments: expected, commands } = command;
  const [first] = words;
  if (first === undefined) {
    const missing = expected.filter((it) => !it.optional).map(({ name }) => name);
    if (missing.length === 0 || standalone) return [];
    throw new ValidationError(`Missing argument(s): ${missing.join(", ")}`);
  }
  if (expected.length === 0 && commands.length === 0) {
    throw new ValidationError(`No arguments allowed for command "${pathOf(command)}".`);
  }
  if (expected.length === 0 && !commands.some(({ name }) => name === first)) {
    throw unknownCommand(first, shownCommands(command));
  }
  const types = command.types;
  const rest = [...words];
  const values = expected.flatMap(({ name, type, optional, variadic }) => {
    const taken = rest.splice(0, variadic ? rest.length : 1);
    if (taken.length === 0 && !optional) throw new ValidationError(`Missing argument: ${name}`);
    return taken.map((value) => parseValue({ label: "Argument", name, type, value }, types));
  });
  if (rest.length > 0) throw new ValidationError(`Too many arguments: ${rest.join(" ")}`);
  return values;
}

/** The error of a word that names none of the commands. */
export function unknownCommand(
  word: string,
  commands: readonly CommandDefinition[],
): ValidationError {
  const names = commands.map(({ name }) => name);
  return new ValidationError(`Unknown command "${word}".${didYouMean("command", word, names)}`);
}

function versionText({ name, version = "" }: CommandDefinition, long: boolean): string {
  return long ? `${bold(name)} ${brightBlue(version)}` : version;
}

/** Writes a line to standard output. */
export function print(text: string): void {
  // deno-lint-ignore no-console -- Cliffy prints help so
  console.log(text);
}

/** Ends the program, where the command's `noExit` does not say otherwise. */
export function exit(command: CommandDefinition): void {
  if (![...lineage(command)].some((it) => it.noExit)) Deno.exit();
}
