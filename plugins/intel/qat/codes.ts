import type { CodePage } from "premigrate/policy";

const RULES =
  "adf_gen4_vf_mig.c wants the map from rings to services to be equal, and the destination's capabilities to hold the source's; cfg_services of the physical function decides both (adf_gen4_get_ring_to_svc_map).";

/** Every finding of `intel/qat`. */
export const CODES = {
  "services-differ": {
    severity: "veto",
    title: "The QAT devices are set up for different services",
    message: "The services are {source} on the source and {destination} on the destination",
    remedy: "Write the same services to qat/cfg_services of both physical functions.",
    about:
      `dc and dcc have one map; whether the destination has all of the source's capabilities is then undecided. ${RULES}`,
  },
  "services-unknown": {
    severity: "undecided",
    title: "The QAT device's services are not known",
    message: "The services of the {side}'s physical function are not known",
    remedy: "Gather the facts again, with a probe (capture).",
    about: RULES,
  },
  "kernel-too-old": {
    severity: "warn",
    title: "The kernel may be older than QAT's live migration",
    message: "Kernel {kernel} of the {side} is older than {floor}",
    remedy: "Use a kernel of that version or later, or a distribution's with the same code.",
    about:
      "qat_vfio_pci is said to be in Linux since 6.10 (generation 4). That is recalled, not read from a source: so this only warns.",
  },
} as const satisfies Record<string, CodePage>;
