/**
 * Reads a boolean as QEMU's `qapi_bool_parse` does; `undefined` for anything else.
 *
 * @example
 * ```ts
 * import { parseQapiBool } from "premigrate/qemu";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([parseQapiBool("on"), parseQapiBool("n"), parseQapiBool("1")], [true, false, undefined]);
 * ```
 */
export function parseQapiBool(text: string): boolean | undefined {
  if (["on", "yes", "true", "y"].includes(text)) return true;
  if (["off", "no", "false", "n"].includes(text)) return false;
  return undefined;
}
