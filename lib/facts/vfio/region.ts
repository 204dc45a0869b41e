import { decodeHex } from "@std/encoding/hex";
import * as v from "valibot";
import type { ConfigView, RealizeView, RunningView } from "../../qemu/view.ts";
import { oneLine } from "../one_line.ts";
import { type ProgramEnd, runProgram } from "../run_program.ts";
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

/** A device as its running guest's QEMU sees it, read now. */
export interface RunningRegion extends Pick<VfioRead, "bars" | "romSize"> {
  /** Tells the answers apart. */
  readonly result: "read";
  /** Its config region: 256 or 4096 bytes. */
  readonly config: RunningView & Pick<ConfigView, "arrived">;
}

/** A running guest, and what it may hold. */
export interface RunningGuest {
  /** The process that is said to be its QEMU. */
  readonly pid: number;
  /** Its UUID. */
  readonly uuid: string;
  /** Addresses of devices. */
  readonly devices: readonly string[];
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
  arrived: v.optional(v.literal(true)),
});

const Refusal = v.strictObject({
  result: v.picklist(VFIO_REFUSALS),
  reason: v.pipe(v.string(), v.transform(oneLine)),
});

const OneAnswer = v.variant("result", [Read, Refusal]);
const Answer = v.pipe(v.string(), v.parseJson(), OneAnswer);
const Answers = v.pipe(v.string(), v.parseJson(), v.record(v.string(), OneAnswer));

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
  const args = [address, `${group}`, ...allowReset ? ["--allow-reset"] : []];
  const { kind, stdout, stderr } = await runReader(args, 1, signal);
  if (kind !== "aborted") return parseVfioAnswer(stdout, stderr);
  const reason = `Gave up reading the config region of ${address} at the deadline`;
  return { result: "failed", reason };
}

/**
 * Reads the config regions of the devices that a running guest holds, all in one process that holds
 * `--allow-ffi` and nothing else; the guest notices nothing of it (`held_devices.ts` tells why). Never
 * opens a device that is idle, and never throws for what the host says.
 *
 * @returns An answer for each device.
 *
 * @example
 * ```ts ignore
 * import { readRunningRegions } from "./lib/facts/vfio/region.ts";
 *
 * const uuid = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2c90";
 * const guest = { pid: 4711, uuid, devices: ["c3a1f1a0-4f5e-4c5e-9f0a-3f1d2b7a9c01"] };
 * for (const [address, region] of await readRunningRegions(guest, AbortSignal.timeout(5_000))) {
 *   if (region.result === "read") console.log(address, region.config.bytes);
 * }
 * ```
 */
export async function readRunningRegions(
  { pid, uuid, devices }: RunningGuest,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, RunningRegion | VfioRefusal>> {
  const args = ["--running", `${pid}`, uuid, ...devices];
  const { kind, stdout, stderr } = await runReader(args, devices.length, signal);
  const parsed = v.safeParse(Answers, stdout);
  const answers = parsed.success ? parsed.output : {};
  const said = oneLine(stderr) || oneLine(parsed.issues?.[0].message ?? "it says nothing of it");
  const reason = kind === "aborted"
    ? `Gave up reading the devices of guest ${uuid} at the deadline`
    : `Failed to understand the VFIO reader: ${said}`;
  return new Map(devices.map((address): [string, RunningRegion | VfioRefusal] => {
    const answer = Object.hasOwn(answers, address) ? answers[address] : undefined;
    if (answer === undefined) return [address, { result: "failed", reason }];
    if (answer.result !== "read") return [address, answer];
    const { result, config: { bytes }, bars, romSize, arrived } = answer;
    const config = { kind: "running", bytes, ...arrived && { arrived } } as const;
    return [address, { result, config, bars, romSize }];
  }));
}

function runReader(
  args: readonly string[],
  devices: number,
  signal: AbortSignal,
): Promise<ProgramEnd> {
  return runProgram(Deno.execPath(), [
    ...["run", "--quiet", "--no-prompt", "--no-config", "--no-lock", "--no-remote", "--no-npm"],
    ...["--allow-ffi", new URL(READER, import.meta.url).href, ...args],
  ], { limit: devices * LONGEST_ANSWER, signal });
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
