const LONGEST = 300;

/**
 * What a program said, as part of a message: one line of at most 300 characters, without control,
 * format or direction characters.
 *
 * @example
 * ```ts
 * import { oneLine } from "./one_line.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(oneLine("ssh: connect to host b\r\n\u001b[31mport 22\n"), "ssh: connect to host b [31mport 22");
 * ```
 */
export function oneLine(text: string): string {
  const line = text.slice(0, 16 * LONGEST).replace(/[\p{C}\p{Z}]+/gu, " ").trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 3).toWellFormed()}...` : line;
}
