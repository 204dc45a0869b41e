import {
  type ArgumentDefinition,
  type CommandDefinition,
  descriptionOf,
  lineage,
  type OptionDefinition,
  optionsOf,
  parseArgument,
  parseFlags,
  pathOf,
} from "./definitions.ts";
import type { Described, HelpHandler, Option } from "./described.ts";
import { helpText } from "./help.ts";
import { type CommandResult, run } from "./run.ts";
import type { Flags, Flat, Merge, OptionOptions, TypedArguments, TypedOption } from "./types.ts";
import type { EnumType } from "./values.ts";

/** @internal Where a command has what it was told. */
export const definition: unique symbol = Symbol("definition");
declare const inherited: unique symbol;

/** A command that can be a sub-command where these global options are. */
export interface SubCommand<TGlobals> extends Described {
  /** @internal */
  readonly [definition]: CommandDefinition;
  /** @internal For the compiler alone: what the command counts on. */
  readonly [inherited]?: TGlobals;
}

/** A command that counts on nothing can be a sub-command everywhere. */
type Inherited<T> = [T] extends [void] ? never : T;

/** What was added as a sub-command, where it was added: what follows is set on it. */
type Added<TCommand, TGlobals> = TGlobals extends Bag
  ? TCommand extends
    Command<infer _G, infer TOptions, infer TArguments, infer TOwnGlobals, infer TTypes>
    ? Command<TGlobals, TOptions, TArguments, TOwnGlobals, TTypes>
  : never
  : never;

type Bag = Record<string, unknown> | void;

/**
 * A command with options, arguments and an action, or with sub-commands: the part of Cliffy's
 * `Command` that premigrate uses, with the same names, messages and exit codes.
 *
 * The first type parameter is the options that a sub-command has from its parent; the others are
 * inferred. As in Cliffy, what is set after `.command()` is set on that sub-command, and the words
 * after `--` are not arguments.
 *
 * @example
 * ```ts
 * import { Command } from "@cliffy/command";
 * import { assertEquals } from "@std/assert";
 *
 * const called: unknown[] = [];
 * const compare = new Command<{ json?: true }>()
 *   .option("-q, --qemu <version:string>", "The version of QEMU.")
 *   .arguments("<source:string> [destination:string]")
 *   .action(({ json, qemu }, source, destination) => {
 *     called.push(json, qemu, source, destination);
 *   });
 * await new Command()
 *   .name("premigrate")
 *   .throwErrors()
 *   .globalOption("--json", "Write JSON.")
 *   .command("compare", compare)
 *   .parse(["compare", "a.xml", "--json", "--qemu=9.1.0"]);
 *
 * assertEquals(called, [true, "9.1.0", "a.xml", undefined]);
 * ```
 */
export class Command<
  TParentGlobals extends Bag = void,
  TOptions = void,
  TArguments extends unknown[] = [],
  TGlobals = void,
  TTypes = void,
