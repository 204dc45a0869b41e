/** Nothing becomes allow by knowing less: what both hosts' networks are. */
import { assertEquals } from "@std/assert";
import { type CapturedDevice, type Facts, parseDomain } from "premigrate";
import type { Networks } from "premigrate/domain";
import { policySet } from "../../../lib/config/policy_set.ts";
import type { Decision } from "../../../lib/policy/mod.ts";
import { judge } from "premigrate/policy";
import { bytesOf, FIRST, guestXml, sourceFacts } from "../../helpers/hook_arrivals.ts";

const [EQUAL, OTHER] = ["0000:5e:02.0", "0000:5e:02.1"] as const;

function device(address: string, example: "source" | "destination"): CapturedDevice {
  const [device] = sourceFacts([address]).devices;
  const config = { kind: "realize", source: "composed", bytes: bytesOf(example) } as const;
  return { ...device, address, inUse: false, config };
}

const pool = (...devices: readonly string[]): Networks => ({ vfs: { managed: false, devices } });

const NETWORKS: Readonly<Record<string, Networks>> = {
  none: {},
  plain: { vfs: "plain" },
  "the guest's device": pool(FIRST.source),
  "an equal device": pool(EQUAL),
  "another device": pool(OTHER),
  "two devices": pool(EQUAL, OTHER),
  "an empty pool": pool(),
};

const [address = ""] = /<address domain=[^>]*>/.exec(guestXml([FIRST])) ?? [];
const GUESTS: Readonly<Record<string, string>> = {
  "a NIC of a live XML":
    "<interface type='bridge'><source network='vfs' portid='x' bridge='br0'/></interface>",
  "a NIC of an inactive XML": "<interface type='network'><source network='vfs'/></interface>",
  "a VF of a live XML": `<interface type='hostdev'><source>${
    address.replace("<address", "<address type='pci'")
  }</source><address type='pci' domain='0x0000'
       bus='0x01' slot='0x00' function='0x0'/></interface>`,
};

function decide(xml: string, source?: Networks, destination?: Networks): Decision {
  const facts = (
    uuid: string,
    networks: Networks | undefined,
    devices: Facts["devices"],
  ): Facts => {
    const facts = sourceFacts([FIRST.source]);
    return { ...facts, host: { ...facts.host, uuid, networks }, devices };
  };
  return judge({
    registry: policySet({ policies: {} }),
    source: facts("3f1c2b1e-6f5a-4b7c-8d9e-0000000000a1", source, [
      device(FIRST.source, "source"),
    ]),
    destination: facts("3f1c2b1e-6f5a-4b7c-8d9e-0000000000b2", destination, [
      device(FIRST.source, "source"),
      device(EQUAL, "source"),
      device(OTHER, "destination"),
    ]),
    guest: parseDomain(guestXml([], { machine: "pc-q35-9.0", devices: xml }), destination),
  }).verdict.decision;
}

for (const [name, xml] of Object.entries(GUESTS)) {
  Deno.test(`check: ${name}, and networks that are not known`, () => {
    const decisions = new Set<Decision>();
    const leaks: string[] = [];
    for (const [here, source] of Object.entries(NETWORKS)) {
      for (const [there, destination] of Object.entries(NETWORKS)) {
        const decision = decide(xml, source, destination);
        decisions.add(decision);
        if (decision === "allow") continue;
        const less = [
          decide(xml, undefined, destination),
          decide(xml, source, undefined),
          decide(xml),
        ];
        if (less.includes("allow")) leaks.push(`${here}; ${there}: ${decision}; ${less}`);
      }
    }
    assertEquals(leaks, []);
    assertEquals([...decisions].sort(), ["allow", "undecided", "veto"]);
  });
}
