/** What both hosts' libvirt networks say of a guest's devices. */
import { assertEquals } from "@std/assert";
import { type CapturedDevice, type Facts, parseDomain } from "premigrate";
import type { Networks } from "premigrate/domain";
import { judge } from "premigrate/policy";
import { policySet } from "../../../lib/config/policy_set.ts";
import { bytesOf, FIRST, guestXml, sourceFacts } from "../../helpers/hook_arrivals.ts";

const SOURCE = "3f1c2b1e-6f5a-4b7c-8d9e-0000000000a1";
const DESTINATION = "3f1c2b1e-6f5a-4b7c-8d9e-0000000000b2";
const [VF, OTHER] = ["0000:5e:02.0", "0000:5e:02.1"] as const;

function factsOf(
  uuid: string,
  networks: Networks | undefined,
  ...devices: readonly CapturedDevice[]
): Facts {
  const facts = sourceFacts([FIRST.source]);
  const [first] = facts.devices;
  return {
    ...facts,
    host: { ...facts.host, uuid, networks },
    devices: (devices.length > 0 || first === undefined ? devices : [first])
      .map((device) => ({ inUse: false, ...device })),
  };
}

function device(address: string, example: "source" | "destination"): CapturedDevice {
  const [device] = sourceFacts([address]).devices;
  const bytes = bytesOf(example);
  return { ...device, address, config: { kind: "realize", source: "composed", bytes } };
}

const pool = (...devices: readonly string[]): Networks => ({ vfs: { managed: false, devices } });
const HELD = pool(FIRST.source);
/** As a live XML has an interface on a network that is no pool. */
const LIVE = `<interface type='bridge'><source network='vfs' portid='x' bridge='br0'/></interface>`;
const INACTIVE = "<interface type='network'><source network='vfs'/></interface>";
const OLD = { machine: "pc-q35-9.0" };

const JUDGED: readonly {
  readonly name: string;
  readonly xml?: string;
  readonly source?: Networks | undefined;
  readonly destination?: Networks | undefined;
  readonly devices?: readonly CapturedDevice[];
  readonly targets?: ReadonlyMap<string, string>;
  /** The engine's findings that are more than information, or of a pool; and the pairs. */
  readonly wanted: readonly string[];
}[] = [
  { name: "no networks", wanted: [`${FIRST.source}>${FIRST.source}`] },
  {
    name: "a device of a pool there is judged by those of the pool here",
    source: HELD,
    destination: pool(VF, OTHER),
    devices: [device(VF, "source"), device(OTHER, "source")],
    wanted: ["pool-was-judged", `${FIRST.source}>${VF}`],
  },
  {
    name: "one of these is bad",
    xml: guestXml([FIRST], OLD),
    source: HELD,
    destination: pool(VF, OTHER),
    devices: [device(VF, "destination"), device(OTHER, "source")],
    wanted: ["pool-devices-differ", `${FIRST.source}>${OTHER}`],
  },
  {
    name: "one of these is bad, and another guest has it",
    xml: guestXml([FIRST], OLD),
    source: HELD,
    destination: pool(VF, OTHER),
    devices: [{ ...device(VF, "destination"), inUse: true }, device(OTHER, "source")],
    wanted: ["pool-was-judged", `${FIRST.source}>${OTHER}`],
  },
  {
    name: "another guest has each of them",
    source: HELD,
    destination: pool(VF),
    devices: [{ ...device(VF, "source"), inUse: true }],
    wanted: ["destination-in-use", "pool-was-judged", `${FIRST.source}>${VF}`],
  },
  {
    name: "a device of a pool, where the operator names another",
    source: HELD,
    destination: pool(VF, OTHER),
    devices: [device(VF, "source"), device(OTHER, "source")],
    targets: new Map([["hostdev0", OTHER]]),
    wanted: [`${FIRST.source}>${OTHER}`],
  },
  {
    name: "a device of a pool, and a network that is not known here",
    source: HELD,
    destination: {},
    wanted: ["network-may-be-pool", `${FIRST.source}>${FIRST.source}`],
  },
  {
    name: "a device of a pool, and networks that nobody asked for here",
    source: HELD,
    wanted: ["network-may-be-pool", `${FIRST.source}>${FIRST.source}`],
  },
  {
    name: "a device of a pool, and no pool here",
    source: HELD,
    destination: { vfs: "plain" },
    wanted: ["network-kinds-differ"],
  },
  {
    name: "a device that is no pool's",
    source: pool("0000:af:00.0"),
    destination: { vfs: "plain" },
    wanted: [`${FIRST.source}>${FIRST.source}`],
  },
  {
    name: "an ordinary NIC that runs there, and a pool here",
    xml: guestXml([], { devices: LIVE }),
    destination: pool(VF),
    wanted: ["network-kinds-differ"],
  },
  {
    name: "an ordinary NIC that runs there, and a plain network here",
    xml: guestXml([], { devices: LIVE }),
    source: { vfs: "plain" },
    destination: { vfs: "plain" },
    wanted: [],
  },
  {
    name: "an ordinary NIC that runs there, and networks that nobody asked for here",
    xml: guestXml([], { devices: LIVE }),
    wanted: ["network-may-be-pool"],
  },
  {
    name: "an inactive XML, and a pool on both hosts",
    xml: guestXml([], { devices: INACTIVE }),
    source: HELD,
    destination: pool(VF),
    wanted: ["address-not-yet-known"],
  },
  {
    name: "an inactive XML, and a pool here only",
    xml: guestXml([], { devices: INACTIVE }),
    source: { vfs: "plain" },
    destination: pool(VF),
    wanted: ["network-kinds-differ"],
  },
  {
    name: "an inactive XML, and a pool there only",
    xml: guestXml([], { devices: INACTIVE }),
    source: HELD,
    destination: { vfs: "plain" },
    wanted: ["network-kinds-differ"],
  },
  {
    name: "an inactive XML, and plain networks",
    xml: guestXml([], { devices: INACTIVE }),
    source: { vfs: "plain" },
    destination: { vfs: "plain" },
    wanted: [],
  },
  {
    name: "an inactive XML, and networks that are not known",
    xml: guestXml([], { devices: INACTIVE }),
    wanted: ["network-may-be-pool", "network-may-be-pool"],
  },
];

for (const { name, xml = guestXml([FIRST]), source, destination, devices, ...more } of JUDGED) {
  Deno.test(`judge: ${name}`, () => {
    const { targets, wanted } = more;
    const answer = judge({
      registry: policySet({ policies: {} }),
      source: factsOf(SOURCE, source),
      destination: factsOf(DESTINATION, destination, ...devices ?? []),
      guest: parseDomain(xml, destination),
      ...targets && { targets },
    });
    const own = answer.verdict.findings.filter(({ policy, code, severity }) =>
      policy === "premigrate" && (severity !== "info" || code.startsWith("pool"))
    );
    assertEquals([
      ...own.map(({ code }) => code),
      ...answer.devices.map(({ source, destination }) => `${source}>${destination}`),
    ], wanted);
  });
}

Deno.test("judge: a pool here, of which the document was read without knowing", () => {
  const networks = pool(VF);
  const { verdict } = judge({
    registry: policySet({ policies: {} }),
    source: factsOf(SOURCE, networks),
    destination: factsOf(DESTINATION, networks),
    guest: parseDomain(guestXml([], { devices: INACTIVE })),
  });
  assertEquals(verdict.findings.map(({ code }) => code), ["network-may-be-pool"]);
});
