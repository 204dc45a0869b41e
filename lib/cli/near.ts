/**
 * Whether a word may have been meant for another: nearly as long, with the same first letter.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([isNear("chek", "check"), isNear("report", "predict")], [true, false]);
 * ```
 */
export function isNear(word: string, other: string): boolean {
  const letters = (text: string): string => text.replace(/^-+/, "");
  const [one, two] = [letters(word), letters(other)];
  return one[0] === two[0] && Math.abs(one.length - two.length) <= 2;
}

/** An error of the command line, without the suggestion of a word that is far from what was written. */
export function withoutFarSuggestion(message: string): string {
  const [, word = ""] = /^\w+ (?:command|option) "([^"]*)"/.exec(message) ?? [];
  return message.replace(
    / Did you mean (?:command|option) "([^"]*)"\?$/,
    (suggestion, other: string) => isNear(word, other) ? suggestion : "",
  );
}
