/**
 * What a command tells of itself, as Cliffy's `Command` does: what help and the manual are made of.
 *
 * @module
 */

/** An argument, or an option's value. */
export interface Argument {
  name: string;
  type: string;
  description: string;
  optional: boolean;
  variadic: boolean;
}

/** An option, as a command tells of it. */
export interface Option {
  name: string;
  /** All flags, the long one last. */
  flags: string[];
  description: string;
  /** Its value, where it is no switch. */
  args: Argument[];
  groupName: string | undefined;
  /** Sub-commands have it too. */
  global?: boolean | undefined;
  required?: boolean | undefined;
  default?: unknown;
}

/** What a command tells of itself. */
export interface Described {
  getName(): string;
  /** The words that it is called by. */
  getPath(): string;
  /** The main command's. */
  getVersion(): string | undefined;
  getDescription(): string;
  getArguments(): Argument[];
  /** Those that help shows, with those of the parents. */
  getOptions(): Option[];
  getExamples(): { name: string; description: string }[];
  /** Those that help shows. */
  getCommands(): Described[];
  /** A type that is not built in. */
  getType(name: string): { handler: unknown } | undefined;
}

/** Writes the help of a command. */
export type HelpHandler = (command: Described) => string;
