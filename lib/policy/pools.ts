import type { AskedDevices } from "./choose.ts";
import { type Decision, evaluate } from "./engine.ts";
import { engineFinding } from "./engine_codes.ts";
import type { Finding } from "./finding.ts";
import { pairDevices } from "./pair.ts";

/** A libvirt network of the destination that will hand out a device. */
export interface Pool {
  /** Its name. */
  readonly network: string;
  /** Addresses of the devices that it has. */
  readonly devices: readonly string[];
}

/** Which device stands for each that libvirt will choose, and findings about that. */
export interface Drawn {
  readonly targets: ReadonlyMap<string, string>;
  readonly findings: readonly Finding[];
}

/**
 * Which device of a pool libvirt will choose is not known (`networkAllocatePort` takes the first that
 * it finds free): each is judged. Where all come to the same decision one stands for them; where they
 * do not that is undecided, and one that is better than the worst stands for them.
 *
 * @param pools By the names of the guest's devices; the targets are those of its others.
 */
export function drawFromPools(pools: ReadonlyMap<string, Pool>, asked: AskedDevices): Drawn {
  const drawn = new Map(asked.targets);
  const findings: Finding[] = [];
  const inUse = new Set(
    asked.destination.flatMap(({ address, inUse }) => inUse ? [address] : []),
  );
  for (const [name, { network, devices: all }] of pools) {
    const free = all.filter((address) => !inUse.has(address));
    const devices = free.length === 0 ? all : free;
    const decisions = devices.map((address) => judgeOne(name, address, asked));
    const isMixed = new Set(decisions).size > 1;
    const fit = devices.filter((_device, index) => !isMixed || decisions[index] !== "veto");
    const refused = devices.filter((_device, index) => decisions[index] !== "allow");
    const data = { network, count: devices.length };
    findings.push(
      isMixed
        ? engineFinding("pool-devices-differ", name, { ...data, refused: refused.join(", ") })
        : engineFinding("pool-was-judged", name, data),
    );
    // Two interfaces on one network get two devices.
    const taken = [...drawn.values()];
    const chosen = fit.find((address) => !taken.includes(address)) ?? fit[0];
    if (chosen !== undefined) drawn.set(name, chosen);
  }
  return { targets: drawn, findings };
}

function judgeOne(name: string, address: string, asked: AskedDevices): Decision {
  const { pairs, findings } = pairDevices(
    asked.wanted.filter((wanted) => wanted.name === name),
    asked.source,
    asked.destination,
    new Map([[name, address]]),
  );
  return evaluate(pairs, asked.migration, asked.registry, findings).decision;
}
