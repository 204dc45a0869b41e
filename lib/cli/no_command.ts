import { ValidationError } from "@cliffy/command";

/** The action of a command that does something by its sub-commands alone. */
export function noCommand(): never {
  throw new ValidationError("No command was given: see --help");
}
