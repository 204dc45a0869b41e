import { normalizeBdf } from "./bdf.ts";
import { hex } from "./bits.ts";
import { type DumpedFunction, dumpError } from "./dump.ts";
import { CONFIG_SPACE_SIZES } from "./sizes.ts";

/** A function that is being read. */
interface OpenFunction {
  readonly slot?: string;
  readonly description?: string;
  readonly bytes: number[];
}

const SLOT = /^([0-9a-f]{2,8}:[0-9a-f:]{2,5}\.[0-7])(?:\s+(.*))?$/i;
const ROW = /^([0-9a-f]{2,8}):\s+([0-9a-f]{2}(?:\s.*)?)$/i;
const BYTE = /^[0-9a-f]{2}$/i;
const ROW_BYTES = 16;
const MOST_BYTES = 4096;

/** Says whether a text has a line of the form that `lspci -x` prints. */
export function isLspci(text: string): boolean {
  return linesOf(text).some((line) => ROW.test(line) || slotOf(line) !== undefined);
}

/**
 * Reads what `lspci -x`, `-xxx` or `-xxxx` prints, alone or with `-v` and the like: for each
 * function a line with its address, and rows of 16 bytes without a gap. Comments (`#`) and other
 * lines are passed over, functions without rows are left out.
 *
 * Rows that end early, as in a mail that was cut, give a function with `known` set.
 *
 * @throws {PremigrateError} A row is missing, repeated or not of 16 bytes, the rows of a function end
 * within the header, or there are none at all.
 */
export function readLspci(text: string): DumpedFunction[] {
  const functions: DumpedFunction[] = [];
  let open: OpenFunction = { bytes: [] };
  const close = (line: number): void => {
    const length = open.bytes.length;
    if (length === 0) return;
    const size = CONFIG_SPACE_SIZES.find((size) => size >= length);
    if (length < 64 || size === undefined) {
      throw dumpError(
        `the end of ${open.slot ?? "a function"} after ${length} bytes`,
        "64, 256 or 4096 bytes",
        line,
      );
    }
    const bytes = new Uint8Array(size);
    bytes.set(open.bytes);
    functions.push({ ...open, bytes, ...length < size ? { known: length } : {} });
    open = { bytes: [] };
  };
  const lines = linesOf(text);
  lines.forEach((line, index) => {
    const slot = slotOf(line);
    if (slot) {
      close(index + 1);
      open = { ...slot, bytes: [] };
    } else if (line.trim() === "") {
      close(index + 1);
    } else {
      const row = ROW.exec(line);
      if (row) open.bytes.push(...rowBytes(row, open.bytes.length, index + 1));
    }
  });
  close(lines.length);
  if (functions.length === 0) throw dumpError("no rows of bytes", "the rows of lspci -xxx");
  return functions;
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/);
}

function slotOf(line: string): { slot: string; description?: string } | undefined {
  const [, bdf = "", description] = SLOT.exec(line) ?? [];
  const slot = normalizeBdf(bdf);
  return slot === undefined ? undefined : { slot, ...(description && { description }) };
}

function rowBytes(row: RegExpExecArray, expected: number, line: number): number[] {
  const [, offset = "", rest = ""] = row;
  const found = `row ${offset}`;
  if (expected >= MOST_BYTES) {
    throw dumpError(found, `at most ${MOST_BYTES} bytes for a function`, line);
  }
  if (parseInt(offset, 16) !== expected) {
    throw dumpError(found, `row ${hex(expected, 2).slice(2)}`, line);
  }
  const bytes = rest.trim().split(/\s+/, ROW_BYTES + 1);
  const other = bytes.find((byte) => !BYTE.test(byte));
  if (other !== undefined) {
    throw dumpError(`${JSON.stringify(other)} in ${found}`, "two hexadecimal digits", line);
  }
  if (bytes.length !== ROW_BYTES) {
    const number = bytes.length > ROW_BYTES ? `more than ${ROW_BYTES}` : `${bytes.length}`;
    throw dumpError(`${number} bytes in ${found}`, `${ROW_BYTES} bytes`, line);
  }
  return bytes.map((byte) => parseInt(byte, 16));
}
