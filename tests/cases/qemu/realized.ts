import { assert } from "@std/assert";
import {
  checkMask,
  parseQemuVersion,
  realize,
  type RealizedDevice,
  type RealizeFacts,
  type RealizeFailureReason,
} from "premigrate/policy";

/** Facts that a case changes; the version as text. */
export type Changes = Partial<Omit<RealizeFacts, "qemu">> & { readonly qemu?: string };

/** A device on QEMU 9.1 with skip-vsc-check, below an express port, without BARs, but for `changes`. */
export function factsOf({ qemu = "9.1", ...changes }: Changes = {}): RealizeFacts {
  return {
    skipVscCheck: true,
    bus: "port",
    bars: [0, 0, 0, 0, 0, 0],
    properties: {},
    ...changes,
    qemu: parseQemuVersion(qemu),
  };
}

/** What QEMU makes of a device that it can open. */
export function opened(bytes: Uint8Array, changes: Changes = {}): RealizedDevice {
  const device = realize({ kind: "realize", bytes }, factsOf(changes));
  assert(device.ok, `QEMU cannot open it: ${JSON.stringify(device)}`);
  return device;
}

/** Why QEMU cannot open a device. */
export function refused(bytes: Uint8Array, changes: Changes = {}): RealizeFailureReason {
  const device = realize({ kind: "realize", bytes }, factsOf(changes));
  assert(!device.ok, "QEMU opens it");
  return device.reason;
}

/**
 * The check mask in words, in hexadecimal: `0e 10-11 12:0f` are bytes 0e, 10 and 11 wholly and the
 * low four bits of byte 12.
 */
export function describeMask(device: RealizedDevice, start = 0, end = 4096): string {
  const runs: { first: number; last: number; mask: number }[] = [];
  for (let offset = start; offset < Math.min(end, device.shadow.length); offset++) {
    const mask = checkMask(device, offset);
    const run = runs.at(-1);
    if (mask === 0) continue;
    if (run?.last === offset - 1 && run.mask === mask) run.last = offset;
    else runs.push({ first: offset, last: offset, mask });
  }
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  return runs.map(({ first, last, mask }) =>
    hex(first) + (last === first ? "" : `-${hex(last)}`) + (mask === 0xff ? "" : `:${hex(mask)}`)
  ).join(" ");
}
