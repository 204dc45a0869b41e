import type { CaseSide, PolicyCase } from "premigrate/policy";
import type { CODES } from "./codes.ts";

function card(version: string | undefined, psid = "MT_0000000844", facts: CaseSide = {}): CaseSide {
  const driver = { name: "mlx5_vfio_pci" };
  return { kernel: "6.8.0", vendor: 0x15b3, driver, firmware: { version, psid }, ...facts };
}

const CX7 = card("28.41.1000");

/** What `mellanox/mlx5` says, case by case. */
export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "two cards alike",
    source: CX7,
    destination: CX7,
    findings: [],
    decision: "allow",
  },
  {
    name: "a function that is bound to another driver on both sides",
    source: { vendor: 0x15b3, driver: { name: "vfio-pci" } },
    destination: { vendor: 0x15b3, driver: { name: "vfio-pci" } },
    findings: [],
    decision: "allow",
  },
  {
    name: "another firmware, and no word of the drivers",
    source: card("28.41.1000", "MT_0000000844", { driver: undefined }),
    destination: card("28.42.1000", "MT_0000000844", { driver: undefined }),
    findings: [["firmware-differs", "veto"]],
    decision: "veto",
  },
  {
    name: "another board",
    source: CX7,
    destination: card("28.41.1000", "MT_0000000834"),
    findings: [["psid-differs", "veto", undefined, {
      source: "MT_0000000844",
      destination: "MT_0000000834",
    }]],
    decision: "veto",
  },
  {
    name: "another firmware",
    source: CX7,
    destination: card("28.42.1000"),
    findings: [["firmware-differs", "veto", undefined, {
      source: "28.41.1000",
      destination: "28.42.1000",
    }]],
    decision: "veto",
  },
  {
    name: "another firmware, on a site that accepts it",
    options: { firmware: "any" },
    source: CX7,
    destination: card("28.42.1000"),
    findings: [],
    decision: "allow",
  },
  {
    name: "a BlueField-3 with an old firmware",
    source: card("32.39.2048"),
    destination: card("32.39.2048"),
    findings: [
      ["firmware-too-old", "veto", undefined, { side: "source", floor: "32.41.1000" }],
      ["firmware-too-old", "veto", undefined, { side: "destination" }],
    ],
    decision: "veto",
  },
  {
    name: "no devlink on the destination",
    source: CX7,
    destination: card(undefined, undefined, { firmware: undefined }),
    findings: [["firmware-unknown", "undecided", undefined, { side: "destination" }]],
    decision: "undecided",
  },
  {
    name: "a ConnectX-6 Dx",
    source: card("22.39.2048"),
    destination: card("22.39.2048"),
    findings: [
      ["card-not-certified", "warn", undefined, { version: "22.39.2048" }],
      ["card-not-certified", "warn"],
    ],
    decision: "allow",
  },
  {
    name: "a kernel that has the driver, and is older than NVIDIA wants",
    source: card("28.41.1000", undefined, { kernel: "6.1.0-28-amd64" }),
    destination: CX7,
    findings: [["kernel-too-old", "warn", undefined, { side: "source", floor: "6.7" }]],
    decision: "allow",
  },
];
