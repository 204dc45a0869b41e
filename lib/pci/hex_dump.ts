import { decodeHex } from "@std/encoding/hex";
import { type DumpedFunction, dumpError } from "./dump.ts";
import { isConfigSpaceSize } from "./sizes.ts";

const SEPARATORS = /\b0x|[\s:]/gi;

/**
 * Reads one function's bytes from hexadecimal digits. White space, colons and the prefix `0x` may
 * stand anywhere between bytes.
 *
 * @throws {PremigrateError} There is anything else, or the bytes are not 64, 256 or 4096.
 */
export function readHex(text: string): DumpedFunction {
  const lines = text.split("\n").map((line) => line.replaceAll(SEPARATORS, ""));
  const other = lines.findIndex((line) => /[^0-9a-f]/i.test(line));
  if (other >= 0) {
    throw dumpError(
      JSON.stringify(lines[other]),
      "the rows of lspci -xxx, or hexadecimal digits",
      other + 1,
    );
  }
  const digits = lines.join("");
  if (digits.length % 2 !== 0 || !isConfigSpaceSize(digits.length / 2)) {
    throw dumpError(
      `${digits.length} hexadecimal digits`,
      "two for each of 64, 256 or 4096 bytes",
    );
  }
  return { bytes: decodeHex(digits) };
}
