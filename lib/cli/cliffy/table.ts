/**
 * Rows of cells below each other, laid out as Cliffy's `Table`: the last column is padded, too.
 *
 * @module
 */
import { stripAnsiCode } from "@std/fmt/colors";

/** How a table is laid out; the arrays have a number a column. */
export interface TableLayout {
  readonly indent?: number;
  /** Blanks behind each column but the last. */
  readonly padding: readonly number[];
  /** The most columns of a terminal that each takes; it is wrapped there. */
  readonly widths: readonly number[];
}

/** The table as text. */
export function table(
  rows: readonly (readonly string[])[],
  { indent = 0, padding, widths }: TableLayout,
): string {
  // As wide as the longest first line would be, and wrapped at that.
  const sizes = widths.map((most, column) => {
    const lines = rows.flatMap((row) => (row[column] ?? "").split("\n"));
    return Math.min(most, Math.max(...lines.map((line) => length(wrap(line, most)[0] ?? ""))));
  });
  return rows.flatMap((row) => {
    const cells = row.map((cell, column) => wrap(cell, sizes[column] ?? 0));
    const height = Math.max(...cells.map(({ length }) => length));
    return Array.from({ length: height }, (_, line) => {
      const padded = cells.map((lines, column) =>
        pad(lines[line] ?? "", sizes[column] ?? 0) + " ".repeat(padding[column] ?? 0)
      );
      return `${" ".repeat(indent)}${padded.join("")}\n`;
    });
  }).join("");
}

/** The lines of a text; a word that is longer than the column is not broken. */
function wrap(text: string, width: number): string[] {
  return text.split("\n").flatMap((line) => {
    const [first = "", ...words] = line.split(" ");
    const lines = [first];
    for (const word of words) {
      const last = lines.at(-1) ?? "";
      if (last !== "" && length(last) + length(word) >= width) lines.push(word);
      else lines[lines.length - 1] = `${last} ${word}`;
    }
    return lines;
  });
}

function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - length(text)));
}

function length(text: string): number {
  return stripAnsiCode(text).length;
}
