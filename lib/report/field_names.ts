import { type ConfigSpace, fieldAt, get32, spaceOf } from "../policy/mod.ts";
import type { GridSides } from "./config_picture.ts";
import { fieldTexts } from "./field_texts.ts";
import { hex } from "./hex.ts";

/** Names the bytes of both shadows. */
export class FieldNames {
  readonly #source: Uint8Array;
  readonly #destination: Uint8Array;
  readonly #sourceSpace: ConfigSpace;
  readonly #space: ConfigSpace;

  /** Of the shadows that are drawn. */
  constructor({ source, destination }: GridSides) {
    this.#source = source;
    this.#destination = destination.shadow;
    this.#sourceSpace = spaceOf(source);
    this.#space = spaceOf(destination.shadow);
  }

  /** The field's name on the destination, and on the source where it has another. */
  name(offset: number): string {
    const { name } = fieldAt(this.#space, offset);
    const other = fieldAt(this.#sourceSpace, offset).name;
    return offset >= this.#source.length || name === other ? name : `${name} (source: ${other})`;
  }

  /** The field's name, and its value on both sides. */
  describe(offset: number): string {
    const own = valueAt(this.#space, this.#destination, offset);
    const other = offset < this.#source.length
      ? valueAt(this.#sourceSpace, this.#source, offset)
      : "none";
    const values = own === other ? own : `source ${other}, destination ${own}`;
    return `${this.name(offset)}: ${values}`;
  }

  /** Classes for the sides of the byte at which its capability ends. */
  edges(offset: number): string {
    const at = (other: number): number | undefined =>
      fieldAt(this.#space, other).capability?.offset;
    const own = at(offset);
    if (own === undefined) return "";
    const isFirst = offset % 16 === 0;
    const isLast = offset % 16 === 15;
    return [
      at(offset - 16) === own ? "" : " top",
      at(offset + 16) === own ? "" : " bottom",
      !isFirst && at(offset - 1) === own ? "" : " left",
      !isLast && at(offset + 1) === own ? "" : " right",
    ].join("");
  }
}

/** The value of the register that a byte is in, with its decoded fields; else that of the byte. */
function valueAt(space: ConfigSpace, bytes: Uint8Array, offset: number): string {
  const { register } = fieldAt(space, offset);
  if (register === undefined || register.bytewise || register.size > 4) {
    return `0x${hex(bytes[offset] ?? 0, 2)}`;
  }
  const { size, fields } = register;
  const own = new Uint8Array(4);
  own.set(bytes.subarray(register.offset, register.offset + size));
  const texts = fields === undefined ? [] : fieldTexts(fields);
  const value = `0x${hex(get32(own, 0), 2 * size)}`;
  return texts.length === 0 ? value : `${value} (${texts.join(", ")})`;
}
