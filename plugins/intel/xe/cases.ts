import type { CaseSide, PolicyCase } from "premigrate/policy";
import type { CODES } from "./codes.ts";

const VF: CaseSide = { vendor: 0x8086, device: 0xe211, driver: { name: "xe-vfio-pci" } };

/** What `intel/xe` says, case by case. */
export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "two functions of one GPU model",
    source: VF,
    destination: VF,
    findings: [["provisioning-not-compared", "warn"]],
    decision: "allow",
  },
];
