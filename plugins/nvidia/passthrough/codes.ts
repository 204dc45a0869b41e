import type { CodePage } from "premigrate/policy";

/** Every finding of `nvidia/passthrough`. */
export const CODES = {
  "whole-gpu": {
    severity: "veto",
    title: "A GPU that is passed through cannot migrate",
    message: "{driver} of the {side} hands the GPU to the guest as it is: its state cannot be read",
    remedy: "Use a vGPU (NVIDIA vGPU software), or shut the guest down and start it elsewhere.",
    about:
      "Only NVIDIA's vGPU manager saves and restores the state of a GPU. A function that is bound to vfio-pci, a GPU, its audio function or a VF, has no migration operations.",
  },
  "coherent-memory": {
    severity: "veto",
    title: "A Grace Hopper or Grace Blackwell GPU cannot migrate",
    message: "{driver} of the {side} has no migration",
    remedy: "Shut the guest down and start it elsewhere.",
    about:
      "nvgrace-gpu-vfio-pci (GH200, GB200, GB300) shows the GPU's coherent memory as BARs, and implements no migration operations (Linux drivers/vfio/pci/nvgrace-gpu).",
  },
} as const satisfies Record<string, CodePage>;
