/**
 * The options among the words of a command line, told apart and checked as Cliffy's `parseFlags`
 * does it.
 *
 * @module
 */
import type { OptionDefinition } from "./definitions.ts";
import { didYouMean, ValidationError } from "./errors.ts";
import { parseValue, type Types } from "./values.ts";

/** A command line, as far as it is read. */
export interface CommandLine {
  /** What is not read yet, or is no option. */
  words: string[];
  /** The values that each option was given. */
  readonly given: Map<OptionDefinition, unknown[]>;
  /** `--help` or `--version`, the last one: it takes the place of the action. */
  standalone?: OptionDefinition;
  /** The words after `--`. */
  readonly literal: string[];
}

/**
 * Takes the options out of the words: all, or, where `leading`, those before any other word.
 *
 * @throws {ValidationError} They are not what the options take.
 */
export function takeOptions(
  line: CommandLine,
  options: OptionDefinition[],
  types: Types,
  { leading }: { leading: boolean },
): void {
  const words = line.words;
  const used: OptionDefinition[] = [];
  line.words = [];
  let isOver = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word === "--") {
      line.literal.push(...words.slice(at + 1));
      break;
    }
    if (isOver || word.length < 2 || !word.startsWith("-")) {
      isOver ||= leading;
      line.words.push(word);
      continue;
    }
    if (/^--(.?$|-)/.test(word)) throw noOption("Invalid", word, options);
    if (/^-[^-][^.]/.test(word)) words.splice(at, 1, ...splitShortFlags(word));
    const [, flag = "", equals] = /^([^=]*)(?:=([^]*))?$/.exec(words[at] ?? "") ?? [];
    const option = options.find(({ flags }) => flags.includes(flag));
    if (option === undefined) {
      if (!leading) throw noOption("Unknown", flag, options);
      isOver = true;
      line.words.push(words[at] ?? "");
      continue;
    }
    if (option.standalone) line.standalone = option;
    const before = line.given.get(option) ?? [];
    if (before.length > 0 && !option.collect) {
      throw new ValidationError(
        `Option "${flag}" can only occur once, but was found several times.`,
      );
    }
    // An empty value is none: the next word is.
    const attached = equals || undefined;
    const value = optionValue(option, attached, words[at + 1], types);
    if (option.value && attached === undefined) at++;
    line.given.set(option, [...before, value]);
    used.push(option);
  }
  checkTogether(line, used, options);
}

function optionValue(
  { name, value }: OptionDefinition,
  attached: string | undefined,
  next: string | undefined,
  types: Types,
): unknown {
  if (value === undefined) {
    if (attached === undefined) return true;
    throw new ValidationError(`Option "--${name}" doesn't take a value, but got "${attached}".`);
  }
  const word = attached ?? next;
  if (!word) throw new ValidationError(`Missing value for option "--${name}".`);
  return parseValue({ label: "Option", name: `--${name}`, type: value.type, value: word }, types);
}

function checkTogether(
  { standalone, given }: CommandLine,
  used: readonly OptionDefinition[],
  options: readonly OptionDefinition[],
): void {
  if (standalone !== undefined) {
    if (used.every((option) => option === standalone)) return;
    throw new ValidationError(
      `Option "--${standalone.name}" cannot be combined with other options.`,
    );
  }
  const missing = options.find((option) =>
    option.required && !given.has(option) && option.default === undefined
  );
  if (missing !== undefined) {
    throw new ValidationError(`Missing required option "--${missing.name}".`);
  }
}

/** `-abc` is `-a -b -c`, `-q9.1` is `-q 9.1`, `-q=x` is one flag with its value. */
function splitShortFlags(word: string): string[] {
  const [, letters = "", value = ""] = /^-([^=]*)([^]*)$/.exec(word) ?? [];
  const [first = "", ...others] = letters;
  const rest = Number.isNaN(Number(word.at(-1)))
    ? others.map((letter) => `-${letter}`)
    : others.length > 0
    ? [others.join("")]
    : [];
  const flags = [`-${first}`, ...rest];
  return [...flags.slice(0, -1), flags.at(-1) + value];
}

function noOption(
  kind: string,
  flag: string,
  options: readonly OptionDefinition[],
): ValidationError {
  const flags = options.flatMap(({ flags }) => flags.toReversed());
  return new ValidationError(`${kind} option "${flag}".${didYouMean("option", flag, flags)}`);
}
