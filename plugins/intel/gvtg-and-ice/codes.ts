import type { CodePage } from "premigrate/policy";

/** Every finding of `intel/gvtg-and-ice`. */
export const CODES = {
  "gvtg": {
    severity: "veto",
    title: "GVT-g vGPUs cannot migrate",
    message: "The vGPU of the {side} is of type {type}, made by GVT-g",
    remedy: "Shut the guest down and start it elsewhere.",
    about:
      "Live migration of GVT-g never came into the kernel's i915 (gvt-linux issue 209, Live Migration Is Not Working).",
  },
  "ice": {
    severity: "veto",
    title: "Linux has no driver that migrates this virtual function",
    message: "The Ethernet Adaptive Virtual Function of the {side} is bound to vfio-pci",
    remedy:
      "Make it the transient part of a failover pair (<teaming>), so that QEMU unplugs it first.",
    about:
      "A VFIO driver for E800 cards (ice_vfio_pci) was proposed in 2023 and is not in Linux drivers/vfio/pci.",
  },
  "ice-out-of-tree": {
    severity: "undecided",
    title: "The virtual function has a driver that is not Linux's",
    message: "{driver} of the {side} is not in Linux: what it wants of both sides is not known",
    remedy:
      "Test this migration first; a site that has turns this policy to observe, and names the device in the option accepted of generic/unknown-vendor.",
    about:
      "The driver that was proposed for E800 cards in 2023 hides capabilities of the virtual function while it may migrate. Its rules are nowhere described.",
  },
} as const satisfies Record<string, CodePage>;
