import type { CaseSide, PolicyCase } from "premigrate/policy";
import type { CODES } from "./codes.ts";

function vf(version: string | undefined): CaseSide {
  return {
    vendor: 0x1dd8,
    device: 0x1003,
    driver: { name: "pds_vfio_pci" },
    firmware: { version },
  };
}

/** What `amd/pensando` says, case by case. */
export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "one firmware",
    source: vf("1.60.0-73"),
    destination: vf("1.60.0-73"),
    findings: [],
    decision: "allow",
  },
  {
    name: "another firmware",
    source: vf("1.60.0-73"),
    destination: vf("1.68.1-14"),
    findings: [["firmware-differs", "undecided", undefined, {
      source: "1.60.0-73",
      destination: "1.68.1-14",
    }]],
    decision: "undecided",
  },
  {
    name: "another firmware, on a site that accepts it",
    options: { firmware: "any" },
    source: vf("1.60.0-73"),
    destination: vf("1.68.1-14"),
    findings: [],
    decision: "allow",
  },
  {
    name: "a firmware that is not known",
    source: vf("1.60.0-73"),
    destination: vf(undefined),
    findings: [["firmware-unknown", "undecided"]],
    decision: "undecided",
  },
];
