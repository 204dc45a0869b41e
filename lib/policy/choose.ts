import { bindManaged } from "./managed_driver.ts";
import { evaluate, type Verdict } from "./engine.ts";
import type { DeviceFacts, DevicePair, Migration } from "./migration.ts";
import type { WantedDevice } from "./pair.ts";
import type { Registry } from "./registry.ts";

/** A device of the destination that might stand for one of the guest, and what speaks for it. */
export interface Candidate {
  /** Its address on the destination. */
  readonly address: string;
  /** All policies' verdict on the pair; `undefined` where the device is not free. */
  readonly verdict: Verdict | undefined;
}

/** What was chosen for one device of the guest. */
export interface Choice {
  /** The name of the guest's device. */
  readonly name: string;
  /** The address of the destination's device; `undefined` when none would do. */
  readonly address: string | undefined;
  /** Every device that was looked at. */
  readonly candidates: readonly Candidate[];
}

/** A guest's devices, and what is known of those of both hosts. */
export interface AskedDevices {
  readonly wanted: readonly WantedDevice[];
  readonly source: readonly DeviceFacts[];
  readonly destination: readonly DeviceFacts[];
  readonly migration: Migration;
  readonly registry: Registry;
  /** The destination's addresses that devices are to have rather than the same ones, by their names. */
  readonly targets: ReadonlyMap<string, string>;
}

const UUID_LENGTH = 36;

/**
 * Chooses devices of the destination: free ones which all policies allow, each for one device of the
 * guest, as many as can be had; among them those of one NUMA node, then the target or the same
 * address, then the lowest. Whether a device is in use must be known: otherwise it is not free.
 */
export function chooseDevices(
  { wanted, source, destination, migration, registry, targets }: AskedDevices,
): Choice[] {
  const judged = wanted.map(({ name, address, guest, managed }) => {
    const from = source.find((facts) => facts.address === address);
    const pairs = from === undefined
      ? []
      // An mdev stands for no PCI function, nor the other way round: libvirt's XML differs.
      : destination.filter((to) => isMdev(to) === isMdev(from)).map((to): DevicePair => ({
        name,
        guest,
        source: from,
        destination: bindManaged(to, managed),
      }));
    const candidates = pairs.map((pair) => judge(pair, migration, registry));
    return { first: targets.get(name) ?? address, name, candidates };
  });
  const chosen = match(
    judged.map(({ first, candidates }) =>
      candidates.filter(({ verdict }) => verdict?.decision === "allow")
        .map((candidate) => candidate.address)
        .sort((a, b) => Number(b === first) - Number(a === first) || (a < b ? -1 : 1))
    ),
    new Map(destination.map(({ address, numaNode }) => [address, numaNode])),
  );
  return judged.map(({ name, candidates }, index) => ({
    name,
    address: chosen[index],
    candidates,
  }));
}

function isMdev({ address }: DeviceFacts): boolean {
  return address.length === UUID_LENGTH;
}

function judge(pair: DevicePair, migration: Migration, registry: Registry): Candidate {
  const { address, inUse } = pair.destination;
  return { address, verdict: inUse === false ? evaluate([pair], migration, registry) : undefined };
}

type Nodes = ReadonlyMap<string, number | undefined>;

/** For each device an address of its list, none twice: as many as possible, on one node if it can be. */
function match(lists: readonly (readonly string[])[], nodes: Nodes): (string | undefined)[] {
  const known = new Set(lists.flat().map((address) => nodes.get(address)));
  const onNodes = [...known].map((node) =>
    matchLists(lists.map((list) => list.filter((address) => nodes.get(address) === node)))
  );
  const count = (result: readonly (string | undefined)[]): number =>
    result.filter((address) => address !== undefined).length;
  const whole = matchLists(lists);
  return onNodes.find((result) => count(result) === count(whole)) ?? whole;
}

/** A maximum matching by augmenting paths (Kuhn), earlier entries of a list first. */
function matchLists(lists: readonly (readonly string[])[]): (string | undefined)[] {
  const owners = new Map<string, number>();
  const give = (device: number, tried: Set<string>): boolean => {
    const list = lists[device] ?? [];
    // What is free goes first, so that an earlier device is moved only where it must be.
    const free = list.find((address) => !owners.has(address));
    const next = free !== undefined ? [free] : list;
    for (const address of next) {
      if (tried.has(address)) continue;
      tried.add(address);
      const owner = owners.get(address);
      if (owner === undefined || give(owner, tried)) {
        owners.set(address, device);
        return true;
      }
    }
    return false;
  };
  lists.forEach((_list, device) => give(device, new Set()));
  return lists.map((_list, device) => [...owners].find(([, owner]) => owner === device)?.[0]);
}
