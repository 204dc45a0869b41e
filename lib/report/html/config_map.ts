import {
  BYTE_KINDS,
  differs,
  pictureConfig,
  type PicturedByte,
  type PicturedRow,
} from "../config_picture.ts";
import type { ConfigShadows } from "../config_shadows.ts";
import { asciiOf, differencesOf, type DifferingBytes } from "../differences.ts";
import { FieldNames } from "../field_names.ts";
import { hex } from "../hex.ts";
import { ASSUMED } from "../labels.ts";
import { type Markup, markup } from "./markup.ts";
import { type Hosts, sideHeads } from "./side_heads.ts";

/** What the marks mean; once in a page. */
export const LEGEND = markup`
<section class="legend" id="legend"><h3>How to read a config space</h3>
<p>It is what QEMU holds of the device: the source's bytes, and below them the destination's where
they differ; at the right the same as characters. <span class="screen">Point at a byte, or walk with
the arrow keys, to see its field.</span></p>
<ul>${
  Object.entries(BYTE_KINDS).map(([kind, { mark, text }]) =>
    markup`<li><span class="byte ${kind}" aria-hidden="true">00${
      shownMark(mark)
    }</span> ${text}</li>`
  )
}<li><span class="byte outlined" aria-hidden="true">00</span> a capability</li></ul></section>`;

/** A device's config space as a picture, and its bytes that differ as a table. */
export function configMap(name: string, shadows: ConfigShadows, hosts: Hosts): Markup {
  const fields = new FieldNames(shadows);
  const rows = pictureConfig(shadows);
  return markup`
<h4>Config space</h4>
<p><a href="#legend">How to read it</a></p>
${shadows.assumed.map((fact) => markup`<p>${ASSUMED[fact]}</p>`)}
${differencesTable(name, shadows, hosts)}
<div class="scroll"><table class="config">
<caption>Config space of ${name}, 16 bytes a row</caption>
<thead><tr><th scope="col"><span class="unseen">offset</span></th>${
    Array.from({ length: 16 }, (_, index) => markup`<th scope="col">${index.toString(16)}</th>`)
  }<th scope="col" class="characters">characters</th><th scope="col">capabilities that start here</th></tr></thead>
<tbody>${shownRows(rows, fields).map((row) => drawRow(row, fields))}</tbody>
</table></div>`;
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
    return markup`<tr><td class="same" colspan="19">${range}: as above</td></tr>\n`;
  }
  return markup`<tr><th scope="row">${hex(row.offset, 3)}</th>${
    row.bytes.map((byte) => drawByte(byte, fields))
  }<td class="characters" aria-hidden="true">${charactersOf(row)}</td><td class="labels">${
    row.labels.join(", ")
  }</td></tr>\n`;
}

/** A screen reader is told the bytes. */
function charactersOf({ bytes }: PicturedRow): Markup {
  const text = (side: "source" | "destination"): string =>
    bytes.map((byte) => byte[side]).map((byte) => byte === undefined ? "-" : asciiOf(byte)).join(
      "",
    );
  return markup`${text("source")}${
    bytes.some(differs) ? markup`<br/>${text("destination")}` : undefined
  }`;
}

/** It takes its place even where it is a space. */
function shownMark(mark: string): string {
  return mark.replace(" ", "\u00a0");
}

function drawByte(byte: PicturedByte, fields: FieldNames): Markup {
  const { offset, kind, source, destination } = byte;
  const { text } = BYTE_KINDS[kind];
  const mark = shownMark(BYTE_KINDS[kind].mark);
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

function differencesTable(name: string, shadows: ConfigShadows, hosts: Hosts): Markup {
  const differences = differencesOf(shadows);
  if (differences.length === 0) return markup`<p>No byte differs.</p>`;
  const bytes = ({ hex, text }: DifferingBytes): Markup =>
    markup`${hex}${text === "" ? undefined : markup` <span class="characters">${text}</span>`}`;
  return markup`<div class="scroll"><table class="differences">
<caption>Bytes of ${name} that differ</caption>
<thead><tr><th scope="col">offset</th><th scope="col">field</th>${
    sideHeads(hosts)
  }<th scope="col">QEMU</th></tr></thead>
<tbody>${
    differences.map(({ place, field, kind, source, destination }) =>
      markup`<tr class="${kind}"><th scope="row">${place}</th><td>${field}</td><td>${
        bytes(source)
      }</td><td>${bytes(destination)}</td><td>${BYTE_KINDS[kind].text}</td></tr>\n`
    )
  }</tbody></table></div>`;
}
