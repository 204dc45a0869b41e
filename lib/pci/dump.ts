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

/** A dump that cannot be read. */
export class DumpError extends Error {
  /** The class, also where it is bundled under another name. */
  override readonly name = "DumpError";
  /** What was found, for people. */
  readonly found: string;
  /** What was wanted instead, for people. */
  readonly wanted: string;
  /** The line it was found in, counted from 1; `undefined` when it concerns no single line. */
  readonly line: number | undefined;

  /** Long texts in `found` are cut. */
  constructor(found: string, wanted: string, line?: number) {
    const place = line === undefined ? "" : ` at line ${line}`;
    const shown = found.length > LONGEST_QUOTE ? `${found.slice(0, LONGEST_QUOTE)}...` : found;
    super(`Reading config space dump${place}: found ${shown}, wanted ${wanted}`);
    this.found = shown;
    this.wanted = wanted;
    this.line = line;
  }
}

const LONGEST_QUOTE = 80;
