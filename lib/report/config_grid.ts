import { bold, cyan, dim, red, yellow } from "@std/fmt/colors";
import {
  type ByteKind,
  differs,
  type GridSides,
  pictureConfig,
  type PicturedByte,
} from "./config_picture.ts";

/**
 * Draws the config space as a hex grid: the source's bytes, below them the destination's where they
 * differ, and at the right the capabilities that start in the row. A byte's mark tells what QEMU
 * does with it: `:` compared, `~` exempt (body of a Vendor Specific Capability), none: free, `!`
 * compared and different, `?` different but not compared. Rows that look like the one above are
 * left out. Lines end in `\n`.
 *
 * @example
 * ```ts
 * import { drawConfigGrid } from "premigrate/report";
 * import { parseQemuVersion, realize } from "premigrate/policy";
 * import { assert, assertStringIncludes } from "@std/assert";
 *
 * const facts = {
 *   qemu: parseQemuVersion("9.1"),
 *   skipVscCheck: true,
 *   bus: "root",
 *   properties: {},
 * } as const;
 * const destination = realize({ kind: "realize", bytes: new Uint8Array(256) }, facts);
 * assert(destination.ok);
 * const source = destination.shadow.with(0x08, 0xa1);
 * assertStringIncludes(drawConfigGrid({ source, destination }), "a1!");
 * ```
 */
export function drawConfigGrid(sides: GridSides): string {
  const lines = LEGEND.map(dim);
  for (const { offset, bytes, labels, repeats } of pictureConfig(sides)) {
    if (!repeats) {
      const cells = bytes.map(({ kind, source }) => drawCell(kind, source)).join(" ");
      lines.push(
        `  ${offset.toString(16).padStart(3, "0")} ${cells}  ${labels.join(", ")}`.trimEnd(),
      );
      if (bytes.some(differs)) lines.push(`      ${drawDifferences(bytes)}`);
    } else if (lines.at(-1) !== REPEATED) {
      lines.push(REPEATED);
    }
  }
  return lines.join("\n") + "\n";
}

const LEGEND = [
  "config space: the source's bytes, and below them the destination's where they differ",
  "xx: compared  xx~ exempt  xx free  xx! compared and different  xx? different  ... as above",
];
const REPEATED = "  ...";

const KINDS: Readonly<Record<ByteKind, (hex: string) => string>> = {
  compared: (hex) => `${hex}:`,
  exempt: (hex) => cyan(`${hex}~`),
  free: (hex) => dim(`${hex} `),
  failing: (hex) => bold(red(`${hex}!`)),
  differing: (hex) => yellow(`${hex}?`),
};

function drawDifferences(bytes: readonly PicturedByte[]): string {
  return bytes.map((byte) => differs(byte) ? drawCell(byte.kind, byte.destination) : "   ")
    .join(" ").trimEnd();
}

function drawCell(kind: ByteKind, byte: number | undefined): string {
  return byte === undefined ? "-- " : KINDS[kind](byte.toString(16).padStart(2, "0"));
}
