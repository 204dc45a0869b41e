/**
 * A command's help, laid out and coloured as Cliffy's.
 *
 * @module
 */
import {
  bold,
  brightBlue,
  brightMagenta,
  dim,
  getColorEnabled,
  red,
  setColorEnabled,
  yellow,
} from "@std/fmt/colors";
import {
  type ArgumentDefinition,
  type CommandDefinition,
  descriptionOf,
  type HelpOptions,
  lineage,
  type OptionDefinition,
  optionsOf,
  pathOf,
  shownCommands,
} from "./definitions.ts";
import { table } from "./table.ts";
import type { Types } from "./values.ts";

/** The help of a command. In lists, a description is its first line unless `long` is asked for. */
export function helpText(command: CommandDefinition, options: HelpOptions = {}): string {
  const chosen = [...lineage(command)].find(({ help }) => help)?.help;
  const wanted = { colors: true, long: false, ...chosen, ...options };
  const before = getColorEnabled();
  setColorEnabled(wanted.colors);
  try {
    return header(command) + description(command) + argumentList(command, wanted) +
      optionLists(command, wanted) + commandList(command) + examples(command);
  } finally {
    setColorEnabled(before);
  }
}

function header(command: CommandDefinition): string {
  const required = optionsOf(command).filter((it) => it.required && !it.hidden);
  const usage = [
    pathOf(command),
    ...command.arguments.map(signature),
    ...required.map(({ name, value }) => value ? `--${name} ${signature(value)}` : `--${name}`),
  ].join(" ");
  const version = [...lineage(command)].find((it) => it.version)?.version;
  const rows = [[bold("Usage:"), brightMagenta(usage)]];
  if (version) rows.push([bold("Version:"), yellow(version)]);
  return `\n${table(rows, { padding: [1], widths: [Infinity, Infinity] })}`;
}

function description(command: CommandDefinition): string {
  const text = descriptionOf(command);
  if (text === "") return "";
  return label("Description") + table([[dedent(text)]], { indent: 2, padding: [], widths: [140] });
}

function argumentList(command: CommandDefinition, wanted: Wanted): string {
  const rows = command.arguments.filter((it) => it.description).map((it) => [
    signature(it),
    dash(),
    describe(it.description, wanted),
    hints(it.optional ? [] : [yellow("required")], it, command.types, wanted),
  ]);
  if (rows.length === 0) return "";
  return label("Arguments") +
    table(rows, { indent: 2, padding: [2, 1, 2], widths: [60, 1, 80, 60] });
}

/** The options, a list a group. */
function optionLists(command: CommandDefinition, wanted: Wanted): string {
  const shown = optionsOf(command).filter(({ hidden }) => !hidden);
  const groups = Map.groupBy(shown, ({ group }) => group ?? "Options");
  return [...groups].map(([name, options]) => label(name) + optionList(command, options, wanted))
    .join("");
}

function optionList(
  command: CommandDefinition,
  options: readonly OptionDefinition[],
  wanted: Wanted,
): string {
  const hasValues = options.some(({ value }) => value);
  const rows = options.map((it) => [
    it.flags.map(brightBlue).join(", "),
    ...hasValues ? [it.value ? signature(it.value) : ""] : [],
    dash(),
    describe(it.description, wanted),
    hints(optionHints(it, wanted), it.value, command.types, wanted),
  ]);
  return hasValues
    ? table(rows, { indent: 2, padding: [2, 2, 1, 2], widths: [60, 60, 1, 80, 60] })
    : table(rows, { indent: 2, padding: [2, 1, 2], widths: [60, 1, 80, 60] });
}

function commandList(command: CommandDefinition): string {
  const commands = shownCommands(command);
  if (commands.length === 0) return "";
  const haveArguments = commands.some((it) => it.arguments.length > 0);
  const rows = commands.map((it) => [
    brightBlue(it.name),
    ...haveArguments ? [it.arguments.map(signature).join(" ")] : [],
    dash(),
    firstLine(descriptionOf(it)),
  ]);
  return label("Commands") +
    (haveArguments
      ? table(rows, { indent: 2, padding: [2, 2, 1], widths: [60, 60, 1, 80] })
      : table(rows, { indent: 2, padding: [2, 1], widths: [60, 1, 80] }));
}

function examples({ examples }: CommandDefinition): string {
  if (examples.length === 0) return "";
  const rows = examples.map(({ name, text }) => [dim(bold(name)), dedent(text)]);
  return label("Examples") + table(rows, { indent: 2, padding: [1], widths: [150, 150] });
}

function signature({ name, optional, variadic }: ArgumentDefinition): string {
  const [open, close] = optional ? ["[", "]"] : ["<", ">"];
  return yellow(open) + brightMagenta(variadic ? `${name}...` : name) + yellow(close);
}

type Wanted = Required<HelpOptions>;

function optionHints(option: OptionDefinition, wanted: Wanted): string[] {
  return [
    ...option.required ? [yellow("required")] : [],
    ...option.default === undefined ? [] : [bold("Default: ") + inspect(option.default, wanted)],
  ];
}

function hints(
  others: readonly string[],
  value: ArgumentDefinition | undefined,
  types: Types,
  wanted: Wanted,
): string {
  const values = value && types.get(value.type)?.values().map((it) => inspect(it, wanted));
  const all = values ? [...others, bold("Values: ") + values.join(", ")] : others;
  return all.length > 0 ? `(${all.join(", ")})` : "";
}

function inspect(value: unknown, { colors }: Wanted): string {
  return Deno.inspect(value, { colors });
}

function dash(): string {
  return red(bold("-"));
}

function label(name: string): string {
  return `\n${bold(`${name}:`)}\n\n`;
}

function describe(text: string, { long }: Wanted): string {
  return long ? dedent(text) : firstLine(text);
}

function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0] ?? "";
}

/** The text without the blank lines around it and without its first line's indentation. */
function dedent(text: string): string {
  const lines = text.replace(/^\s*\n/, "").trimEnd().split("\n");
  const indent = /^ */.exec(lines[0] ?? "")?.[0].length ?? 0;
  return lines.map((it) => it.slice(indent)).join("\n");
}
