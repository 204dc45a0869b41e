import type { CodePage } from "premigrate/policy";

/** Every finding of `amd/mxgpu`. */
export const CODES = {
  "no-driver": {
    severity: "veto",
    title: "Linux has no driver that migrates AMD GPUs",
    message: "The AMD GPU of the {side} is bound to vfio-pci",
    remedy: "Shut the guest down and start it elsewhere.",
    about:
      "There is no VFIO driver for AMD GPUs in Linux drivers/vfio/pci; plain vfio-pci has no migration operations.",
  },
  "context-not-compared": {
    severity: "undecided",
    title: "The GPUs' migration contexts are not compared",
    message: "VBIOS, PSP and firmware versions of the GPUs are not read, and all must be equal",
    remedy:
      'Compare the lines that begin with "migration ctx" in both hosts\' kernel logs; a site that keeps them equal turns this policy to observe.',
    about:
      "AMD's host driver (gim) refuses a state unless device id, the driver's library version, VBIOS version, PSP migration version and the version of every firmware are equal (amdgv_api.c).",
  },
} as const satisfies Record<string, CodePage>;
