import { definePolicy, type PolicyFinding, v } from "premigrate/policy";
import { CODES } from "./codes.ts";
import documentation from "./README.md" with { type: "text" };

type Finding = PolicyFinding<typeof CODES>;

const FINDINGS: ReadonlyMap<string, keyof typeof CODES> = new Map([
  ["vfio-pci", "whole-gpu"],
  ["nvgrace-gpu-vfio-pci", "coherent-memory"],
  ["nvgrace_gpu_vfio_pci", "coherent-memory"],
]);

/** NVIDIA GPUs that are handed to a guest whole. */
export const nvidiaPassthrough = definePolicy({
  id: "nvidia/passthrough",
  title: "NVIDIA GPUs that are passed through whole",
  documentation,
  match: { vendors: [0x10de], drivers: [...FINDINGS.keys()] },
  options: v.strictObject({}),
  codes: CODES,
  *evaluate(pair): Generator<Finding> {
    for (const side of ["source", "destination"] as const) {
      const { vgpuType = 0, driver: bound } = pair[side];
      // Of a VF with a vGPU that is taken from NVIDIA's driver generic/vfio tells.
      if (vgpuType > 0) continue;
      const driver = bound?.name ?? "";
      const code = FINDINGS.get(driver);
      if (code !== undefined) yield { code, data: { side, driver } };
    }
  },
});
