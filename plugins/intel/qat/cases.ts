import type { CaseSide, PolicyCase } from "premigrate/policy";
import type { CODES } from "./codes.ts";

function vf(qatServices: string | undefined, kernel = "6.12.0"): CaseSide {
  return { kernel, vendor: 0x8086, device: 0x4941, driver: { name: "qat_vfio_pci" }, qatServices };
}

/** What `intel/qat` says, case by case. */
export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "the same services, written in another order",
    source: vf("sym;asym"),
    destination: vf("asym;sym"),
    findings: [],
    decision: "allow",
  },
  {
    name: "other services",
    source: vf("sym;asym"),
    destination: vf("sym;dc"),
    findings: [["services-differ", "veto", undefined, {
      source: "sym;asym",
      destination: "sym;dc",
    }]],
    decision: "veto",
  },
  {
    name: "compression, and chained compression",
    source: vf("dcc"),
    destination: vf("dc"),
    findings: [["services-differ", "undecided", undefined, { source: "dcc" }]],
    decision: "undecided",
  },
  {
    name: "services that are not known",
    source: vf("sym"),
    destination: vf(undefined),
    findings: [["services-unknown", "undecided", undefined, { side: "destination" }]],
    decision: "undecided",
  },
  {
    name: "an old kernel",
    source: vf("sym", "6.8.0-45-generic"),
    destination: vf("sym"),
    findings: [["kernel-too-old", "warn", undefined, { side: "source", floor: "6.10" }]],
    decision: "allow",
  },
];
