/**
 * How every room fails where it throws.
 *
 * @module
 */

/**
 * What could not be done for a reason outside of premigrate: a damaged input, a host that does not
 * answer, a choice that cannot be. Its message is for the operator.
 *
 * @example
 * ```ts
 * import { parseFacts, PremigrateError } from "premigrate";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const error = assertThrows(() => parseFacts("nonsense"), PremigrateError);
 * assertEquals([error.code, error.doing], ["facts", "Cannot read the facts"]);
 * ```
 */
export class PremigrateError extends Error {
  /** The class, also where it is bundled under another name. */
  override readonly name = "PremigrateError";
  /** What kind of failure it is, for programs. */
  readonly code: string;
  /** What was being done. */
  readonly doing: string;
  /** What was found, and what was wanted instead. */
  readonly problem: string;

  /** What a program said of it, in any number of lines; else empty. */
  readonly details: string;

  /** The message is `doing: problem`. */
  constructor(code: string, doing: string, problem: string, details = "") {
    super(`${doing}: ${problem}`);
    this.code = code;
    this.doing = doing;
    this.problem = problem;
    this.details = details;
  }
}
