import { type ConfigSpace, fieldAt, get32, spaceOf } from "../../policy/mod.ts";
import {
  type ByteKind,
  differs,
  type GridSides,
  pictureConfig,
  type PicturedByte,
  type PicturedRow,
} from "../config_picture.ts";
import type { ConfigShadows } from "../config_shadows.ts";
import { fieldTexts } from "../field_texts.ts";
import { type Markup, markup } from "./markup.ts";
import { hex } from "../hex.ts";

/** The marks are those of the text report's grid. */
const KINDS: Readonly<Record<ByteKind, { readonly mark: string; readonly text: string }>> = {
  compared: { mark: ":", text: "compared" },
  exempt: { mark: "~", text: "exempt: the body of a Vendor Specific Capability" },
  free: { mark: "\u00a0", text: "not compared" },
  failing: { mark: "!", text: "compared and different" },
  differing: { mark: "?", text: "different, not compared" },
};

const ASSUMED: Readonly<Record<ConfigShadows["assumed"][number], string>> = {
  "bus": "The device's bus in the guest is not known: drawn as below a PCI Express port.",
  "skip-vsc-check":
    "Whether QEMU compares the body of the Vendor Specific Capability is not known: drawn as exempt.",
};

/** A device's config space as a picture, and its bytes that differ as a table. */
export function configMap(name: string, shadows: ConfigShadows): Markup {
  const fields = new FieldNames(shadows);
  const rows = pictureConfig(shadows);
  const bytes = rows.flatMap((row) => row.bytes.filter(differs));
  return markup`
<h4>Config space</h4>
<p>What QEMU holds of the device: the source's bytes, and below them the destination's where they
differ. <span class="screen">Point at a byte, or walk with the arrow keys, to see its field.</span></p>
${shadows.assumed.map((fact) => markup`<p>${ASSUMED[fact]}</p>`)}
<ul class="legend">${
    Object.entries(KINDS).map(([kind, { mark, text }]) =>
      markup`<li><span class="byte ${kind}" aria-hidden="true">00${mark}</span> ${text}</li>`
    )
  }<li><span class="byte outlined" aria-hidden="true">00</span> a capability</li></ul>
<div class="scroll"><table class="config">
<caption>Config space of ${name}, 16 bytes a row</caption>
<thead><tr><th scope="col"><span class="unseen">offset</span></th>${
    Array.from({ length: 16 }, (_, index) => markup`<th scope="col">${index.toString(16)}</th>`)
  }<th scope="col">capabilities that start here</th></tr></thead>
<tbody>${shownRows(rows, fields).map((row) => drawRow(row, fields))}</tbody>
</table></div>
${bytes.length === 0 ? markup`<p>No byte differs.</p>` : differencesTable(name, bytes, fields)}`;
}

/** Rows to draw, and the offsets of the first and last of those that look like the one above. */
type ShownRow = PicturedRow | { readonly first: number; readonly last: number };

function shownRows(rows: readonly PicturedRow[], fields: FieldNames): ShownRow[] {
  const shown: ShownRow[] = [];
  const edges = rows.map(({ bytes }) => bytes.map(({ offset }) => fields.edges(offset)).join());
  for (const [index, row] of rows.entries()) {
    const above = shown.at(-1);
    // A row in which a capability ends is needed for its outline.
    if (!row.repeats || edges[index] !== edges[index - 1]) shown.push(row);
    else if (above !== undefined && "first" in above) {
      shown.splice(-1, 1, { ...above, last: row.offset });
    } else shown.push({ first: row.offset, last: row.offset });
  }
  return shown;
}

function drawRow(row: ShownRow, fields: FieldNames): Markup {
  if ("first" in row) {
    const { first, last } = row;
    const range = first === last ? hex(first, 3) : `${hex(first, 3)} to ${hex(last, 3)}`;
    return markup`<tr><td class="same" colspan="18">${range}: as above</td></tr>\n`;
  }
  return markup`<tr><th scope="row">${hex(row.offset, 3)}</th>${
    row.bytes.map((byte) => drawByte(byte, fields))
  }<td class="labels">${row.labels.join(", ")}</td></tr>\n`;
}

function drawByte(byte: PicturedByte, fields: FieldNames): Markup {
  const { offset, kind, source, destination } = byte;
  const { mark, text } = KINDS[kind];
  const below = differs(byte) ? markup`<br/>${hex(destination, 2)}${mark}` : undefined;
  const shown = source === undefined ? "--" : hex(source, 2);
  // One byte is in the tab order: the script moves that with the arrow keys.
  return markup`<td class="byte ${kind}${fields.edges(offset)}" tabindex="${
    offset === 0 ? 0 : -1
  }"><span aria-hidden="true">${shown}${
    source === undefined ? "" : mark
  }${below}</span><span class="field">0x${hex(offset, 2)} ${
    fields.describe(offset)
  }; ${text}</span></td>`;
}

function differencesTable(
  name: string,
  bytes: readonly PicturedByte[],
  fields: FieldNames,
): Markup {
  return markup`<details open=""><summary>Bytes that differ: ${bytes.length}</summary>
<div class="scroll"><table><caption class="unseen">Bytes of ${name} that differ</caption>
<thead><tr><th scope="col">offset</th><th scope="col">field</th><th scope="col">source</th><th scope="col">destination</th><th scope="col">QEMU</th></tr></thead>
<tbody>${
    bytes.map(({ offset, kind, source, destination }) =>
      markup`<tr class="${kind}"><th scope="row">0x${hex(offset, 2)}</th><td>${
        fields.name(offset)
      }</td><td>${source === undefined ? "none" : hex(source, 2)}</td><td>${
        hex(destination, 2)
      }</td><td>${KINDS[kind].text}</td></tr>\n`
    )
  }</tbody></table></div></details>`;
}

/** Names the bytes of both shadows. */
class FieldNames {
  readonly #source: Uint8Array;
  readonly #destination: Uint8Array;
  readonly #sourceSpace: ConfigSpace;
  readonly #space: ConfigSpace;

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
