import type { Domain, HostDevice, Networks } from "../domain/mod.ts";
import { engineFinding, type Finding } from "../policy/mod.ts";
import type { DetailedAnswer } from "../report/answer.ts";
import { judge, type Question } from "./judge.ts";
import { drawFromPools, type Pool } from "./pools.ts";

/**
 * Judges a guest by what both hosts' facts say of their libvirt networks: a device that the source's
 * network handed out is replaced by one of the destination's network of that name.
 */
export function judgeOnNetworks(question: Question & { readonly guest: Domain }): DetailedAnswer {
  const { source, destination, targets = new Map() } = question;
  const { guest, pools, findings } = placeOnNetworks(
    question.guest,
    { source: source.host.networks, destination: destination.host.networks },
    targets,
  );
  const placed = { ...question, guest };
  const drawn = drawFromPools(pools, targets, placed);
  return judge({
    ...placed,
    targets: drawn.targets,
    findings: [...question.findings ?? [], ...findings, ...drawn.findings],
  });
}

interface Placed {
  readonly guest: Domain;
  /** By the names of the guest's devices. */
  readonly pools: ReadonlyMap<string, Pool>;
  readonly findings: readonly Finding[];
}

interface BothNetworks {
  readonly source: Networks | undefined;
  readonly destination: Networks | undefined;
}

function placeOnNetworks(
  guest: Domain,
  { source, destination }: BothNetworks,
  targets: ReadonlyMap<string, string>,
): Placed {
  const pools = new Map<string, Pool>();
  const findings: Finding[] = [];
  const there = (network: string): Networks[string] | undefined => kindOf(destination, network);
  const hostDevices = guest.hostDevices.filter((device): boolean => {
    if (device.kind === "other" || device.kind === "mdev" || targets.has(device.alias)) return true;
    if (device.kind === "unknown-until-start") {
      const isPool = device.pool !== undefined && kindOf(source, device.network) === "plain";
      if (isPool) findings.push(differs(device.network, "the destination", device.alias));
      return !isPool;
    }
    if (source === undefined && device.isInterface) {
      findings.push(engineFinding("device-may-be-of-pool", device.alias, {}));
    }
    const network = poolWith(source, device);
    if (network === undefined) return true;
    const pool = there(network);
    if (pool === "plain") findings.push(differs(network, "the source", device.alias));
    else if (pool === undefined) {
      findings.push(mayBePool(network, "the destination"));
    } else if (pool.devices.length === 0) {
      findings.push(engineFinding("address-not-yet-known", device.alias, {}));
    } else pools.set(device.alias, { network, devices: pool.devices });
    return pool !== "plain";
  });
  for (const { network, isOpen } of guest.interfaces) {
    const kind = there(network);
    // What an interface is that is not open its document tells.
    const own = isOpen ? kindOf(source, network) : "plain";
    if (own === undefined) findings.push(mayBePool(network, "the source"));
    // Of an open one wantDevices says so.
    if (kind === undefined && !isOpen) findings.push(mayBePool(network, "the destination"));
    else if (kind !== undefined && kind !== "plain") {
      findings.push(differs(network, "the destination", undefined));
    } else if (kind === "plain" && own !== undefined && own !== "plain") {
      findings.push(differs(network, "the source", undefined));
    }
  }
  return { guest: { ...guest, hostDevices }, pools, findings };
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
