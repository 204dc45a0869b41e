import { engineFinding } from "./engine_codes.ts";
import type { Finding } from "./finding.ts";
import type { DeviceFacts, DevicePair, GuestDevice } from "./migration.ts";

/** A host device that the guest has, as its domain XML names it. */
export interface WantedDevice {
  /** What reports call it. */
  readonly name: string;
  /** Its address on the source host; `undefined` when libvirt has yet to choose one. */
  readonly address: string | undefined;
  /** How the guest holds it. */
  readonly guest: GuestDevice;
}

/** Pairs, and what kept a device from having one. */
export interface Pairing {
  /** In the order in which the guest has the devices. */
  readonly pairs: readonly DevicePair[];
  /** Findings of the engine's own. */
  readonly findings: readonly Finding[];
}

/**
 * Finds for each device of the guest its facts on the source, and the destination's device of the
 * same address, which is what libvirt will take. Where each side has one device only, they are a
 * pair whatever their addresses, and a finding says so.
 *
 * @example
 * ```ts
 * import { pairDevices } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * const wanted = { name: "hostdev0", address: "0000:3b:00.4", guest: { properties: {} } };
 * const { pairs, findings } = pairDevices([wanted], [{ address: "0000:3b:00.4" }], []);
 * assertEquals(pairs, []);
 * assertEquals(findings.map(({ code }) => code), ["no-facts"]);
 * ```
 */
export function pairDevices(
  wanted: readonly WantedDevice[],
  source: readonly DeviceFacts[],
  destination: readonly DeviceFacts[],
): Pairing {
  const pairs: DevicePair[] = [];
  const findings: Finding[] = [];
  const onlyOne = wanted.length === 1 && source.length === 1 && destination.length === 1;
  for (const { name, address, guest } of wanted) {
    if (address === undefined) {
      findings.push(engineFinding("address-not-yet-known", name, {}));
      continue;
    }
    const from = source.find((facts) => facts.address === address) ??
      (onlyOne ? source[0] : undefined);
    const to = destination.find((facts) => facts.address === address) ??
      (onlyOne ? destination[0] : undefined);
    if (from === undefined || to === undefined) {
      const side = from === undefined
        ? (to === undefined ? "either host" : "source")
        : "destination";
      findings.push(engineFinding("no-facts", name, { address, side }));
      continue;
    }
    if (to.address !== address || from.address !== address) {
      findings.push(
        engineFinding("paired-by-elimination", name, {
          source: from.address,
          destination: to.address,
        }),
      );
    }
    pairs.push({ name, guest, source: from, destination: to });
  }
  return { pairs, findings };
}
