import {
  type DeviceFacts,
  evaluate,
  type HostFacts,
  parseMachine,
  parseQemuVersion,
  type Policy,
  Registry,
  type Verdict,
} from "../policy/mod.ts";
import type { SiteCase } from "./file.ts";

type CaseSide = SiteCase["source"];

/** Lets a policy, and no other, judge a case of its file. */
export function runSiteCase(policy: Policy, given: SiteCase): Verdict {
  const { guest, machine, source, destination } = given;
  const pair = {
    name: "device",
    guest: { properties: {} },
    source: deviceOf(source),
    destination: deviceOf(destination),
  };
  const migration = {
    guest,
    machine: machine === undefined ? undefined : parseMachine(machine),
    source: hostOf(source),
    destination: hostOf(destination),
    bytesOnly: false,
  };
  return evaluate([pair], migration, new Registry().use(policy));
}

/** What a case found, as its `expect` says it. */
export function outcomeOf({ findings }: Verdict): SiteCase["expect"] {
  return findings[0]?.severity ?? "allow";
}

function deviceOf(side: CaseSide): DeviceFacts {
  const { driver, driverVersion, mdevType, mdevName, firmware, psid } = side;
  const isMdev = mdevType !== undefined || mdevName !== undefined;
  return {
    address: isMdev ? "00000000-0000-0000-0000-000000000000" : "0000:3b:00.4",
    vendor: numberOf(side.vendor),
    device: numberOf(side.device),
    class: numberOf(side.class),
    driver: driver === undefined && driverVersion === undefined
      ? undefined
      : { name: driver ?? "", version: driverVersion },
    mdevType: isMdev ? { id: mdevType ?? "", name: mdevName } : undefined,
    firmware: { version: firmware, psid },
    vgpuType: numberOf(side.vgpuType),
    vgpuParams: side.vgpuParams,
    qatServices: side.qatServices?.join(";"),
  };
}

function hostOf({ host, qemu, libvirt, kernel, nvidiaDriver, machineTypes }: CaseSide): HostFacts {
  return {
    name: host ?? "",
    qemu: qemu === undefined ? undefined : parseQemuVersion(qemu),
    libvirt,
    kernel,
    nvidiaDriver,
    machineTypes,
  };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
