import { definePolicy, type PolicyFinding, v } from "premigrate/policy";
import { CODES } from "./codes.ts";
import documentation from "./README.md" with { type: "text" };

/** Virtual functions of Intel GPUs of the xe driver. */
export const intelXe = definePolicy({
  id: "intel/xe",
  title: "Virtual functions of Intel GPUs (xe)",
  documentation,
  match: { vendors: [0x8086], drivers: ["xe-vfio-pci", "xe_vfio_pci"] },
  options: v.strictObject({}),
  codes: CODES,
  *evaluate(): Generator<PolicyFinding<typeof CODES>> {
    yield { code: "provisioning-not-compared" };
  },
});
