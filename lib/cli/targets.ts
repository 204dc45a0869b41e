import { ValidationError } from "@cliffy/command";
import type { Domain } from "../domain/mod.ts";
import type { WantedDevice } from "../policy/mod.ts";

/** Reads `SRC=DST` options: devices' names to the addresses that they will have. */
export function parseMap(
  options: readonly string[],
  wanted: readonly WantedDevice[],
): Map<string, string> {
  return new Map(options.map((option) => {
    const [from = "", to = ""] = option.split("=");
    const device = wanted.find(({ name, address }) => address === from || name === from);
    if (device === undefined || to === "") {
      const known = wanted.map(({ address }) => address).join(", ") || "none";
      throw new ValidationError(
        `Cannot read --map "${option}": wanted SRC=DST with SRC one of the guest's devices: ${known}`,
      );
    }
    return [device.name, to.toLowerCase()];
  }));
}

/**
 * What a domain XML for the destination names: devices of the guest are told by their guest
 * addresses, which a migration keeps.
 */
export function targetsOf(guest: Domain, destination: Domain): Map<string, string> {
  const targets = new Map<string, string>();
  for (const device of guest.hostDevices) {
    if (device.kind !== "pci" && device.kind !== "mdev") continue;
    const same = destination.hostDevices.find((other) =>
      (other.kind === "pci" || other.kind === "mdev") && device.address?.type === "pci" &&
      other.address?.type === "pci" && other.address.bdf === device.address.bdf
    );
    if (same === undefined || same.kind === "other" || same.kind === "unknown-until-start") {
      throw new ValidationError(
        `Cannot use the XML of --xml: it has no host device at the guest address of ${device.alias}`,
      );
    }
    targets.set(device.alias, same.source);
  }
  return targets;
}
