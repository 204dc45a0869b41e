/**
 * `--help`: what a command is for, then examples, then its commands and options by groups, as wide as
 * the terminal.
 *
 * @module
 */
import { bold, cyan, dim, yellow } from "@std/fmt/colors";
import { wrap } from "../report/printable.ts";

/** An argument, or an option's value. */
interface DescribedArgument {
  readonly name: string;
  readonly description?: string | undefined;
  readonly type: string;
  readonly optional?: boolean | undefined;
  readonly variadic?: boolean | undefined;
}

/** An option. */
interface DescribedOption {
  readonly name: string;
  readonly flags: readonly string[];
  readonly description: string;
  readonly args: readonly DescribedArgument[];
  readonly groupName?: string | undefined;
  readonly global?: boolean | undefined;
  readonly required?: boolean | undefined;
  readonly default?: unknown;
}

/** What Cliffy's commands tell of themselves. */
export interface DescribedCommand {
  getName(): string;
  getPath(): string;
  getVersion(): string | undefined;
  getDescription(): string;
  getArguments(): readonly DescribedArgument[];
  getOptions(): readonly DescribedOption[];
  getCommands(): readonly DescribedCommand[];
  getExamples(): readonly { readonly name: string; readonly description: string }[];
  getType(name: string): { readonly handler: unknown } | undefined;
}

/** The names of commands, by what they are for. */
export type CommandGroups = Readonly<Record<string, readonly string[]>>;

const OPTIONS = "Options";
const COMMANDS = "Commands";
/** Where descriptions begin, beside what they describe. */
const COLUMN = 26;

/** The help of a command, whose sub-commands are shown in `groups`. */
export function helpText(command: DescribedCommand, groups: CommandGroups): string {
  const options = command.getOptions();
  const commands = command.getCommands();
  const usage = [
    command.getPath(),
    ...commands.length > 0 ? ["COMMAND"] : command.getArguments().map(signature),
    ...options.filter(({ required }) => required).map(optionText),
    "[options]",
  ].join(" ");
  const inGroups = Map.groupBy(options, ({ groupName }) => groupName ?? OPTIONS);
  // What every command has comes last.
  const named = [...inGroups].filter(([name]) => name !== OPTIONS);
  return [
    "",
    ...wrap(`Usage: ${usage}`, 0, 7),
    ...command.getVersion() === undefined ? [] : [`Version: ${command.getVersion()}`],
    "",
    ...command.getDescription().trim().split("\n").flatMap((line) => wrap(line.trim(), 0)),
    ...exampleLines(command),
    ...commandGroups(commands, groups).flatMap(([name, members]) => [
      "",
      bold(`${name}:`),
      ...members.flatMap((member) => {
        const [line = ""] = member.getDescription().trim().split("\n");
        return row([member.getName(), ...member.getArguments().map(signature)].join(" "), line);
      }),
    ]),
    ...argumentLines(command),
    ...[...named, [OPTIONS, inGroups.get(OPTIONS) ?? []] as const].flatMap(([name, members]) => [
      "",
      bold(`${name}:`),
      ...[false, true].flatMap((isGlobal) =>
        members.filter(({ global = false }) => global === isGlobal)
          .flatMap((option) => row(optionText(option), describe(option, command)))
      ),
    ]),
    ...commands.length === 0
      ? []
      : ["", dim(`${command.getPath()} COMMAND --help shows a command's own options.`)],
  ].join("\n");
}

function exampleLines(command: DescribedCommand): string[] {
  const examples = command.getExamples();
  if (examples.length === 0) return [];
  return [
    "",
    bold("Examples:"),
    ...examples.flatMap(({ name, description }) => [
      ...wrap(`# ${name}`, 2, 4).map(dim),
      ...continued(description),
    ]),
  ];
}

/** A command line in several, as the shell reads them. */
function continued(words: string): string[] {
  // What is quoted, and an option with its value, stays in one line; a backslash needs room.
  const kept = words.replace(
    /'[^']*'|"[^"]*"|--[a-z-]+ (?=[^-\s])/g,
    (text) => text.replaceAll(" ", "\u00a0"),
  );
  const whole = wrap(kept, 2, 6);
  const lines = whole.length === 1 ? whole : wrap(kept, 2, 6, 2);
  return lines.map((line, index) =>
    line.replaceAll("\u00a0", " ") + (index === lines.length - 1 ? "" : " \\")
  );
}

function commandGroups(
  commands: readonly DescribedCommand[],
  groups: CommandGroups,
): (readonly [name: string, members: readonly DescribedCommand[]])[] {
  const grouped = Object.entries(groups).map(([name, names]) =>
    [name, names.flatMap((name) => commands.filter((it) => it.getName() === name))] as const
  );
  const known = new Set(Object.values(groups).flat());
  const others = commands.filter((command) => !known.has(command.getName()));
  return [...grouped, [COMMANDS, others] as const].filter(([, members]) => members.length > 0);
}

function argumentLines(command: DescribedCommand): string[] {
  const described = command.getArguments().filter(({ description }) => description);
  if (described.length === 0) return [];
  return [
    "",
    bold("Arguments:"),
    ...described.flatMap((argument) =>
      row(signature(argument), (argument.description ?? "") + valuesText(argument, command))
    ),
  ];
}

function describe(option: DescribedOption, command: DescribedCommand): string {
  const [value] = option.args;
  return option.description + (option.required ? " (required)" : "") +
    (option.default === undefined ? "" : ` (default: ${option.default})`) +
    (value === undefined ? "" : valuesText(value, command));
}

/** The values that there are, where the type has a list of them. */
function valuesText({ type }: DescribedArgument, command: DescribedCommand): string {
  const handler = command.getType(type)?.handler;
  if (typeof handler !== "object" || handler === null || !("values" in handler)) return "";
  if (typeof handler.values !== "function") return "";
  const values: unknown = handler.values();
  return Array.isArray(values) && values.length > 0 ? ` One of: ${values.join(", ")}.` : "";
}

function optionText({ flags, args }: DescribedOption): string {
  return [flags.join(", "), ...args.map(signature)].join(" ");
}

function signature({ name, optional, variadic }: DescribedArgument): string {
  const text = variadic ? `${name}...` : name;
  return optional ? `[${text}]` : `<${text}>`;
}

/** What is described, and its description beside or below it. */
function row(what: string, description: string): string[] {
  const head = what.replace(/^[^ ]*/, (word) => cyan(word)).replace(/<[^>]*>|\[[^\]]*\]/g, yellow);
  const lines = wrap(description, COLUMN);
  const [first = "", ...others] = lines;
  return what.length + 4 > COLUMN
    ? [`  ${head}`, ...lines]
    : [`  ${head}${" ".repeat(COLUMN - 2 - what.length)}${first.trimStart()}`, ...others];
}
