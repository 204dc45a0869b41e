import { assertEquals } from "@std/assert";
import type { DeviceFacts, Finding } from "premigrate/policy";
import { pairDevices, type WantedDevice } from "../../../lib/policy/pair.ts";

const [A, B, C] = ["0000:3b:00.4", "0000:3b:00.5", "0000:af:00.1"] as const;

function facts(...addresses: readonly string[]): DeviceFacts[] {
  return addresses.map((address) => ({ address, inUse: false }));
}

interface Case {
  readonly name: string;
  /** Source addresses of hostdev0, hostdev1, ... */
  readonly wanted: readonly (string | undefined)[];
  readonly source: readonly string[];
  readonly destination: readonly string[];
  readonly targets?: Readonly<Record<string, string>>;
  /** Name, source, destination. */
  readonly pairs: readonly string[];
  readonly findings?: [code: string, device: string, data: Finding["data"]][];
}

const CASES: readonly Case[] = [
  { name: "nothing is wanted", wanted: [], source: [A], destination: [A], pairs: [] },
  {
    name: "the same address on both hosts",
    wanted: [A, B],
    source: [B, A, C],
    destination: [C, B, A],
    pairs: [`hostdev0 ${A} ${A}`, `hostdev1 ${B} ${B}`],
  },
  {
    name: "no facts of the source",
    wanted: [A],
    source: [],
    destination: [A],
    pairs: [],
    findings: [["no-facts", "hostdev0", { address: A, side: "the source" }]],
  },
  {
    name: "no facts of the destination, others are paired",
    wanted: [A, B],
    source: [A, B],
    destination: [B],
    pairs: [`hostdev1 ${B} ${B}`],
    findings: [["no-facts", "hostdev0", { address: A, side: "the destination" }]],
  },
  {
    name: "no facts at all",
    wanted: [A],
    source: [],
    destination: [],
    pairs: [],
    findings: [["no-facts", "hostdev0", { address: A, side: "either host" }]],
  },
  {
    name: "the only device of each side, with another address there",
    wanted: [A],
    source: [A],
    destination: [C],
    pairs: [`hostdev0 ${A} ${C}`],
    findings: [["paired-by-elimination", "hostdev0", { source: A, destination: C }]],
  },
  {
    name: "the only device of each side, with another address here",
    wanted: [A],
    source: [B],
    destination: [A],
    pairs: [`hostdev0 ${B} ${A}`],
    findings: [["paired-by-elimination", "hostdev0", { source: B, destination: A }]],
  },
  {
    name: "two devices on one side: nobody guesses",
    wanted: [A],
    source: [A],
    destination: [B, C],
    pairs: [],
    findings: [["no-facts", "hostdev0", { address: A, side: "the destination" }]],
  },
  {
    name: "two wanted devices: nobody guesses",
    wanted: [A, B],
    source: [A],
    destination: [A],
    pairs: [`hostdev0 ${A} ${A}`],
    findings: [["no-facts", "hostdev1", { address: B, side: "either host" }]],
  },
  {
    name: "libvirt has yet to choose",
    wanted: [undefined, A],
    source: [A],
    destination: [A],
    pairs: [`hostdev1 ${A} ${A}`],
    findings: [["address-not-yet-known", "hostdev0", {}]],
  },
  {
    name: "one that libvirt has yet to choose is not guessed",
    wanted: [undefined],
    source: [A],
    destination: [A],
    pairs: [],
    findings: [["address-not-yet-known", "hostdev0", {}]],
  },
  {
    name: "a target",
    wanted: [A, B],
    source: [A, B],
    destination: [A, B, C],
    targets: { hostdev0: C },
    pairs: [`hostdev0 ${A} ${C}`, `hostdev1 ${B} ${B}`],
  },
  {
    name: "a target that is not there",
    wanted: [A],
    source: [A],
    destination: [A],
    targets: { hostdev0: C },
    pairs: [],
    findings: [["no-facts", "hostdev0", { address: C, side: "the destination" }]],
  },
  {
    name: "two that would become one",
    wanted: [A, B],
    source: [A, B],
    destination: [A, B],
    targets: { hostdev0: B },
    pairs: [`hostdev0 ${A} ${B}`, `hostdev1 ${B} ${B}`],
    findings: [["paired-twice", "hostdev1", { address: B, other: "hostdev0" }]],
  },
];
for (const { name, wanted, source, destination, targets = {}, pairs, findings = [] } of CASES) {
  Deno.test(`pairDevices: ${name}`, () => {
    const devices = wanted.map((address, index): WantedDevice => ({
      name: `hostdev${index}`,
      address,
      guest: { bus: "port", properties: { multifunction: "on" } },
    }));
    const pairing = pairDevices(
      devices,
      facts(...source),
      facts(...destination),
      new Map(Object.entries(targets)),
    );
    assertEquals(
      pairing.pairs.map(({ name, source, destination }) =>
        `${name} ${source.address} ${destination.address}`
      ),
      pairs,
    );
    for (const { guest } of pairing.pairs) assertEquals(guest, devices[0]?.guest);
    assertEquals(
      pairing.findings.map(({ code, device = "", data }) => [code, device, data]),
      findings,
    );
  });
}
