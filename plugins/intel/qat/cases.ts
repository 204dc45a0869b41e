import type { CaseSide, PolicyCase } from "premigrate/policy";
import type { CODES } from "./codes.ts";

function vf(services: string | null | undefined, kernel = "6.12.0"): CaseSide {
  const ids = { vendor: 0x8086, device: 0x4941 };
  const attributes = services === undefined ? {} : { "parent/qat/cfg_services": services };
  return { kernel, ...ids, driver: { name: "qat_vfio_pci" }, attributes };
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
    name: "a physical function without a list of services",
    source: vf("sym"),
    destination: vf(null),
    findings: [["services-unknown", "undecided", undefined, { side: "destination" }]],
    decision: "undecided",
  },
  {
    name: "an empty list of services on both sides",
    source: vf(""),
    destination: vf(""),
    findings: [["services-unknown", "undecided"], ["services-unknown", "undecided"]],
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
