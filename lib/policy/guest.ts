import type { Domain } from "../domain/domain.ts";
import type { HostDevice, OtherDevice } from "../domain/host_device.ts";
import type { UnreadKind } from "../domain/unread_devices.ts";
import { parseMachine } from "../qemu/machine.ts";
import { engineFinding } from "./engine_codes.ts";
import type { Finding } from "./finding.ts";
import type { WantedDevice } from "./pair.ts";
import { once } from "./once.ts";

/** The devices of a guest that have a config space to judge, and findings about the others. */
export interface GuestDevices {
  /** In document order. */
  readonly wanted: readonly WantedDevice[];
  /** Findings of the engine's own. */
  readonly findings: readonly Finding[];
}

/**
 * Picks from a domain the devices that a migration would carry over.
 *
 * @example
 * ```ts
 * import { parseDomain } from "premigrate/domain";
 * import { assertEquals } from "@std/assert";
 *
 * const { wanted } = wantDevices(parseDomain(`<domain type='kvm'>
 *   <name>web1</name><uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>
 *   <os><type arch='x86_64' machine='pc-q35-9.0'>hvm</type></os>
 * </domain>`));
 * assertEquals(wanted, []);
 * ```
 */
export const wantDevices: (domain: Domain) => GuestDevices = once(readDevices);

function readDevices(domain: Domain): GuestDevices {
  const { hostDevices, networks } = domain;
  const wanted: WantedDevice[] = [];
  const findings: Finding[] = networks.map((network) =>
    engineFinding("network-may-be-pool", undefined, { network, side: "the destination" })
  );
  // Without a VFIO device there is nothing that an argument could decide over.
  if (hostDevices.some(({ kind }) => kind !== "other")) findings.push(...readArguments(domain));
  for (const device of hostDevices) {
    const passedOver = passOver(device);
    if (passedOver !== undefined || device.kind === "other") {
      if (passedOver !== undefined) findings.push(passedOver);
      continue;
    }
    for (const element of device.notUnderstood) {
      findings.push(engineFinding("element-not-understood", device.alias, { element }));
    }
    wanted.push({
      name: device.alias,
      address: device.source,
      guest: { bus: device.bus, properties: device.properties },
      managed: managedBy(device),
    });
  }
  return { wanted, findings };
}

/** What of the document as a whole is not understood, and what arguments say of the machine. */
function* readArguments(
  { machineArgument, notUnderstood, elementsNotUnderstood }: Domain,
): Generator<Finding> {
  for (const element of elementsNotUnderstood) {
    yield engineFinding("element-not-understood", undefined, { element });
  }
  for (const argument of notUnderstood) {
    yield engineFinding("argument-not-understood", undefined, { argument });
  }
  if (machineArgument === undefined) return;
  // Each host's QEMU makes an alias its own newest, and libvirt has not resolved this one.
  yield parseMachine(machineArgument).version === "newest"
    ? engineFinding("argument-not-understood", undefined, {
      argument: `-machine ${machineArgument}`,
    })
    : engineFinding("machine-of-argument", undefined, { machine: machineArgument });
}

function managedBy(device: Exclude<HostDevice, OtherDevice>): WantedDevice["managed"] {
  switch (device.kind) {
    case "pci":
      return device.managed ? { model: device.driver?.model } : undefined;
    case "unknown-until-start":
      return device.pool?.managed ? { model: device.pool.model } : undefined;
    case "mdev":
      return undefined;
  }
}

/** Why a device is not compared, if it is not. */
function passOver(device: HostDevice): Finding | undefined {
  if (device.kind === "other") {
    const { type } = device;
    return type === "qemu:commandline"
      ? engineFinding("device-of-command-line", undefined, {})
      : engineFinding("not-looked-at", undefined, { type });
  }
  if (device.address?.type === "unassigned") return engineFinding("unassigned", device.alias, {});
  if (device.failover !== undefined) {
    const { partner, found } = device.failover;
    return found
      ? engineFinding("unplugged-before-migration", device.alias, {})
      : engineFinding("failover-without-partner", device.alias, { partner });
  }
  if (device.kind === "mdev" && device.model !== "vfio-pci") {
    return engineFinding("no-pci-device", device.alias, { model: device.model });
  }
  return undefined;
}

/** What of a guest was not looked at. */
export interface NotLookedAt {
  /** What it is. */
  readonly code: UnreadKind | "emulated-devices" | "cpu-model";
  /** How many of them the guest has; absent where that says nothing. */
  readonly count?: number | undefined;
}

/**
 * What of a guest no policy and no model of QEMU looks at: libvirt and QEMU alone decide on it.
 *
 * @param domain Absent: nothing is known of the guest but its VFIO devices.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(notLookedAt({ unread: [{ kind: "nvme-disk", count: 1 }] }), [
 *   { code: "nvme-disk", count: 1 },
 *   { code: "emulated-devices" },
 *   { code: "cpu-model" },
 * ]);
 * ```
 */
export function notLookedAt(domain?: Pick<Domain, "unread">): NotLookedAt[] {
  const unread = (domain?.unread ?? []).map(({ kind, count }) => ({ code: kind, count }));
  return [...unread, { code: "emulated-devices" }, { code: "cpu-model" }];
}
