import type { CaseSide, PolicyCase } from "premigrate/policy";
import type { CODES } from "./codes.ts";

function bound(name: string): CaseSide {
  return { vendor: 0x10de, driver: { name } };
}

/** What `nvidia/passthrough` says, case by case. */
export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "a whole GPU on both hosts",
    source: bound("vfio-pci"),
    destination: bound("vfio-pci"),
    findings: [
      ["whole-gpu", "veto", undefined, { side: "source", driver: "vfio-pci" }],
      ["whole-gpu", "veto", undefined, { side: "destination" }],
    ],
    decision: "veto",
  },
  {
    name: "a vGPU that would become a whole GPU",
    source: bound("nvidia"),
    destination: bound("vfio-pci"),
    findings: [["whole-gpu", "veto", undefined, { side: "destination" }]],
    decision: "veto",
  },
  {
    name: "a VF with a vGPU, which managed='yes' takes from NVIDIA's driver: generic/vfio tells",
    source: { ...bound("nvidia"), vgpuType: 1152 },
    destination: { ...bound("vfio-pci"), vgpuType: 1152 },
    findings: [],
    decision: "allow",
  },
  {
    name: "a GH200",
    source: bound("nvgrace_gpu_vfio_pci"),
    destination: bound("nvgrace_gpu_vfio_pci"),
    findings: [
      ["coherent-memory", "veto", undefined, { side: "source" }],
      ["coherent-memory", "veto", undefined, { side: "destination" }],
    ],
    decision: "veto",
  },
];
