import { ValidationError } from "@cliffy/command";
import type { Domain, MdevDevice, PciDevice } from "../domain/mod.ts";
import { normalizeBdf, type WantedDevice } from "../policy/mod.ts";
import { UUID } from "../domain/uuid.ts";

/** Reads `SRC=DST` options: devices' names to the addresses that they will have. */
export function parseMap(
  options: readonly string[],
  wanted: readonly WantedDevice[],
): Map<string, string> {
  const targets = new Map<string, string>();
  for (const option of options) {
    const [from = "", to = "", ...rest] = option.split("=");
    const source = parseAddress(from);
    const device = wanted.find(({ name, address }) =>
      name === from || (address !== undefined && address === source)
    );
    if (device === undefined || rest.length > 0) {
      const known = wanted.map(({ name, address }) => address ?? name).join(", ") || "none";
      throw new ValidationError(
        `Cannot read --map "${option}": wanted SRC=DST with SRC one of the guest's devices: ${known}`,
      );
    }
    const target = parseAddress(to);
    const isMdev = UUID.test(device.address ?? "");
    if (target === undefined || UUID.test(target) !== isMdev) {
      const kind = isMdev ? "an mdev's UUID" : "a PCI address like 0000:3b:00.4";
      throw new ValidationError(`Cannot read --map "${option}": wanted ${kind} after "="`);
    }
    if (targets.has(device.name)) {
      throw new ValidationError(`Cannot use --map "${option}": ${from} has a target already`);
    }
    targets.set(device.name, target);
  }
  return targets;
}

/** Reads a BDF or an mdev's UUID, in any case; `undefined` for anything else. */
export function parseAddress(text: string): string | undefined {
  const lower = text.toLowerCase();
  return normalizeBdf(lower) ?? (UUID.test(lower) ? lower : undefined);
}

/**
 * What a domain XML for the destination names: devices of the guest are told by their guest
 * addresses, which a migration keeps.
 */
export function targetsOf(guest: Domain, destination: Domain): Map<string, string> {
  const targets = new Map<string, string>();
  for (const device of guest.hostDevices) {
    if (device.kind !== "pci" && device.kind !== "mdev") continue;
    if (device.address?.type === "unassigned") continue;
    const same = destination.hostDevices.find((other): other is PciDevice | MdevDevice =>
      other.kind === device.kind && device.address?.type === "pci" &&
      other.address?.type === "pci" && other.address.bdf === device.address.bdf
    );
    if (same === undefined) {
      throw new ValidationError(
        `Cannot use the XML of --xml: it has no ${device.kind} host device at the guest address of ${device.alias}`,
      );
    }
    targets.set(device.alias, same.source);
  }
  return targets;
}