> implements SubCommand<Inherited<TParentGlobals>> {
  // All methods that define something return this command. Those that return `unknown` in their
  // implementation return it as another type: what the definition adds is known to the compiler
  // alone.

  readonly [definition]: CommandDefinition = {
    name: "COMMAND",
    description: "",
    arguments: [],
    options: [],
    types: new Map(),
    completions: new Map(),
    self: this,
    examples: [],
    commands: [],
  };
  declare readonly [inherited]?: Inherited<TParentGlobals>;

  /** What the next call defines: this command, or the sub-command last added. */
  #current: CommandDefinition = this[definition];
  readonly #commands: SubCommand<unknown>[] = [];

  /** Sets the name the main command is shown by; a sub-command's is that of `.command()`. */
  name(name: string): this {
    this.#current.name = name;
    return this;
  }

  /** Sets the version, and gives the main command `-V, --version`. */
  version(version: string): this {
    this.#current.version = version;
    return this;
  }

  /** Sets what writes help: this command's, and its sub-commands'. */
  help(handler: HelpHandler): this {
    this.#current.help = handler;
    return this;
  }

  /** Sets what the shell may offer where an argument names it: `<id:string:page>`. */
  complete(name: string, handler: () => string[]): this {
    this.#current.completions.set(name, handler);
    return this;
  }

  /** Keeps the command out of its parent's help. */
  hidden(): this {
    this.#current.hidden = true;
    return this;
  }

  /** Names the list that help has the options in which are added next. */
  group(name: string): this {
    this.#current.group = name;
    return this;
  }

  /** Takes no options of the parents but `--help`. */
  noGlobals(): this {
    this.#current.noGlobals = true;
    return this;
  }

  /** Sets the description. Its first line is shown in the parent's list of commands. */
  description(description: string | (() => string)): this {
    this.#current.description = description;
    return this;
  }

  /** Sets the arguments: `<source:string> [destination:string] [rest...:string]`. */
  arguments<TDefinition extends string>(
    definition: TDefinition,
    descriptions?: string[],
  ): Command<TParentGlobals, TOptions, TypedArguments<TDefinition, TTypes>, TGlobals, TTypes>;
  arguments(definition: string, descriptions: string[] = []): unknown {
    this.#current.arguments = definition.split(" ")
      .map((it, index) => parseArgument(it, descriptions[index]));
    return this;
  }

  /** Adds an option: `--json`, `-q, --qemu <version:string>`. */
  option<
    TFlags extends Flags,
    TRequired extends boolean | undefined = undefined,
    TCollect extends boolean | undefined = undefined,
    const TDefault = undefined,
  >(
    flags: TFlags,
    description: string,
    options?: OptionOptions<TRequired, TCollect, TDefault>,
  ): Command<
    TParentGlobals,
    Merge<TOptions, TypedOption<TFlags, TTypes, TRequired, TCollect, TDefault>>,
    TArguments,
    TGlobals,
    TTypes
  >;
  option(flags: string, description: string, options = {}): unknown {
    return this.#addOption(flags, description, options);
  }

  /** Adds an option that all sub-commands have too, and that may stand before their names. */
  globalOption<
    TFlags extends Flags,
    TRequired extends boolean | undefined = undefined,
    TCollect extends boolean | undefined = undefined,
    const TDefault = undefined,
  >(
    flags: TFlags,
    description: string,
    options?: OptionOptions<TRequired, TCollect, TDefault>,
  ): Command<
    TParentGlobals,
    TOptions,
    TArguments,
    Merge<TGlobals, TypedOption<TFlags, TTypes, TRequired, TCollect, TDefault>>,
    TTypes
  >;
  globalOption(flags: string, description: string, options = {}): unknown {
    return this.#addOption(flags, description, { ...options, global: true });
  }

  #addOption(flags: string, description: string, options: Partial<OptionDefinition>): this {
    const { group } = this.#current;
    this.#current.options.push({ ...parseFlags(flags), description, group, ...options });
    return this;
  }

  /** Adds a type, to be named in the definitions that follow: `<bus:bus>`. */
  type<TName extends string, TType extends EnumType<string | number>>(
    name: TName,
    type: TType,
  ): Command<TParentGlobals, TOptions, TArguments, TGlobals, Merge<TTypes, Record<TName, TType>>>;
  type(name: string, type: EnumType<string | number>): unknown {
    this.#current.types.set(name, type);
    return this;
  }

  /** Adds an example to the help. */
  example(name: string, text: string): this {
    this.#current.examples.push({ name, text });
    return this;
  }

  /** Sets what the command does. What it throws, {@link Command.parse} throws. */
  action(
    action: (
      options: Flat<Merge<TParentGlobals, Merge<TGlobals, TOptions>>>,
      ...args: TArguments
    ) => unknown,
  ): this;
  action(action: (...words: never) => unknown): this {
    this.#current.action = action;
    return this;
  }

  /** Adds a sub-command. */
  command<TCommand extends SubCommand<Merge<TParentGlobals, TGlobals>>>(
    name: string,
    command: TCommand,
  ): Added<TCommand, Merge<TParentGlobals, TGlobals>>;
  command(name: string, command: SubCommand<unknown>): unknown {
    const child = command[definition];
    child.name = name;
    child.parent = this[definition];
    this[definition].commands.push(child);
    this.#commands.push(command);
    this.#current = child;
    return this;
  }

  /** Throws a {@link ValidationError} instead of printing help and the error, and exiting. */
  throwErrors(): this {
    this.#current.throwErrors = true;
    return this;
  }

  /** As {@link Command.throwErrors}, and `--help` and `--version` do not exit either. */
  noExit(): this {
    this.#current.noExit = true;
    return this.throwErrors();
  }

  /** The name, as the words have it. */
  getName(): string {
    return this[definition].name;
  }

  /** The words that the command is called by. */
  getPath(): string {
    return pathOf(this[definition]);
  }

  /** The version of the main command. */
  getVersion(): string | undefined {
    return [...lineage(this[definition])].find((it) => it.version)?.version;
  }

  /** What the command does. */
  getDescription(): string {
    return descriptionOf(this[definition]);
  }

  /** The arguments, in their order. */
  getArguments(): ArgumentDefinition[] {
    return this[definition].arguments;
  }

  /** The options that help shows, with those of the parents. */
  getOptions(): Option[] {
    return optionsOf(this[definition]).filter(({ hidden }) => !hidden)
      .map(({ value, group, ...option }) => ({
        ...option,
        args: value === undefined ? [] : [value],
        groupName: group,
      }));
  }

  /** The examples. */
  getExamples(): { name: string; description: string }[] {
    return this[definition].examples.map(({ name, text }) => ({ name, description: text }));
  }

  /** The sub-commands that help shows. */
  getCommands(): Described[] {
    return this.#commands.filter((it) => !it[definition].hidden);
  }

  /** A type that {@link Command.type} added. */
  getType(name: string): { handler: unknown } | undefined {
    const handler = this[definition].types.get(name);
    return handler && { handler };
  }

  /** The help. */
  getHelp(): string {
    return helpText(this[definition]);
  }

  /**
   * Runs the command that the words name.
   *
   * @throws {ValidationError} The words are wrong and {@link Command.throwErrors} is set.
   */
  parse(words: string[] = Deno.args): Promise<CommandResult> {
    return run(this[definition], words);
  }
}
