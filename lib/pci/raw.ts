import { type DumpedFunction, dumpError } from "./dump.ts";
import { isConfigSpaceSize } from "./sizes.ts";

/**
 * Takes bytes as they are, such as those of `config` in sysfs.
 *
 * @throws {PremigrateError} They are not 64, 256 or 4096.
 */
export function readRaw(data: Uint8Array): DumpedFunction {
  if (!isConfigSpaceSize(data.length)) {
    throw dumpError(`${data.length} bytes that are no text`, "64, 256 or 4096 bytes");
  }
  return { bytes: data.slice() };
}
