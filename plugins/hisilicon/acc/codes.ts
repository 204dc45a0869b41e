import type { CodePage } from "premigrate/policy";

const MATCH =
  "hisi_acc_vfio_pci refuses a state of another accelerator, of another number of queue pairs, of another queue isolation, or of another major version of its format (vf_qm_check_match).";

/** Every finding of `hisilicon/acc`. */
export const CODES = {
  "accelerator-differs": {
    severity: "veto",
    title: "The accelerators differ",
    message: "The device is {source} on the source and {destination} on the destination",
    remedy: "Give the guest a virtual function of the same accelerator.",
    about: MATCH,
  },
  "accelerator-unknown": {
    severity: "undecided",
    title: "The accelerator is not known",
    message: "Which accelerator the {side}'s device is, is not known",
    remedy: "Gather the facts again, so that they have the device's id.",
    about: MATCH,
  },
  "queues-not-compared": {
    severity: "warn",
    title: "Queues and isolation are not compared",
    message:
      "Whether both functions have as many queue pairs, and both physical functions the same queue isolation, is not read",
    remedy:
      "Set up the same number of virtual functions and queues, and the same isolation, on both hosts.",
    about: `The kernel shows none of them in sysfs for a virtual function. ${MATCH}`,
  },
} as const satisfies Record<string, CodePage>;
