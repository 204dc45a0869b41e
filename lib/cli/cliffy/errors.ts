import { closestString } from "@std/text/closest-string";

/** The command line is wrong: an unknown option, a missing argument, a value of the wrong type. */
export class ValidationError extends Error {
  /** The status the program exits with: 2 unless told. */
  readonly exitCode: number;

  constructor(message: string, { exitCode = 2 }: { exitCode?: number } = {}) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** ` Did you mean option "--qemu"?`, if there are any. */
export function didYouMean(kind: string, word: string, known: readonly string[]): string {
  return known.length === 0 ? "" : ` Did you mean ${kind} "${closestString(word, known)}"?`;
}
