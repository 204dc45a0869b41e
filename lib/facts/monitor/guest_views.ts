import type { Domain } from "../../domain/mod.ts";
import { readGuestView, virshMonitor } from "./ecam.ts";
import type { LibvirtUri } from "../libvirt/uri.ts";
import type { CapturedConfig, CapturedDevice, Facts } from "../schema.ts";

/**
 * Puts what the running guest sees of its devices in the place of sysfs's bytes: for a mediated
 * device there are no others. Realize views stay. It takes a read-write connection, and libvirt
 * marks the guest as tainted (`custom-monitor`).
 *
 * @throws {PremigrateError} When the monitor's answers are not understood.
 * @throws {VirshError} When libvirt does not give the monitor.
 */
export async function addGuestViews(
  facts: Facts,
  guest: Domain,
  uri: LibvirtUri,
  signal: AbortSignal,
): Promise<Facts> {
  const addresses = new Map(
    guest.hostDevices.flatMap((device) =>
      device.kind === "pci" || device.kind === "mdev"
        ? [[device.alias, device.source] as const]
        : []
    ),
  );
  if (addresses.size === 0) return facts;
  const monitor = virshMonitor(uri, guest.uuid ?? guest.name, signal);
  const view = await readGuestView(monitor, { host: uri.host, aliases: [...addresses.keys()] });
  const time = new Date().toISOString();
  const configs = new Map<string, CapturedConfig | string>();
  for (const { alias = "", config } of "devices" in view ? view.devices : []) {
    const address = addresses.get(alias);
    if (address === undefined) continue;
    configs.set(
      address,
      "missing" in config
        ? config.missing
        : { kind: "guest", bytes: config.bytes, source: "ecam", time },
    );
  }
  const unseen = "devices" in view ? "the guest has no such device" : view.missing;
  return {
    ...facts,
    devices: facts.devices.map((device) =>
      [...addresses.values()].includes(device.address)
        ? withView(device, configs.get(device.address) ?? unseen)
        : device
    ),
  };
}

function withView(device: CapturedDevice, config: CapturedConfig | string): CapturedDevice {
  if (typeof config === "string") {
    return { ...device, missing: { ...device.missing, guestView: config } };
  }
  return device.config?.kind === "realize" ? device : { ...device, config };
}
