import { bold, cyan, dim, red, yellow } from "@std/fmt/colors";
import { checkMask, decodeConfigSpace, type RealizedDevice } from "../policy/mod.ts";

/** The two shadows of a device that the picture shows. */
export interface GridSides {
  /** The source's shadow, 256 or 4096 bytes. */
  readonly source: Uint8Array;
  /** What the destination's QEMU holds. */
  readonly destination: RealizedDevice;
}

const ROW = 16;

/**
 * Draws the config space as a hex grid: the source's bytes, below them the destination's where they
 * differ, and at the right the capabilities that start in the row. A byte's mark tells what QEMU
 * does with it: `:` compared, `~` exempt (body of a Vendor Specific Capability), none: free, `!`
 * compared and different, `?` different but not compared. Rows that look like the one above are
 * left out. Lines end in `\n`.
 *
 * @example
 * ```ts
 * import { drawConfigGrid, parseQemuVersion, realize } from "premigrate";
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
export function drawConfigGrid({ source, destination }: GridSides): string {
  const grid = new Grid(source, destination);
  const lines = LEGEND.map(dim);
  let above = "";
  for (let row = 0; row < destination.shadow.length; row += ROW) {
    const { cells, below, labels } = grid.drawRow(row);
    if (cells !== above || below !== "" || labels !== "") {
      lines.push(`  ${row.toString(16).padStart(3, "0")} ${cells}  ${labels}`.trimEnd());
      if (below !== "") lines.push(`      ${below}`);
    } else if (lines.at(-1) !== REPEATED) {
      lines.push(REPEATED);
    }
    above = cells;
  }
  return lines.join("\n") + "\n";
}

const LEGEND = [
  "config space: the source's bytes, and below them the destination's where they differ",
  "xx: compared  xx~ exempt  xx free  xx! compared and different  xx? different  ... as above",
];
const REPEATED = "  ...";

type Kind = "compared" | "exempt" | "free" | "failing" | "differing";

const KINDS: Readonly<Record<Kind, (hex: string) => string>> = {
  compared: (hex) => `${hex}:`,
  exempt: (hex) => cyan(`${hex}~`),
  free: (hex) => dim(`${hex} `),
  failing: (hex) => bold(red(`${hex}!`)),
  differing: (hex) => yellow(`${hex}?`),
};

/** A row's parts; `below` and `labels` are empty where there is nothing to show. */
interface Row {
  readonly cells: string;
  readonly below: string;
  readonly labels: string;
}

class Grid {
  readonly #source: Uint8Array;
  readonly #destination: RealizedDevice;
  readonly #capabilities: readonly (readonly [offset: number, label: string])[];

  constructor(source: Uint8Array, destination: RealizedDevice) {
    this.#source = source;
    this.#destination = destination;
    const own = labelCapabilities(destination.shadow);
    const there = new Set(own.map(([, label]) => label));
    const others = labelCapabilities(source).filter(([, label]) => !there.has(label));
    this.#capabilities = [
      ...own,
      ...others.map(([offset, label]) => [offset, `${label} (source only)`] as const),
    ];
  }

  drawRow(row: number): Row {
    const offsets = Array.from({ length: ROW }, (_, index) => row + index);
    const kinds = offsets.map((offset) => this.#kindOf(offset));
    const differs = kinds.map((kind) => kind === "failing" || kind === "differing");
    const { shadow } = this.#destination;
    return {
      cells: drawCells(kinds, this.#source.subarray(row, row + ROW)),
      below: differs.includes(true)
        ? drawCells(kinds, shadow.subarray(row, row + ROW), differs).trimEnd()
        : "",
      labels: this.#capabilities.filter(([offset]) => offset >= row && offset < row + ROW)
        .map(([, label]) => label).join(", "),
    };
  }

  #kindOf(offset: number): Kind {
    const mask = checkMask(this.#destination, offset);
    const difference = (this.#source[offset] ?? 0) ^ (this.#destination.shadow[offset] ?? 0);
    if (difference !== 0) return (difference & mask) !== 0 ? "failing" : "differing";
    if (mask !== 0) return "compared";
    const { exempt } = this.#destination;
    return exempt.some(([start, end]) => offset >= start && offset < end) ? "exempt" : "free";
  }
}

function labelCapabilities(shadow: Uint8Array): [offset: number, label: string][] {
  const { capabilities, extended } = decodeConfigSpace(shadow);
  const labels: [number, string][] = [];
  for (const { offset, name } of [...capabilities, ...extended]) {
    labels.push([offset, `${offset.toString(16)} ${name}`]);
  }
  return labels;
}

function drawCells(kinds: readonly Kind[], bytes: Uint8Array, shown?: readonly boolean[]): string {
  return kinds.map((kind, index) => {
    if (shown?.[index] === false) return "   ";
    const byte = bytes[index];
    return byte === undefined ? "-- " : KINDS[kind](byte.toString(16).padStart(2, "0"));
  }).join(" ");
}
