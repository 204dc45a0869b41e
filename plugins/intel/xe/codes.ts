import type { CodePage } from "premigrate/policy";

/** Every finding of `intel/xe`. */
export const CODES = {
  "provisioning-not-compared": {
    severity: "warn",
    title: "What the virtual functions were given is not compared",
    message:
      "Whether the destination's function has at least the source's GGTT, LMEM, contexts and doorbells, and a GuC firmware that fits, is not read",
    remedy:
      "Compare the functions' provisioning below /sys/kernel/debug/dri on both hosts, and the GuC versions.",
    about:
      "The physical function's driver (xe) restores the state, and is said to want at least the same provisioning and a compatible GuC. That is recalled, not read from a source: so this only warns.",
  },
} as const satisfies Record<string, CodePage>;
