import type { CodePage } from "premigrate/policy";

/** Every finding of `virtio/vfio`. */
export const CODES = {
  "legacy-differs": {
    severity: "veto",
    title: "One host shows a legacy device, the other does not",
    message: "The device is {source} on the source and {destination} on the destination",
    remedy: "Use physical functions that both offer legacy I/O, or both do not.",
    about:
      "Where the physical function offers it, virtio_vfio_pci shows the guest a transitional device: device id 1000, revision 0, an I/O BAR 0 and other subsystem ids (Linux drivers/vfio/pci/virtio).",
  },
  "legacy-unknown": {
    severity: "undecided",
    title: "Whether a host shows a legacy device is not known",
    message: "Sysfs does not tell whether the {side} shows the guest a legacy device",
    remedy:
      "Gather the facts with the VFIO config region (capture --vfio-region), or let the agent record it.",
    about:
      "In sysfs a function is modern in any case. virtio_vfio_pci makes it a transitional one where the physical function offers legacy I/O and the function has no BAR 0 of its own; only the VFIO config region shows that.",
  },
  "kernel-too-old": {
    severity: "veto",
    title: "The kernel's virtio driver cannot migrate",
    message: "Kernel {kernel} of the {side} is older than {floor}",
    remedy: "Use a kernel of that version or later.",
    about:
      "virtio_vfio_pci migrates by the device parts of the owner's administration virtqueue, since Linux 6.13. Red Hat's kernels keep their number and take in what is newer, so there it is a warning.",
  },
  "features-not-compared": {
    severity: "warn",
    title: "Virtio features are not compared",
    message:
      "Whether the destination has all features of the source and a device config of the same size is not read",
    remedy: "Use devices of one model with one firmware.",
    about:
      "The destination must have every feature that the guest's driver agreed on. The kernel does not show a virtual function's features while a VFIO driver has it.",
  },
} as const satisfies Record<string, CodePage>;
