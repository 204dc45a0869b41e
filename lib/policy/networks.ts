import type { Domain } from "../domain/domain.ts";
import type { HostDevice, Networks } from "../domain/host_device.ts";
import { engineFinding } from "./engine_codes.ts";
import type { Finding } from "./finding.ts";
import type { Pool } from "./pools.ts";

/** What libvirt's networks make of a guest's devices. */
export interface Placed {
  /** Names of devices of which there will be none. */
  readonly dropped: ReadonlySet<string>;
  /** By the names of the guest's devices. */
  readonly pools: ReadonlyMap<string, Pool>;
  readonly findings: readonly Finding[];
}

interface BothNetworks {
  readonly source: Networks | undefined;
  readonly destination: Networks | undefined;
}

/**
 * Says by what both hosts' libvirt networks are which devices of a guest come from them: one that the
 * source's network handed out is replaced by one of the destination's network of that name.
 *
 * @param targets Devices that are given another address are no network's.
 */
export function placeOnNetworks(
  guest: Domain,
  { source, destination }: BothNetworks,
  targets: ReadonlyMap<string, string>,
): Placed {
  const dropped = new Set<string>();
  const pools = new Map<string, Pool>();
  const findings: Finding[] = [];
  const there = (network: string): Networks[string] | undefined => kindOf(destination, network);
  for (const device of guest.hostDevices) {
    if (device.kind === "other" || device.kind === "mdev" || targets.has(device.alias)) continue;
    const { alias } = device;
    if (device.kind === "unknown-until-start") {
      const { network, pool } = device;
      if (pool === undefined || kindOf(source, network) !== "plain") continue;
      findings.push(differs(network, "the destination", alias));
      dropped.add(alias);
      continue;
    }
    if (source === undefined && device.isInterface) {
      findings.push(engineFinding("device-may-be-of-pool", alias, {}));
    }
    const network = poolWith(source, device);
    if (network === undefined) continue;
    const pool = there(network);
    if (pool === "plain") {
      findings.push(differs(network, "the source", alias));
      dropped.add(alias);
    } else if (pool === undefined) {
      findings.push(mayBePool(network, "the destination"));
    } else if (pool.devices.length === 0) {
      findings.push(engineFinding("address-not-yet-known", alias, {}));
    } else pools.set(alias, { network, devices: pool.devices });
  }
  for (const { network, isOpen } of guest.interfaces) {
    const kind = there(network);
    // What an interface is that is not open its document tells.
    const own = isOpen ? kindOf(source, network) : "plain";
    if (own === undefined) findings.push(mayBePool(network, "the source"));
    // Of an open one wantDevices says so.
    if (kind === undefined && !isOpen) findings.push(mayBePool(network, "the destination"));
    else if (kind !== undefined && kind !== "plain" && !guest.networks.includes(network)) {
      findings.push(differs(network, "the destination", undefined));
    } else if (kind === "plain" && own !== undefined && own !== "plain") {
      findings.push(differs(network, "the source", undefined));
    }
  }
  return { dropped, pools, findings };
}

function kindOf(networks: Networks = {}, network: string): Networks[string] | undefined {
  return Object.hasOwn(networks, network) ? networks[network] : undefined;
}

/** The network whose pool has the device. */
function poolWith(networks: Networks = {}, device: HostDevice): string | undefined {
  if (device.kind !== "pci") return undefined;
  return Object.entries(networks).find(([, kind]) =>
    kind !== "plain" && kind.devices.includes(device.source)
  )?.[0];
}

function mayBePool(network: string, side: "the source" | "the destination"): Finding {
  return engineFinding("network-may-be-pool", undefined, { network, side });
}

function differs(
  network: string,
  pool: "the source" | "the destination",
  device: string | undefined,
): Finding {
  const plain = pool === "the source" ? "the destination" : "the source";
  return engineFinding("network-kinds-differ", device, { network, pool, plain });
}
