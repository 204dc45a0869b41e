import type { CaseSide, PolicyCase } from "premigrate/policy";
import type { CODES } from "./codes.ts";

// mtty of the kernel's samples.
const MTTY: CaseSide = { vendor: 0x4348, device: 0x3253, driver: { name: "mtty" } };
const BOTH = { source: MTTY, destination: MTTY };

/** What `generic/unknown-vendor` says, case by case. */
export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "a device of no policy's vendor",
    ...BOTH,
    findings: [
      ["nobody-vouches", "undecided", undefined, { side: "source", id: "4348:3253" }],
      ["nobody-vouches", "undecided", undefined, { side: "destination", id: "4348:3253" }],
    ],
    decision: "undecided",
  },
  {
    name: "a device that the site vouches for",
    ...BOTH,
    options: { accepted: ["4348:3253"] },
    findings: [],
    decision: "allow",
  },
  {
    name: "another device in place of one that the site vouches for",
    ...BOTH,
    options: { accepted: ["4348:3253"] },
    destination: { ...MTTY, device: 0x3254 },
    findings: [["nobody-vouches", "undecided", undefined, { id: "4348:3254" }]],
    decision: "undecided",
  },
  {
    name: "a mediated device whose config region nobody read",
    source: MTTY,
    destination: { driver: { name: "mtty" } },
    options: { accepted: ["4348:3253"] },
    findings: [["not-identified", "undecided", undefined, { side: "destination" }]],
    decision: "undecided",
  },
];
