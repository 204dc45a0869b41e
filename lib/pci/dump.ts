import { PremigrateError } from "../error/mod.ts";

/** The config space of one function, as a dump has it. */
export interface DumpedFunction {
  /** Its address, as `0000:2e:00.0`; absent when the dump does not name it. */
  readonly slot?: string;
  /** The rest of the line that names it. */
  readonly description?: string;
  /** 64, 256 or 4096 bytes. */
  readonly bytes: Uint8Array;
  /** How many of the bytes the dump has, where its rows end early; the others are 0 for want of better. */
  readonly known?: number;
}

/** A dump that cannot be read; long texts in `found` are cut. */
export function dumpError(found: string, wanted: string, line?: number): PremigrateError {
  const place = line === undefined ? "" : ` at line ${line}`;
  const shown = found.length > LONGEST_QUOTE ? `${found.slice(0, LONGEST_QUOTE)}...` : found;
  return new PremigrateError(
    "dump",
    `Reading config space dump${place}`,
    `found ${shown}, wanted ${wanted}`,
  );
}

const LONGEST_QUOTE = 80;
