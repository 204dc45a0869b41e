import { closestString } from "@std/text/closest-string";

/** Options of a {@link ValidationError}. */
export interface ValidationErrorOptions extends ErrorOptions {
  /** The status the program exits with: 2 unless told. */
  exitCode?: number;
}

/** The command line is wrong: an unknown option, a missing argument, a value of the wrong type. */
export class ValidationError extends Error {
  /** The status the program exits with. */
  readonly exitCode: number;

  constructor(message: string, { exitCode = 2, ...options }: ValidationErrorOptions = {}) {
    super(message, options);
    this.name = "ValidationError";
    this.exitCode = exitCode;
  }
}

/** `Unknown option "--quemu". Did you mean option "--qemu"?`, the second half if there are any. */
export function unknown(
  kind: "option" | "command" | "type",
  word: string,
  known: string[],
): string {
  const message = `Unknown ${kind} "${word}".`;
  return known.length > 0
    ? `${message} Did you mean ${kind} "${closestString(word, known)}"?`
    : message;
}
