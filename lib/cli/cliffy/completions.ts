/**
 * `@cliffy/command/completions`: scripts for the shells. They hold all words, so that a key starts no
 * program.
 *
 * @module
 */
import { dim, italic } from "@std/fmt/colors";
import { Command, definition } from "./command.ts";
import {
  type ArgumentDefinition,
  type CommandDefinition,
  descriptionOf,
  lineage,
  optionsOf,
  pathOf,
  shownCommands,
} from "./definitions.ts";
import { helpText } from "./help.ts";
import { print } from "./run.ts";

/** `completions [shell]`. */
export class CompletionsCommand extends Command {
  constructor() {
    super();
    this.description(() => {
      const path = `${mainOf(this[definition]).name} completions`;
      return `Generate shell completions.

To enable shell completions for this program add the following line to your ${
        dim(italic("~/.bashrc"))
      } or similar:

    ${dim(italic(`source <(${path} [shell])`))}

    For more information run ${dim(italic(`${path} [shell] --help`))}
`;
    })
      .noGlobals()
      .action(() => print(helpText(this[definition])))
      .command("bash", new ShellCommand("bash", "~/.bashrc", (line) => `source <(${line})`, bash))
      .command(
        "fish",
        new ShellCommand(
          "fish",
          "~/.config/fish/config.fish",
          (line) => `source (${line} | psub)`,
          fish,
        ),
      )
      .command("zsh", new ShellCommand("zsh", "~/.zshrc", (line) => `source <(${line})`, zsh));
  }
}

class ShellCommand extends Command<void, { name?: string }> {
  constructor(
    shell: string,
    file: string,
    enable: (line: string) => string,
    script: (name: string, main: CommandDefinition) => string,
  ) {
    super();
    this.description(() =>
      `Generate shell completions for ${shell}.

To enable ${shell} completions for this program add following line to your ${dim(italic(file))}:

    ${dim(italic(enable(`${mainOf(this[definition]).name} completions ${shell}`)))}`
    )
      .noGlobals()
      .option("-n, --name <command-name>", "The name of the main command.")
      .action(({ name }) =>
        print(script(name ?? mainOf(this[definition]).name, mainOf(this[definition])))
      );
  }
}

function mainOf(command: CommandDefinition): CommandDefinition {
  return [...lineage(command)].at(-1) ?? command;
}

/** What can stand somewhere. */
interface Candidates {
  readonly words: readonly string[];
  readonly files: boolean;
}

/** A command, by the words that lead to it, and what can stand after it and after its options. */
interface Place {
  readonly command: CommandDefinition;
  readonly path: string;
  readonly next: Candidates;
  readonly values: readonly { readonly flags: readonly string[]; readonly value: Candidates }[];
}

function placesOf(name: string, command: CommandDefinition): Place[] {
  const path = [name, ...pathOf(command).split(" ").slice(1)].join(" ");
  const options = optionsOf(command).filter(({ hidden }) => !hidden);
  const children = shownCommands(command);
  const [argument] = command.arguments.map((it) => candidatesOf(command, it));
  const words = [
    ...children.map(({ name }) => name),
    ...options.flatMap(({ flags }) => flags),
    ...argument?.words ?? [],
  ];
  return [
    {
      command,
      path,
      next: { words, files: argument?.files ?? false },
      values: options.flatMap(({ flags, value }) =>
        value === undefined ? [] : [{ flags, value: candidatesOf(command, value) }]
      ),
    },
    ...children.flatMap((child) => placesOf(name, child)),
  ];
}

function candidatesOf(
  command: CommandDefinition,
  { type, action }: ArgumentDefinition,
): Candidates {
  const { parent } = command;
  const offered = command.completions.get(action ?? "")?.();
  const values = offered !== undefined
    ? offered
    : type === "command" && parent !== undefined
    ? shownCommands(parent).map(({ name }) => name)
    : command.types.get(type)?.values() ?? [];
  return { words: values.map(String), files: type === "file" };
}

