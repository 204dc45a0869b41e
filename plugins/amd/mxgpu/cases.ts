import type { CaseSide, PolicyCase } from "premigrate/policy";
import type { CODES } from "./codes.ts";

function gpu(name: string): CaseSide {
  return { vendor: 0x1002, driver: { name } };
}

/** What `amd/mxgpu` says, case by case. */
export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "GPUs that are passed through",
    source: gpu("vfio-pci"),
    destination: gpu("vfio-pci"),
    findings: [
      ["no-driver", "veto", undefined, { side: "source" }],
      ["no-driver", "veto", undefined, { side: "destination" }],
    ],
    decision: "veto",
  },
  {
    name: "GPUs with a driver of AMD's",
    source: gpu("amdgpu_vfio_pci"),
    destination: gpu("amdgpu_vfio_pci"),
    findings: [["context-not-compared", "undecided"]],
    decision: "undecided",
  },
];
