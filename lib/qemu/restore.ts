import { get32, set32 } from "../pci/bytes.ts";
import { realize } from "./realize.ts";
import type { RealizedDevice, RealizeFacts, RealizeFailureReason } from "./realize.ts";
import type { RealizeView } from "./view.ts";

/** The numbers of QEMU's "Bad config data" line. */
export interface BadConfig {
  /** `i`: the offset in config space of the first byte that differs under the check mask. */
  readonly offset: number;
  /** The source's byte. */
  readonly read: number;
  /** The destination's own byte. */
  readonly device: number;
  /** The destination's masks at that byte. */
  readonly cmask: number;
  /** As {@linkcode BadConfig.cmask}. */
  readonly wmask: number;
  /** As {@linkcode BadConfig.cmask}. */
  readonly w1cmask: number;
}

/** What the restore of a device's config space comes to. */
export type Prediction =
  | { readonly result: "completed" }
  | { readonly result: "bad-config"; readonly bad: BadConfig }
  /** The two sides send and expect 256 and 4096 bytes: what follows is read as something else. */
  | { readonly result: "out-of-step"; readonly source: number; readonly destination: number }
  | {
    readonly result: "realize-failed";
    readonly side: "source" | "destination";
    readonly reason: RealizeFailureReason;
  };

/** One side of a migration: the bytes QEMU reads when it opens the device, and what it goes by. */
export interface RestoreSide {
  /** What QEMU reads when it opens the device. */
  readonly view: RealizeView;
  /** What decides what it makes of that. */
  readonly facts: RealizeFacts;
  /** What the guest has written since, in order: a register's offset, and 32 bits. */
  readonly writes?: readonly (readonly [offset: number, value: number])[] | undefined;
}

/**
 * Says whether the destination's QEMU will accept the device's config space, from what each side's
 * QEMU reads when it opens the device.
 *
 * @example
 * ```ts
 * import { parseQemuVersion, predictRestore } from "premigrate/qemu";
 * import { assertEquals } from "@std/assert";
 *
 * const facts = {
 *   qemu: parseQemuVersion("11.1"),
 *   skipVscCheck: true,
 *   bus: "root",
 *   properties: {},
 * } as const;
 * const source = new Uint8Array(256);
 * const destination = new Uint8Array(256).fill(0xa1, 0x08, 0x09);
 * assertEquals(
 *   predictRestore(
 *     { view: { kind: "realize", bytes: source }, facts },
 *     { view: { kind: "realize", bytes: destination }, facts },
 *   ),
 *   {
 *     result: "bad-config",
 *     bad: { offset: 8, read: 0, device: 0xa1, cmask: 0xff, wmask: 0, w1cmask: 0 },
 *   },
 * );
 * ```
 */
export function predictRestore(source: RestoreSide, destination: RestoreSide): Prediction {
  const sent = realize(source.view, source.facts);
  if (!sent.ok) return { result: "realize-failed", side: "source", reason: sent.reason };
  const own = realize(destination.view, destination.facts);
  if (!own.ok) return { result: "realize-failed", side: "destination", reason: own.reason };
  for (const [offset, value] of source.writes ?? []) writeRegister(sent, offset, value);
  return checkRestore(sent.shadow, own);
}

// pci_default_write_config: what the guest may write stays, and 1 clears what is write-1-to-clear.
function writeRegister(device: RealizedDevice, offset: number, value: number): void {
  const { shadow, wmask, w1cmask } = device;
  const written = get32(wmask, offset);
  const kept = (get32(shadow, offset) & ~written) | (value & written);
  set32(shadow, offset, kept & ~(value & get32(w1cmask, offset)));
}

/**
 * The comparison itself, `get_pci_config_device` (hw/pci/pci.c): only the destination's masks count,
 * and the first byte ends it.
 */
export function checkRestore(stream: Uint8Array, device: RealizedDevice): Prediction {
  const size = Math.min(stream.length, device.shadow.length);
  for (let offset = 0; offset < size; offset++) {
    if (failsAt(stream, device, offset)) {
      return { result: "bad-config", bad: badConfigAt(stream, device, offset) };
    }
  }
  return stream.length === device.shadow.length ? { result: "completed" } : {
    result: "out-of-step",
    source: stream.length,
    destination: device.shadow.length,
  };
}

/** Every byte at which the comparison fails, in order; QEMU itself stops at the first. */
export function failingBytes(stream: Uint8Array, device: RealizedDevice): BadConfig[] {
  const failing: BadConfig[] = [];
  const size = Math.min(stream.length, device.shadow.length);
  for (let offset = 0; offset < size; offset++) {
    if (failsAt(stream, device, offset)) failing.push(badConfigAt(stream, device, offset));
  }
  return failing;
}

/** The bits of one byte that the restore compares: `cmask & ~wmask & ~w1cmask`. */
export function checkMask(device: RealizedDevice, offset: number): number {
  const { cmask, wmask, w1cmask } = device;
  return (cmask[offset] ?? 0) & ~(wmask[offset] ?? 0) & ~(w1cmask[offset] ?? 0);
}

function failsAt(stream: Uint8Array, device: RealizedDevice, offset: number): boolean {
  const differing = (stream[offset] ?? 0) ^ (device.shadow[offset] ?? 0);
  return differing !== 0 && (differing & checkMask(device, offset)) !== 0;
}

function badConfigAt(stream: Uint8Array, device: RealizedDevice, offset: number): BadConfig {
  return {
    offset,
    read: stream[offset] ?? 0,
    device: device.shadow[offset] ?? 0,
    cmask: device.cmask[offset] ?? 0,
    wmask: device.wmask[offset] ?? 0,
    w1cmask: device.w1cmask[offset] ?? 0,
  };
}