/** What bash and zsh have in common: the words so far -> `candidates` and `files`. */
function shellFunction(name: string, places: readonly Place[], words: string, end: string): string {
  const set = ({ words, files }: Candidates): string =>
    `candidates='${words.join(" ")}' files='${files ? "yes" : ""}' ;;`;
  const commands = places.slice(1).map(({ path }) => `'${path}'`).join("|");
  const cases = places.flatMap(({ path, next, values }) => [
    ...[...Map.groupBy(values, ({ value }) => set(value))].map(([line, options]) => {
      const flags = options.flatMap(({ flags }) => flags);
      return `${flags.map((flag) => `'${path}:${flag}'`).join("|")}) ${line}`;
    }),
    `'${path}:'*) ${set(next)}`,
  ]);
  return `${functionOf(name)}() {
  local place=${name} last='' word candidates='' files=''
  for word in ${words}; do
    case "$place $word" in
      ${commands}) place="$place $word" ;;
    esac
    last=$word
  done
  case "$place:$last" in
    ${cases.join("\n    ")}
  esac
  ${end}
}`;
}

function functionOf(name: string): string {
  return `_${name.replace(/\W/g, "_")}`;
}

function bash(name: string, main: CommandDefinition): string {
  const words = '"${COMP_WORDS[@]:1:COMP_CWORD-1}"';
  const end = `local cur=\${COMP_WORDS[COMP_CWORD]}
  mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$cur"; [ -z "$files" ] || compgen -f -- "$cur")`;
  return `# bash completion support for ${name}
${shellFunction(name, placesOf(name, main), words, end)}
complete -o filenames -F ${functionOf(name)} ${name}`;
}

function zsh(name: string, main: CommandDefinition): string {
  const own = functionOf(name);
  const end = `compadd -- \${=candidates}
  [ -z "$files" ] || _files`;
  return `#compdef ${name}
# zsh completion support for ${name}
${shellFunction(name, placesOf(name, main), '"${(@)words[2,CURRENT-1]}"', end)}
if [ "\${funcstack[1]}" = "${own}" ]; then ${own} "$@"; else compdef ${own} ${name}; fi`;
}

function fish(name: string, main: CommandDefinition): string {
  const places = placesOf(name, main);
  const isAt = `_${functionOf(name)}_is_at`;
  const lines = places.flatMap(({ command, path }) => {
    const start = `complete -c ${name} -n '${isAt} ${path}'`;
    const valueOf = ({ words, files }: Candidates): string =>
      files ? " -F" : ` -f -a '${words.join(" ")}'`;
    const [argument] = command.arguments.map((it) => candidatesOf(command, it));
    return [
      ...argument === undefined ? [] : [start + valueOf(argument)],
      ...shownCommands(command).map((child) =>
        `${start} -a ${child.name} -d ${quoted(descriptionOf(child))}`
      ),
      ...optionsOf(command).filter(({ hidden }) => !hidden).map((option) => {
        const flags = option.flags.map((flag) =>
          flag.replace(/^--/, "-l ").replace(/^-(?=\w$)/, "-s ")
        );
        const value = option.value && ` -r${valueOf(candidatesOf(command, option.value))}`;
        return `${start} ${flags.join(" ")}${value ?? ""} -d ${quoted(option.description)}`;
      }),
    ];
  });
  return `# fish completion support for ${name}
function ${isAt}
  set -l place ${name}
  for word in (commandline -opc)[2..-1]
    switch "$place $word"
      case ${places.slice(1).map(({ path }) => `'${path}'`).join(" ")}
        set place "$place $word"
    end
  end
  test "$place" = "$argv"
end
complete -c ${name} -f
${lines.join("\n")}`;
}

function quoted(description: string): string {
  const [line = ""] = description.split("\n", 1);
  return `'${line.replace(/[\\']/g, "\\$&")}'`;
}
