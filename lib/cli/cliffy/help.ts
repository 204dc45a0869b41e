/**
 * A command's help, laid out as Cliffy's, without colours.
 *
 * @module
 */
import { Help } from "commander";
import {
  type ArgumentDefinition,
  type CommandDefinition,
  lineage,
  type OptionDefinition,
  optionsOf,
  pathOf,
  typesOf,
} from "./definitions.ts";
import type { Types } from "./values.ts";

/** The most columns that help takes. */
const WIDTH = 150;

/** The most columns that a description in a list takes. */
const TEXT_WIDTH = 80;

/** The help of a command. In lists, a description is its first line unless `long` is asked for. */
export function helpText(command: CommandDefinition, { long }: { long: boolean }): string {
  const options = optionsOf(command);
  const types = typesOf(command);
  const { description } = command;
  const describe = long ? dedent : firstLine;

  return [
    "",
    ...columns(header(command, options), " ", WIDTH),
    ...section("Description", description ? wrap(dedent(description), WIDTH) : []),
    ...section(
      "Arguments",
      list(
        command.arguments.filter((it) => it.description).map((it) => [
          signature(it),
          describe(it.description) + hints(it, it.optional ? [] : ["required"], types),
        ]),
      ),
    ),
    ...section(
      "Options",
      list(options.map((it) => [
        it.flags.join(", "),
        it.value ? signature(it.value) : "",
        describe(it.description) + hints(it.value, optionHints(it), types),
      ])),
    ),
    ...section(
      "Commands",
      list(command.commands.map((it) => [
        it.name,
        it.arguments.map(signature).join(" "),
        firstLine(it.description),
      ])),
    ),
    ...section(
      "Examples",
      columns(command.examples.map((it) => [it.name, dedent(it.text)]), " ", WIDTH),
    ),
    "",
  ].join("\n");
}

function header(command: CommandDefinition, options: OptionDefinition[]): string[][] {
  const required = options.filter((it) => it.required);
  const usage = [
    pathOf(command),
    ...command.arguments.map(signature),
    ...required.map(({ name, value }) => value ? `--${name} ${signature(value)}` : `--${name}`),
  ].join(" ");
  const version = [...lineage(command)].find((it) => it.version)?.version;
  return version ? [["Usage:", usage], ["Version:", version]] : [["Usage:", usage]];
}

function signature({ name, optional, variadic }: ArgumentDefinition): string {
  const text = variadic ? `${name}...` : name;
  return optional ? `[${text}]` : `<${text}>`;
}

function optionHints(option: OptionDefinition): string[] {
  return [
    ...(option.required ? ["required"] : []),
    ...(option.default === undefined ? [] : [`Default: ${Deno.inspect(option.default)}`]),
  ];
}

function hints(value: ArgumentDefinition | undefined, others: string[], types: Types): string {
  const values = value && types.get(value.type)?.values().map((it) => Deno.inspect(it));
  const all = values ? [...others, `Values: ${values.join(", ")}`] : others;
  return all.length > 0 ? `  (${all.join(", ")})` : "";
}

function section(title: string, lines: string[]): string[] {
  if (lines.length === 0) return [];
  return ["", `${title}:`, "", ...lines.map((it) => `  ${it}`.trimEnd())];
}

function list(rows: string[][]): string[] {
  return columns(rows, "  - ", TEXT_WIDTH);
}

/** The rows as lines, their cells below each other; the last cell, a text, is wrapped. */
function columns(rows: string[][], beforeText: string, textWidth: number): string[] {
  const cells = rows.map((row) => row.slice(0, -1));
  const widths = cells[0]?.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0))) ??
    [];
  return rows.flatMap((row) => {
    // A column that is empty in all rows is left out.
    const padded = widths.map((width, i) => row[i]?.padEnd(width)).filter(Boolean);
    const head = padded.join("  ") + beforeText;
    const indent = " ".repeat(head.length);
    return wrap(row.at(-1) ?? "", textWidth, head.length)
      .map((line, i) => (i === 0 ? head : indent) + line);
  });
}

/** The lines of a text that starts `column` columns into a section. */
function wrap(text: string, width: number, column = 0): string[] {
  const terminal = Deno.stdout.isTerminal() ? Deno.consoleSize().columns : WIDTH;
  return new Help().boxWrap(text, Math.min(width, terminal - 2 - column)).split("\n");
}

function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0]?.trim() ?? "";
}

/** The text without the blank lines around it and without its first line's indentation. */
function dedent(text: string): string {
  const lines = text.replace(/^\s*\n/, "").trimEnd().split("\n");
  const indent = /^ */.exec(lines[0] ?? "")?.[0].length ?? 0;
  return lines.map((it) => it.replace(new RegExp(`^ {0,${indent}}`), "")).join("\n");
}
