import { decodeHex } from "@std/encoding/hex";
import * as v from "valibot";
import type { RealizeView } from "../../qemu/view.ts";
import { oneLine } from "../one_line.ts";
import { runProgram } from "../run_program.ts";
import { VFIO_REFUSALS, type VfioRead, type VfioRefusal } from "./answer.ts";

/** Which device is to be read, and how. */
export interface VfioRegionRequest {
  /** A PCI address in the form sysfs uses (`0000:3b:00.4`), or an mdev's UUID in lower case. */
  readonly address: string;
  /** The number of its IOMMU group. */
  readonly group: number;
  /** Opening a PCI function resets it, twice: without this only mdevs are opened. */
  readonly allowReset?: boolean | undefined;
}

/** A device as QEMU will see it. */
export interface RegionBytes extends Pick<VfioRead, "bars" | "romSize"> {
  /** Its config region: 256 or 4096 bytes. */
  readonly config: RealizeView;
}

/** That was read now. */
export interface VfioRegion extends RegionBytes {
  /** Tells the answers apart. */
  readonly result: "read";
}

// In a bundle the reader is one too, beside it.
const READER = import.meta.url.endsWith(".ts") ? "./region_main.ts" : "./vfio_region_main.js";

// 4096 bytes in hexadecimal, and little else.
const LONGEST_ANSWER = 16_384;

const Size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** {@linkcode RegionBytes} in the reader's answer and in records, where bytes are in hexadecimal. */
export const RegionForm = {
  config: v.pipe(
    v.string(),
    v.regex(/^(([0-9a-f]{2}){256}|([0-9a-f]{2}){4096})$/),
    v.transform((hex): RealizeView => ({ kind: "realize", bytes: decodeHex(hex) })),
  ),
  bars: v.pipe(v.array(Size), v.length(6)),
  romSize: Size,
};

const Read = v.strictObject({
  result: v.literal("read"),
  ...RegionForm,
});

const Refusal = v.strictObject({
  result: v.picklist(VFIO_REFUSALS),
  reason: v.pipe(v.string(), v.transform(oneLine)),
});

const Answer = v.pipe(v.string(), v.parseJson(), v.variant("result", [Read, Refusal]));

/**
 * Reads the config region of a VFIO device of this host as QEMU will see it, in a process of its
 * own that holds `--allow-ffi` and nothing else (`region_main.ts` tells what opening does to a
 * device, and to others who want it). A device in use is left alone, and `busy`.
 *
 * Never throws for what the host says: whatever keeps the bytes away is a
 * {@linkcode VfioRefusal}. When `signal` aborts the process is killed, which closes the device.
 *
 * @example
 * ```ts ignore
 * import { readVfioRegion } from "./lib/facts/vfio/region.ts";
 *
 * const address = "c3a1f1a0-4f5e-4c5e-9f0a-3f1d2b7a9c01";
 * const region = await readVfioRegion({ address, group: 12 }, AbortSignal.timeout(5_000));
 * if (region.result === "read") region.config.bytes;
 * ```
 */
export async function readVfioRegion(
  request: VfioRegionRequest,
  signal: AbortSignal,
): Promise<VfioRegion | VfioRefusal> {
  const { address, group, allowReset = false } = request;
  const { kind, stdout, stderr } = await runProgram(Deno.execPath(), [
    ...["run", "--quiet", "--no-prompt", "--no-config", "--no-lock", "--no-remote", "--no-npm"],
    ...["--allow-ffi", new URL(READER, import.meta.url).href],
    ...[address, `${group}`],
    ...allowReset ? ["--allow-reset"] : [],
  ], { limit: LONGEST_ANSWER, signal });
  if (kind !== "aborted") return parseVfioAnswer(stdout, stderr);
  const reason = `Gave up reading the config region of ${address} at the deadline`;
  return { result: "failed", reason };
}

/**
 * Reads what `region_main.ts` printed; `stderr` tells why where that is no answer.
 *
 * @example
 * ```ts
 * import { parseVfioAnswer } from "./region.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const answer = parseVfioAnswer('{"result":"busy","reason":"Failed to open /dev/vfio/12"}', "");
 * assertEquals(answer.result, "busy");
 * ```
 */
export function parseVfioAnswer(stdout: string, stderr: string): VfioRegion | VfioRefusal {
  const { success, output, issues } = v.safeParse(Answer, stdout);
  if (success) return output;
  const said = oneLine(stderr) || oneLine(issues[0].message);
  return { result: "failed", reason: `Failed to understand the VFIO reader: ${said}` };
}
