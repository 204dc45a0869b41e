import { type DumpedFunction, dumpError } from "./dump.ts";
import { readHex } from "./hex_dump.ts";
import { isLspci, readLspci } from "./lspci.ts";
import { readRaw } from "./raw.ts";

/**
 * The longest dump that is read, in bytes: some thousand functions as `lspci -xxxx` prints them.
 */
export const MAX_DUMP_BYTES = 16 * 1024 * 1024;

/**
 * Reads config spaces from a file's bytes, whichever of these it is:
 *
 * - the text of `lspci -x`, `-xxx` or `-xxxx`, with any number of functions;
 * - the bytes of one function, as `config` in sysfs has them;
 * - hexadecimal digits of one function, with or without white space, colons and `0x`.
 *
 * A function whose rows end early has `known` set: no verdict may rest on its other bytes.
 *
 * @throws {PremigrateError} It is none of them, or a row is missing, repeated or of the wrong length, or
 * it is longer than {@linkcode MAX_DUMP_BYTES}.
 *
 * @example
 * ```ts
 * import { readDump } from "premigrate/pci";
 * import { assertEquals } from "@std/assert";
 *
 * const text = `2e:00.0 VGA compatible controller: NVIDIA Corporation Device 1eb8
 * 00: de 10 b8 1e 02 05 ff 06 a1 00 00 03 00 00 00 00
 * 10: 00 00 00 fc 0c 00 00 d0 00 00 00 00 04 00 00 fa
 * 20: 00 00 00 00 00 00 00 00 00 00 00 00 de 10 0f 13
 * 30: 00 00 00 00 d0 00 00 00 00 00 00 00 0a 01 00 00
 * `;
 *
 * const [vgpu] = readDump(new TextEncoder().encode(text));
 *
 * assertEquals(vgpu?.slot, "0000:2e:00.0");
 * assertEquals(vgpu?.bytes.length, 64);
 * ```
 */
export function readDump(data: Uint8Array): DumpedFunction[] {
  if (data.length > MAX_DUMP_BYTES) {
    throw dumpError(`${data.length} bytes`, `at most ${MAX_DUMP_BYTES}`);
  }
  const text = decodeText(data);
  if (text === undefined) return [readRaw(data)];
  return isLspci(text) ? readLspci(text) : [readHex(text)];
}

/** `undefined` when the bytes are not UTF-8, or have control characters that no text has. */
function decodeText(data: Uint8Array): string | undefined {
  if (data.some(isBinary)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch {
    return undefined;
  }
}

function isBinary(byte: number): boolean {
  return (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) || byte === 0x7f;
}
