import type { CaseSide, PolicyCase } from "premigrate/policy";
import type { CODES } from "./codes.ts";

function vf(device: number | undefined): CaseSide {
  return { vendor: 0x19e5, device, driver: { name: "hisi_acc_vfio_pci" } };
}

/** What `hisilicon/acc` says, case by case. */
export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "one accelerator",
    source: vf(0xa256),
    destination: vf(0xa256),
    findings: [["queues-not-compared", "warn"]],
    decision: "allow",
  },
  {
    name: "two accelerators",
    source: vf(0xa256),
    destination: vf(0xa259),
    findings: [["accelerator-differs", "veto", undefined, { source: "SEC", destination: "HPRE" }]],
    decision: "veto",
  },
  {
    name: "an accelerator, and a device of which the id is not known",
    source: vf(0xa256),
    destination: vf(undefined),
    findings: [["accelerator-unknown", "undecided", undefined, { side: "destination" }]],
    decision: "undecided",
  },
  {
    name: "an accelerator, and a device that is none",
    source: vf(0xa251),
    destination: vf(0xa250),
    findings: [["accelerator-differs", "veto", undefined, {
      source: "ZIP",
      destination: "another device",
    }]],
    decision: "veto",
  },
];
