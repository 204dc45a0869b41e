import { bold, cyan, dim, red, yellow } from "@std/fmt/colors";
import {
  BYTE_KINDS,
  type ByteKind,
  differs,
  type GridSides,
  pictureConfig,
  type PicturedByte,
} from "./config_picture.ts";
import { hex } from "./hex.ts";

/**
 * Draws the config space as a hex grid: the source's bytes, below them the destination's where they
 * differ, and at the right the capabilities that start in the row. A byte's mark tells what QEMU
 * does with it: `:` compared, `~` exempt (body of a Vendor Specific Capability), none: not compared,
 * `!` compared and different, `+` different but not compared, `?` not known whether it is compared.
 * Rows that look like the one above are left out. Lines end in `\n`.
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
  "xx: compared  xx~ exempt  xx not compared  xx! compared and different  xx+ different, not compared",
  "xx? not known whether it is compared  ... as above",
];
const REPEATED = "  ...";

const PAINTS: Readonly<Record<ByteKind, (text: string) => string>> = {
  compared: (text) => text,
  exempt: cyan,
  free: dim,
  unknown: yellow,
  failing: (text) => bold(red(text)),
  differing: yellow,
  doubtful: (text) => bold(yellow(text)),
};

function drawDifferences(bytes: readonly PicturedByte[]): string {
  return bytes.map((byte) => differs(byte) ? drawCell(byte.kind, byte.destination) : "   ")
    .join(" ").trimEnd();
}

function drawCell(kind: ByteKind, byte: number | undefined): string {
  return byte === undefined ? "-- " : PAINTS[kind](hex(byte, 2) + BYTE_KINDS[kind].mark);
}
