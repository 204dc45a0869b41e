import type { CaseSide, PolicyCase } from "premigrate/policy";
import type { CODES } from "./codes.ts";

function vf(device: string, facts: CaseSide = {}): CaseSide {
  return {
    kernel: "6.13.0",
    driver: { name: "virtio_vfio_pci" },
    config: { 0x00: `f4 1a ${device}` },
    ...facts,
  };
}

const MODERN = vf("41 10");
const TRANSITIONAL = vf("00 10");

/** What `virtio/vfio` says, case by case. */
export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "two network devices",
    source: MODERN,
    destination: MODERN,
    findings: [["features-not-compared", "warn"]],
    decision: "allow",
  },
  {
    name: "a destination without legacy I/O",
    source: TRANSITIONAL,
    destination: MODERN,
    findings: [
      ["legacy-differs", "veto", undefined, { source: "transitional", destination: "modern" }],
      ["features-not-compared", "warn"],
    ],
    decision: "veto",
  },
  {
    name: "a destination of which sysfs alone is known",
    source: TRANSITIONAL,
    destination: vf("41 10", { view: "sysfs", bars: [0, 0x4000, 0, 0, 0, 0] }),
    findings: [
      ["legacy-unknown", "undecided", undefined, { side: "destination" }],
      ["features-not-compared", "warn"],
    ],
    decision: "undecided",
  },
  {
    name: "the same with a BAR 0 of its own, which no legacy device has",
    source: TRANSITIONAL,
    destination: vf("41 10", { view: "sysfs", bars: [0x1000, 0x4000, 0, 0, 0, 0] }),
    findings: [
      ["legacy-differs", "veto", undefined, { source: "transitional", destination: "modern" }],
      ["features-not-compared", "warn"],
    ],
    decision: "veto",
  },
  {
    name: "a kernel whose driver cannot migrate",
    source: MODERN,
    destination: vf("41 10", { kernel: "6.8.0-45-generic" }),
    findings: [
      ["kernel-too-old", "veto", undefined, { side: "destination", floor: "6.13" }],
      ["features-not-compared", "warn"],
    ],
    decision: "veto",
  },
  {
    name: "the same kernel, which says that it can",
    source: MODERN,
    destination: vf("41 10", { kernel: "6.8.0-45-generic", migration: { offered: true } }),
    findings: [["features-not-compared", "warn"]],
    decision: "allow",
  },
  {
    name: "Red Hat's kernel of an old number",
    source: MODERN,
    destination: vf("41 10", { kernel: "5.14.0-570.el9_6.x86_64" }),
    findings: [["kernel-too-old", "warn"], ["features-not-compared", "warn"]],
    decision: "allow",
  },
];
