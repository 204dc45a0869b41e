import type { CaseSide, PolicyCase } from "premigrate/policy";
import type { CODES } from "./codes.ts";

const GVTG: CaseSide = { vendor: 0x8086, mdevType: { id: "i915-GVTg_V5_4" } };

function ice(name: string): CaseSide {
  return { vendor: 0x8086, device: 0x1889, driver: { name } };
}

/** What `intel/gvtg-and-ice` says, case by case. */
export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "another device of Intel's",
    source: { vendor: 0x8086, device: 0x4941, driver: { name: "qat_vfio_pci" } },
    destination: { vendor: 0x8086, device: 0x4941, driver: { name: "qat_vfio_pci" } },
    findings: [],
    decision: "allow",
  },
  {
    name: "a GVT-g vGPU",
    source: GVTG,
    destination: GVTG,
    findings: [
      ["gvtg", "veto", undefined, { side: "source", type: "i915-GVTg_V5_4" }],
      ["gvtg", "veto", undefined, { side: "destination" }],
    ],
    decision: "veto",
  },
  {
    name: "an E810's function without a driver that migrates it on one side",
    source: ice("ice_vfio_pci"),
    destination: ice("vfio-pci"),
    findings: [
      ["ice", "veto", undefined, { side: "destination" }],
      ["ice-out-of-tree", "undecided", undefined, { side: "source", driver: "ice_vfio_pci" }],
    ],
    decision: "veto",
  },
  {
    name: "an E810's function with the driver that was proposed",
    source: ice("ice_vfio_pci"),
    destination: ice("ice_vfio_pci"),
    findings: [["ice-out-of-tree", "undecided"], ["ice-out-of-tree", "undecided"]],
    decision: "undecided",
  },
];
