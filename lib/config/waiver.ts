import { readKept } from "../facts/store.ts";

/** A guest passes for a time, whatever is found. */
export interface Waiver {
  /** 8 hexadecimal digits, by which the audit names it. */
  readonly id: string;
  /** When it ends, in seconds since 1970. */
  readonly until: number;
  /** Why, in one line of printable text. */
  readonly reason: string;
}

// A reason is a line, not a page.
const LONGEST = 4096;

/**
 * Reads a waiver's file; `undefined` for what is none, or not whole.
 *
 * @example
 * ```ts
 * import { parseWaiver, writeWaiver } from "./waiver.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const waiver = { id: "0badcafe", until: 1_800_000_000, reason: "the host is dying" };
 * assertEquals(parseWaiver(writeWaiver(waiver)), waiver);
 * ```
 */
export function parseWaiver(text: string): Waiver | undefined {
  if (text.length > LONGEST) return undefined;
  const [, id = "", until, reason = ""] =
    /^premigrate-waiver 1\nid ([0-9a-f]{8})\nuntil (0|[1-9]\d{0,11})\nreason ([^\p{C}\p{Zl}\p{Zp}]+)\nend\n$/u
      .exec(text) ?? [];
  return until === undefined ? undefined : { id, until: Number(until), reason };
}

/** Reads a guest's waiver; `undefined` where there is none, or none that is whole. */
export function readWaiver(path: string): Waiver | undefined {
  return parseWaiver(readKept(path, 4 * LONGEST) ?? "");
}

/** Writes a waiver as {@linkcode parseWaiver} and lib/hook/launcher.sh read it. */
export function writeWaiver({ id, until, reason }: Waiver): string {
  return `premigrate-waiver 1\nid ${id}\nuntil ${until}\nreason ${reason}\nend\n`;
}
