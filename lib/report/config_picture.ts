import { checkMask, type RealizedDevice, spaceOf } from "../policy/mod.ts";

/** The two shadows of a device that a picture shows. */
export interface GridSides {
  /** The source's shadow, 256 or 4096 bytes. */
  readonly source: Uint8Array;
  /** What the destination's QEMU holds. */
  readonly destination: RealizedDevice;
  /** What they may be as well, where a fact is not known. */
  readonly others?: readonly GridSides[];
}

/**
 * What QEMU does with a byte, by its name: a mark, and in words. `exempt` is the body of a Vendor
 * Specific Capability that only `skip-vsc-check` keeps from being compared; `unknown` and `doubtful`
 * hang on a fact that is not known; `failing` is compared and different, `differing` is different in
 * bits that are not compared.
 */
export const BYTE_KINDS = {
  compared: { mark: ":", text: "compared" },
  exempt: { mark: "~", text: "exempt: the body of a Vendor Specific Capability" },
  free: { mark: " ", text: "not compared" },
  unknown: { mark: "?", text: "not known whether it is compared" },
  failing: { mark: "!", text: "compared and different" },
  differing: { mark: "+", text: "different, not compared" },
  doubtful: { mark: "?", text: "different, not known whether it is compared" },
} as const;

/** What QEMU does with a byte. */
export type ByteKind = keyof typeof BYTE_KINDS;

/** A byte of the picture. */
export interface PicturedByte {
  /** Where it is in config space. */
  readonly offset: number;
  /** What QEMU does with it. */
  readonly kind: ByteKind;
  /** The source's byte; `undefined` past the end of the source's shadow. */
  readonly source: number | undefined;
  /** The destination's byte. */
  readonly destination: number;
}

/** 16 bytes of the picture. */
export interface PicturedRow {
  /** Where the row starts. */
  readonly offset: number;
  /** Its bytes. */
  readonly bytes: readonly PicturedByte[];
  /** The capabilities that start in it, as `d0 Vendor Specific`. */
  readonly labels: readonly string[];
  /** Whether it shows nothing that the row above does not. */
  readonly repeats: boolean;
}

const ROW = 16;

/**
 * What there is to draw of a config space, row by row.
 *
 * @example
 * ```ts
 * import { parseQemuVersion, realize } from "premigrate/policy";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const facts = {
 *   qemu: parseQemuVersion("9.1"),
 *   skipVscCheck: true,
 *   bus: "root",
 *   properties: {},
 * } as const;
 * const destination = realize({ kind: "realize", bytes: new Uint8Array(256) }, facts);
 * assert(destination.ok);
 * const [row] = pictureConfig({ source: destination.shadow.with(0x08, 0xa1), destination });
 * assertEquals(row?.bytes[0x08]?.kind, "failing");
 * ```
 */
export function pictureConfig(sides: GridSides): PicturedRow[] {
  const { source, destination, others = [] } = sides;
  const labels = labelBoth(source, destination.shadow);
  const rows: PicturedRow[] = [];
  for (let offset = 0; offset < destination.shadow.length; offset += ROW) {
    const bytes = Array.from({ length: ROW }, (_, index) => {
      const at = offset + index;
      return {
        offset: at,
        kind: kindOf([sides, ...others], at),
        source: source[at],
        destination: destination.shadow[at] ?? 0,
      };
    });
    const own = labels.filter(([at]) => at >= offset && at < offset + ROW)
      .map(([, label]) => label);
    const repeats = own.length === 0 && bytes.every((byte, index) => {
      const above = rows.at(-1)?.bytes[index];
      return !differs(byte) && byte.kind === above?.kind && byte.source === above.source;
    });
    rows.push({ offset, bytes, labels: own, repeats });
  }
  return rows;
}

/** Whether a byte is not the same on both sides. */
export function differs({ kind }: PicturedByte): boolean {
  return kind === "failing" || kind === "differing" || kind === "doubtful";
}

function kindOf(possible: readonly GridSides[], offset: number): ByteKind {
  const kinds = new Set(possible.map((sides) => knownKind(sides, offset)));
  const [kind] = kinds;
  if (kind !== undefined && kinds.size === 1) return kind;
  return kinds.has("failing") || kinds.has("differing") ? "doubtful" : "unknown";
}

function knownKind({ source, destination }: GridSides, offset: number): ByteKind {
  const mask = checkMask(destination, offset);
  const difference = (source[offset] ?? 0) ^ (destination.shadow[offset] ?? 0);
  if (difference !== 0) return (difference & mask) !== 0 ? "failing" : "differing";
  if (mask !== 0) return "compared";
  const { exempt } = destination;
  return exempt.some(([start, end]) => offset >= start && offset < end) ? "exempt" : "free";
}

type Label = readonly [offset: number, label: string];

function labelBoth(source: Uint8Array, destination: Uint8Array): readonly Label[] {
  const own = labelCapabilities(destination);
  const there = new Set(own.map(([, label]) => label));
  const others = labelCapabilities(source).filter(([, label]) => !there.has(label));
  return [...own, ...others.map(([offset, label]) => [offset, `${label} (source only)`] as const)];
}

function labelCapabilities(shadow: Uint8Array): Label[] {
  const { capabilities, extended } = spaceOf(shadow);
  return [...capabilities, ...extended].map(({ offset, name }) => [
    offset,
    `${offset.toString(16)} ${name}`,
  ]);
}
