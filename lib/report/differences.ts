import { type ByteKind, differs, pictureConfig, type PicturedByte } from "./config_picture.ts";
import type { ConfigShadows } from "./config_shadows.ts";
import { FieldNames } from "./field_names.ts";
import { hex } from "./hex.ts";

/** Bytes of one field that differ, one after another. */
export interface Difference {
  /** Where they are, as `0xd8 to 0xe1`. */
  readonly place: string;
  /** What they are. */
  readonly field: string;
  /** What QEMU does with them. */
  readonly kind: ByteKind;
  /** What each side has. */
  readonly source: DifferingBytes;
  /** What each side has. */
  readonly destination: DifferingBytes;
}

/** Bytes of one side. */
export interface DifferingBytes {
  /** In hexadecimal; `none` past the end of what it has. */
  readonly hex: string;
  /** As characters, where one of them is a letter or digit. */
  readonly text: string;
}

/** The number of a byte in the name of its field. */
const NUMBER = /\bbyte (\+?)0x([\da-f]+)/;

/** The bytes in which both shadows differ, those of one field together. */
export function differencesOf(shadows: ConfigShadows): Difference[] {
  const names = new FieldNames(shadows);
  const runs: PicturedByte[][] = [];
  const same = (one: PicturedByte, other: PicturedByte): boolean =>
    one.offset + 1 === other.offset && one.kind === other.kind &&
    [one, other].map(({ offset }) => names.name(offset).replace(NUMBER, "byte"))
      .every((name, _index, all) => name === all[0]);
  for (const byte of pictureConfig(shadows).flatMap(({ bytes }) => bytes).filter(differs)) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run !== undefined && last !== undefined && same(last, byte)) run.push(byte);
    else runs.push([byte]);
  }
  return runs.flatMap((run) => {
    const [first] = run;
    if (first === undefined) return [];
    const { offset, kind } = first;
    const last = offset + run.length - 1;
    const name = names.name(offset);
    return [{
      place: last === offset ? `0x${hex(offset, 2)}` : `0x${hex(offset, 2)} to 0x${hex(last, 2)}`,
      field: run.length === 1 ? name : name.replace(
        NUMBER,
        (_, plus: string, from: string) =>
          `bytes ${plus}0x${from} to ${plus}0x${hex(parseInt(from, 16) + run.length - 1, 2)}`,
      ),
      kind,
      source: bytesOf(run.map(({ source }) => source)),
      destination: bytesOf(run.map(({ destination }) => destination)),
    }];
  });
}

function bytesOf(bytes: readonly (number | undefined)[]): DifferingBytes {
  const known = bytes.filter((byte) => byte !== undefined);
  const text = known.map(asciiOf).join("");
  return {
    hex: known.map((byte) => hex(byte, 2)).join(" ") || "none",
    text: /[0-9a-z]/i.test(text) ? text : "",
  };
}

/** A byte as a character; a period where it is no printable one. */
export function asciiOf(byte: number): string {
  return byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".";
}
