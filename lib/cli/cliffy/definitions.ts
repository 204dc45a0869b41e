/**
 * A command as data: what was defined, read from the definition strings.
 *
 * @module
 */
import type { Described, HelpHandler } from "./described.ts";
import type { EnumType } from "./values.ts";

/** One argument (`<source:string>`, `[rest...:string]`), or the value of an option. */
export interface ArgumentDefinition {
  name: string;
  type: string;
  optional: boolean;
  variadic: boolean;
  description: string;
  /** Which of the command's completions the shell offers. */
  action?: string | undefined;
}

/** One option: `-q, --qemu <version:string>`. */
export interface OptionDefinition {
  /** All flags, the long one last. */
  flags: string[];
  /** The long flag without its dashes. */
  name: string;
  description: string;
  /** An option without a value is a switch. */
  value?: ArgumentDefinition | undefined;
  required?: boolean | undefined;
  collect?: boolean | undefined;
  default?: unknown;
  /** The list that help has it in. */
  group?: string | undefined;
  /** Help does not show it. */
  hidden?: boolean | undefined;
  /** Sub-commands have it too. */
  global?: boolean;
  /** It stands alone, and takes the place of the command's action. */
  standalone?: boolean;
}

/** One command. */
export interface CommandDefinition {
  name: string;
  parent?: CommandDefinition;
  version?: string;
  description: string | (() => string);
  arguments: ArgumentDefinition[];
  options: OptionDefinition[];
  types: Map<string, EnumType<string | number>>;
  examples: { name: string; text: string }[];
  commands: CommandDefinition[];
  /** Takes the options and arguments that the definitions above say. */
  action?: (...optionsAndArguments: never) => unknown;
  /** The command itself. */
  self: Described;
  /** Writes its help, and that of its sub-commands. */
  help?: HelpHandler;
  /** What the shell may offer for arguments, by the name that these give it. */
  completions: Map<string, () => string[]>;
  hidden?: boolean;
  /** The list that help has the options in which are added next. */
  group?: string | undefined;
  /** It has no option of its parents but `--help`. */
  noGlobals?: boolean;
  throwErrors?: boolean;
  noExit?: boolean;
}

/** The option that every command has. */
export const HELP: OptionDefinition = {
  flags: ["-h", "--help"],
  name: "help",
  description: "Show this help.",
  global: true,
  standalone: true,
};

/** The option that a main command with a version has. */
export const VERSION: OptionDefinition = {
  flags: ["-V", "--version"],
  name: "version",
  description: "Show the version number for this program.",
  standalone: true,
};

const OPTION = /^(?:(-\w), )?(--(?!no-)([a-z][\w-]*))(?: (<[\w-]+(?::[\w-]+)?>))?$/;
const ARGUMENT = /^([<[])(\.{3})?([\w-]+?)(\.{3})?(?::([\w-]+))?(?::([\w-]+))?[>\]]$/;

/** Reads what an option's flags say. */
export function parseFlags(
  definition: string,
): Pick<OptionDefinition, "flags" | "name" | "value"> {
  const [, short, long = "", name = "", value] = OPTION.exec(definition) ?? unsupported(definition);
  return {
    flags: short ? [short, long] : [long],
    name,
    value: value ? parseArgument(value) : undefined,
  };
}

/** Reads one argument's definition. */
export function parseArgument(definition: string, description = ""): ArgumentDefinition {
  const [, bracket, before, name = "", after, type = "string", action] =
    ARGUMENT.exec(definition) ?? unsupported(definition);
  const variadic = Boolean(before ?? after);
  return { name, type, optional: bracket === "[", variadic, description, action };
}

function unsupported(definition: string): never {
  throw new TypeError(`Definition "${definition}" is none the stand-in for Cliffy can read`);
}

/** The command, its parent, and so on up to the main command. */
export function* lineage(command: CommandDefinition): Generator<CommandDefinition> {
  for (let it: CommandDefinition | undefined = command; it; it = it.parent) yield it;
}

/** The words a command is called by: `premigrate compare`. */
export function pathOf(command: CommandDefinition): string {
  return [...lineage(command)].map(({ name }) => name).reverse().join(" ");
}

/** All options of a command, those of its parents first. */
export function optionsOf(command: CommandDefinition): OptionDefinition[] {
  const { parent, version, options, noGlobals } = command;
  if (!parent) return [HELP, ...(version ? [VERSION] : []), ...options];
  const own = new Set(options.map(({ name }) => name));
  const globals = optionsOf(parent).filter((it) =>
    it === HELP || (it.global && !noGlobals && !own.has(it.name))
  );
  return [...globals, ...options];
}

/** The sub-commands that help shows. */
export function shownCommands({ commands }: CommandDefinition): CommandDefinition[] {
  return commands.filter(({ hidden }) => !hidden);
}

/** What a command does. */
export function descriptionOf({ description }: CommandDefinition): string {
  return typeof description === "string" ? description : description();
}
