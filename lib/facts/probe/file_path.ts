/** The most files that the probe tells of. */
export const MOST_FILES = 512;

/** What no shell takes for anything else, here or behind ssh. */
export const FILE_PATH = /^\/(?!.*\.\.)[A-Za-z0-9._/+@:,=-]{0,1022}[A-Za-z0-9._+@:,=-]$/;

/**
 * Whether the probe may be asked for the size of a file: an absolute path of characters that need no
 * quotes.
 *
 * @example
 * ```ts
 * import { isFilePath } from "./file_path.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(isFilePath("/usr/share/vgabios/gp106.rom"), true);
 * assertEquals(isFilePath("vgabios.bin"), false);
 * assertEquals(isFilePath("/etc/../root/x"), false);
 * ```
 */
export function isFilePath(text: string): boolean {
  return FILE_PATH.test(text);
}
