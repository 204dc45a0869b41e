import { bindManaged } from "./managed_driver.ts";
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
  /**
   * Libvirt binds it to a VFIO driver when the guest starts there (`managed='yes'`): to the named one
   * (`<driver model>`), else to the best match for the device.
   */
  readonly managed?: { readonly model: string | undefined } | undefined;
}

/** Pairs, and what kept a device from having one. */
export interface Pairing {
  /** In the order in which the guest has the devices. */
  readonly pairs: readonly DevicePair[];
  /** Findings of the engine's own. */
  readonly findings: readonly Finding[];
}

/**
 * Finds for each device of the guest its facts on the source and on the destination: there the
 * device that `targets` names for it, else the one of the same address, which is what libvirt will
 * take. Where each side has one device only, they are a pair whatever their addresses, and a finding
 * says so.
 *
 * @param targets Names of wanted devices, with the destination's address that the guest will be
 * given instead (`virsh migrate --xml`).
 *
 * @example
 * ```ts
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
  targets: ReadonlyMap<string, string> = new Map(),
): Pairing {
  const pairs: DevicePair[] = [];
  const findings: Finding[] = [];
  const onlyOne = wanted.length === 1 && source.length === 1 && destination.length === 1;
  for (const { name, address, guest, managed } of wanted) {
    if (address === undefined) {
      findings.push(engineFinding("address-not-yet-known", name, {}));
      continue;
    }
    const from = source.find((facts) => facts.address === address) ??
      (onlyOne ? source[0] : undefined);
    const target = targets.get(name);
    const to = destination.find((facts) => facts.address === (target ?? address)) ??
      (onlyOne && target === undefined ? destination[0] : undefined);
    if (from === undefined || to === undefined) {
      const side = from !== undefined
        ? "the destination"
        : to !== undefined
        ? "the source"
        : "either host";
      const missing = from !== undefined && target !== undefined ? target : address;
      findings.push(engineFinding("no-facts", name, { address: missing, side }));
      continue;
    }
    if (to.inUse !== false) {
      const code = to.inUse === true ? "destination-in-use" : "use-not-known";
      findings.push(engineFinding(code, name, { address: to.address }));
    }
    const twin = pairs.find(({ destination }) => destination.address === to.address);
    if (twin !== undefined) {
      const data = { address: to.address, other: twin.name };
      findings.push(engineFinding("paired-twice", name, data));
    }
    if (from.address !== address || to.address !== (target ?? address)) {
      findings.push(
        engineFinding("paired-by-elimination", name, {
          source: from.address,
          destination: to.address,
        }),
      );
    }
    pairs.push({ name, guest, source: from, destination: bindManaged(to, managed) });
  }
  return { pairs, findings };
}
