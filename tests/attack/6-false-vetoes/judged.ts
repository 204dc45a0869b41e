/** Devices of which everything is known, and what all built-in policies together say of a pair. */
import { BUILT_IN } from "premigrate";
import {
  type CaseSide,
  evaluate,
  type PolicyCase,
  Registry,
  type Verdict,
} from "premigrate/policy";
import { caseQuestion } from "../../../lib/policy/case.ts";

const REGISTRY = Registry.from(BUILT_IN);

/** All that a driver can offer. */
export const OFFERED = {
  offered: true,
  features: ["stop-copy", "p2p", "pre-copy", "dirty-tracking"],
} as const;

const HOST = {
  qemu: "9.2",
  libvirt: "11.0.0",
  kernel: "6.8.0-45-generic",
  machineTypes: ["pc-q35-9.0", "pc-q35-9.2"],
} as const;

/** A vGPU as QEMU reads it. */
export function vgpu(facts: CaseSide = {}): CaseSide {
  return {
    ...HOST,
    vendor: 0x10de,
    device: 0x2235,
    class: 0x030000,
    driver: { name: "nvidia-vgpu-vfio", version: "550.54.16" },
    nvidiaDriver: "550.54.16",
    migration: OFFERED,
    mdevType: { id: "nvidia-558", name: "NVIDIA A40-8Q" },
    bars: [16 << 20, 256 << 20, 0, 32 << 20, 0, 0],
    romSize: 0,
    config: { 0x00: "de 10 35 22 00 00 10 00 a1 00 00 03", 0x2c: "de 10 0f 13" },
    ...facts,
  };
}

/** A virtual function of an Intel GPU, as QEMU reads it. */
export function xe(facts: CaseSide = {}): CaseSide {
  return {
    ...HOST,
    vendor: 0x8086,
    device: 0xe211,
    class: 0x030000,
    driver: { name: "xe-vfio-pci" },
    migration: OFFERED,
    bars: [16 << 20, 0, 256 << 20, 0, 0, 0],
    romSize: 0,
    config: { 0x00: "86 80 11 e2 00 00 10 00 00 00 00 03" },
    ...facts,
  };
}

/** What all built-in policies say of a pair, on a guest of one device without an IOMMU. */
export function judge(
  source: CaseSide,
  destination: CaseSide,
  more: Partial<PolicyCase> = {},
  address?: string,
): Verdict {
  const { pair, migration } = caseQuestion({
    name: "a pair",
    machine: "pc-q35-9.2",
    bus: "root",
    vfioDevices: 1,
    viommu: false,
    findings: [],
    decision: "allow",
    ...more,
    source,
    destination,
  });
  const at = address === undefined ? {} : { address };
  return evaluate(
    [{ ...pair, source: { ...pair.source, ...at }, destination: { ...pair.destination, ...at } }],
    migration,
    REGISTRY,
  );
}

/** The findings that decide, as `policy code`, each once. */
export function reasons({ findings }: Verdict): string[] {
  const deciding = findings.filter(({ severity }) =>
    severity === "veto" || severity === "undecided"
  );
  return [...new Set(deciding.map(({ policy, code }) => `${policy} ${code}`))];
}
