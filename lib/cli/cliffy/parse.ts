/**
 * The words of a command line -> the command they name, its options and its arguments. commander
 * tells options from arguments; what is an error, and how it is worded, is Cliffy's.
 *
 * @module
 */
import { Command as Commander, CommanderError } from "commander";
import {
  type CommandDefinition,
  type OptionDefinition,
  optionsOf,
  pathOf,
  typesOf,
} from "./definitions.ts";
import { unknown, ValidationError } from "./errors.ts";
import { parseValue, type Types } from "./values.ts";

/** The values the command line gives each option. */
export type Given = Map<OptionDefinition, unknown[]>;

/** What the words after a command say. */
export interface Parsed {
  options: Record<string, unknown>;
  args: unknown[];
  /** `--help` or `--version`: it takes the place of the action. */
  standalone: OptionDefinition | undefined;
}

/** The sub-command the words name, if any, and the other words. Global options may precede it. */
export function takeSubCommand(
  command: CommandDefinition,
  words: string[],
  given: Given,
): [CommandDefinition | undefined, string[]] {
  const globals = optionsOf(command).filter((it) => it.global);
  const rest = takeOptions(words, globals, typesOf(command), given, { leading: true });
  const child = command.commands.find((it) => it.name === rest[0]);
  return child ? [child, rest.slice(1)] : [undefined, rest];
}

/**
 * Reads the words after a command: options and arguments in any order.
 *
 * @throws {ValidationError} They are not what the command takes.
 */
export function parseWords(command: CommandDefinition, words: string[], given: Given): Parsed {
  const options = optionsOf(command);
  const types = typesOf(command);
  const rest = takeOptions(words, options, types, given, { leading: false });
  const stray = rest.find((it) => it.length > 1 && it.startsWith("-"));
  if (stray !== undefined) throw unknownOption(stray, options);

  const used = [...given.keys()];
  const standalone = used.findLast((it) => it.standalone);
  if (standalone && used.length > 1) {
    throw new ValidationError(
      `Option "--${standalone.name}" cannot be combined with other options.`,
    );
  }
  return {
    options: standalone ? {} : optionValues(options, given),
    args: rest.length === 0 && standalone ? [] : argumentValues(rest, command, types),
    standalone,
  };
}

/** Moves the options among the words to `given`: all, or those before any other word. */
function takeOptions(
  words: string[],
  options: OptionDefinition[],
  types: Types,
  given: Given,
  { leading }: { leading: boolean },
): string[] {
  const reader = new Commander()
    .helpOption(false)
    .passThroughOptions(leading)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  for (const option of options) {
    reader.option(option.flags.join(", ") + (option.value ? " <value>" : ""));
    reader.on(`option:${option.name}`, (word = "") => {
      // Of "-q=9.1" commander takes "=9.1" for the value.
      const attached = words.includes(option.flags[0] + word);
      const value = optionValue(option, attached ? word.replace(/^=/, "") : word, types);
      const before = given.get(option) ?? [];
      if (before.length > 0 && !option.collect) {
        throw new ValidationError(
          `Option "--${option.name}" can only occur once, but was found several times.`,
        );
      }
      given.set(option, [...before, value]);
    });
  }
  try {
    const { operands, unknown } = reader.parseOptions(words);
    return [...operands, ...unknown];
  } catch (error) {
    // The only one there is: "option '-q, --qemu <value>' argument missing".
    if (error instanceof CommanderError) throw missingValue(/--([\w-]+)/.exec(error.message)?.[1]);
    throw error;
  }
}

function optionValue(option: OptionDefinition, word: string, types: Types): unknown {
  const { name, value: definition } = option;
  if (!definition) return true;
  if (word === "") throw missingValue(name);
  const { type } = definition;
  return parseValue({ label: "Option", name: `--${name}`, type, value: word }, types);
}

/** The options by their camel-case names, with the defaults of those not given. */
function optionValues(options: OptionDefinition[], given: Given): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const option of options) {
    const key = option.name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const value = given.get(option);
    if (value) values[key] = option.collect ? value : value[0];
    else if (option.default !== undefined) values[key] = option.default;
    else if (option.required) {
      throw new ValidationError(`Missing required option "--${option.name}".`);
    }
  }
  return values;
}

function argumentValues(words: string[], command: CommandDefinition, types: Types): unknown[] {
  const { arguments: expected, commands } = command;
  const [first] = words;
  if (first === undefined) {
    const missing = expected.filter((it) => !it.optional).map(({ name }) => name);
    if (missing.length > 0) throw new ValidationError(`Missing argument(s): ${missing.join(", ")}`);
    return [];
  }
  if (expected.length === 0 && commands.length === 0) {
    throw new ValidationError(`No arguments allowed for command "${pathOf(command)}".`);
  }
  const names = commands.map(({ name }) => name);
  if (expected.length === 0 && !names.includes(first)) {
    throw new ValidationError(unknown("command", first, names));
  }

  const rest = [...words];
  const values = expected.flatMap(({ name, type, optional, variadic }) => {
    const taken = rest.splice(0, variadic ? rest.length : 1);
    if (taken.length === 0 && !optional) throw new ValidationError(`Missing argument: ${name}`);
    return taken.map((value) => parseValue({ label: "Argument", name, type, value }, types));
  });
  if (rest.length > 0) throw new ValidationError(`Too many arguments: ${rest.join(" ")}`);
  return values;
}

function missingValue(name = ""): ValidationError {
  return new ValidationError(`Missing value for option "--${name}".`);
}

function unknownOption(word: string, options: OptionDefinition[]): ValidationError {
  const [flag = word] = word.split("=", 1);
  const option = options.find(({ flags }) => flags.includes(flag));
  return new ValidationError(
    option
      ? `Option "--${option.name}" doesn't take a value, but got "${word.slice(flag.length + 1)}".`
      : unknown("option", flag, options.flatMap(({ flags }) => flags.toReversed())),
  );
}
