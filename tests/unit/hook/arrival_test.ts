/** A guest that arrives: what is judged of it, and what has to be read of this host first. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { BUILT_IN, parseDomain } from "premigrate";
import { setMetadata } from "premigrate/domain";
import { STAMP_NAMESPACE, writeOfflineMark } from "../../../lib/facts/mod.ts";
import { parseProbeReport } from "../../../lib/facts/probe/report.ts";
import { hostFacts } from "../../../lib/facts/host_facts.ts";
import { addRealizeViews } from "../../../lib/facts/vfio/realize_views.ts";
import { findRealizeView, recordRealizeView } from "../../../lib/facts/vfio/records.ts";
import { type Arrival, judgeArrival, type Judged, type Needed } from "../../../lib/hook/arrival.ts";
import type { Config } from "../../../lib/config/config.ts";
import {
  bytesOf,
  configOf,
  EMULATOR,
  FakeHost,
  FIRST,
  GUEST,
  guestXml,
  NOW,
  type Place,
  SECOND,
  sourceFacts,
  stamped,
  vfioAnswer,
} from "../../helpers/hook_arrivals.ts";
import {
  arrivalJson,
  askFakes,
  DOWN,
  ELSEWHERE,
  type FakeLibvirt,
  running,
} from "../../helpers/fake_virsh.ts";
import { OFFERS, RESOURCE } from "../../helpers/probe_tree.ts";

const MDEV = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01";
const NETWORK = "<interface type='network'><source network='default'/></interface>";

function judge(arrival: Arrival, config: Config = configOf()): Promise<Judged | Needed> {
  return judgeArrival(parseDomain(arrival.xml, { default: "plain" }), arrival, config);
}

/** Decided, with the codes that are more than information. */
async function decide(arrival: Arrival, config?: Config): Promise<string[]> {
  const found = await judge(arrival, config);
  if ("ask" in found) return ["needed", found.arch ?? "-", ...found.ask];
  const { decision, findings } = found.answer.verdict;
  const codes = findings.filter(({ severity }) => severity === "veto" || severity === "undecided")
    .map(({ code }) => code);
  return [decision, ...new Set(codes)];
}

async function knownHost(...addresses: readonly string[]): Promise<FakeHost> {
  return await new FakeHost().addFunctions(...addresses).know();
}

Deno.test("a stamp and a host that is known are a verdict", async () => {
  using host = await knownHost(FIRST.source);
  const xml = await stamped(guestXml([FIRST]), [FIRST]);
  assertEquals(await decide(await host.arrival(xml)), ["allow"]);
  const old = await stamped(guestXml([FIRST], { machine: "pc-q35-9.0" }), [FIRST]);
  const found = await judge(await host.arrival(old));
  assert(!("ask" in found));
  assertEquals(found.answer.verdict.decision, "veto");
  assertEquals([found.source?.host.name, found.destination?.host.name], ["hosta", "hostb"]);
  assertEquals([found.rewritten, found.xml], [{}, undefined]);
});

Deno.test("a device that is elsewhere on the source is compared with that of the XML", async () => {
  using host = await knownHost(FIRST.source);
  const place = { ...FIRST, source: "0000:af:00.1" };
  const found = await judge(await host.arrival(await stamped(guestXml([FIRST]), [place])));
  assert(!("ask" in found));
  assertEquals(found.answer.verdict.decision, "allow");
  assertEquals(found.answer.devices, [
    { name: "hostdev0", source: place.source, destination: FIRST.source },
  ]);
});

const PLAIN: readonly (readonly [name: string, xml: () => string | Promise<string>])[] = [
  ["no device at all", () => guestXml([])],
  ["the mark of an offline migration", () => withMark(guestXml([]), NOW)],
  ["a network that is no pool", () => guestXml([], { devices: NETWORK })],
  ["a stamp from before its device was unplugged", () => stamped(guestXml([]), [FIRST])],
  [
    "a network that is no pool, and an old stamp of no device",
    () => stamped(guestXml([], { devices: NETWORK }), [], { age: 10_000 }),
  ],
  ["a stamp that is too old", () => stamped(guestXml([]), [FIRST], { age: 10_000 })],
  [
    "a stamp that cannot be read",
    async () => (await stamped(guestXml([]), [FIRST])).replace(/digest="\w/, 'digest="'),
  ],
  ["a host device that is none of PCI's", () =>
    guestXml([], {
      devices: "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/></source></hostdev>",
    })],
];

for (const [name, xml] of PLAIN) {
  Deno.test(`a guest with ${name} passes, whatever the probe says`, async () => {
    using host = new FakeHost();
    for (const probed of ["", "premigrate-probe 1\n"]) {
      assertEquals(await decide({ ...await host.arrival(await xml(), []), probed }), ["allow"]);
    }
  });
}

function withMark(xml: string, time: number): string {
  const mark = writeOfflineMark(new Date(time).toISOString());
  return setMetadata(xml, parseDomain(xml), STAMP_NAMESPACE, mark);
}

const DECIDED: readonly (readonly [
  name: string,
  xml: () => string | Promise<string>,
  wanted: readonly string[],
])[] = [
  ["no stamp", () => guestXml([FIRST]), ["undecided", "no-stamp"]],
  ["an old stamp", () => stamped(guestXml([FIRST]), [FIRST], { age: 901 }), [
    "undecided",
    "stamp-too-old",
  ]],
  [
    "a stamp of another guest",
    () => stamped(guestXml([FIRST]), [FIRST], { guest: MDEV }),
    ["undecided", "stamp-of-other-guest"],
  ],
  [
    "a stamp that was damaged",
    async () => (await stamped(guestXml([FIRST]), [FIRST])).replace(/digest="\w/, 'digest="'),
    ["undecided", "stamp-unusable"],
  ],
  ["a fresh mark of an offline migration", () => withMark(guestXml([FIRST]), NOW), ["allow"]],
  ["an old mark of an offline migration", () => withMark(guestXml([FIRST]), NOW - 601_000), [
    "undecided",
    "offline-mark-too-old",
  ]],
  [
    "a mark, and a device of the command line",
    () =>
      withMark(
        guestXml([FIRST]).replace(
          "<domain ",
          "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' ",
        )
          .replace(
            "</domain>",
            "<qemu:commandline><qemu:arg value='-device'/><qemu:arg value='vfio-pci,host=3b:00.4'/></qemu:commandline></domain>",
          ),
        NOW,
      ),
    ["undecided", "device-of-command-line"],
  ],
  [
    "an interface that has no address, and a stamp of a device",
    () => stamped(guestXml([], { devices: NETWORK }), [FIRST]),
    ["undecided", "stamp-of-other-devices"],
  ],
  [
    "a network, and a stamp that was damaged",
    async () =>
      (await stamped(guestXml([], { devices: NETWORK }), [FIRST]))
        .replace(/digest="\w/, 'digest="'),
    ["undecided", "stamp-unusable"],
  ],
  [
    "a network, and a stamp of no device",
    () => stamped(guestXml([], { devices: NETWORK }), []),
    ["allow"],
  ],
  [
    "a device without an address in the guest",
    () => stamped(guestXml([FIRST, { guest: "", source: FIRST.source }]), [FIRST]),
    ["undecided", "paired-twice", "no-facts"],
  ],
  [
    "such a device, where the address in the XML is that of another on the source",
    () => {
      const elsewhere = { ...FIRST, source: "0000:af:00.1" };
      const stray = { guest: "", source: elsewhere.source };
      return stamped(guestXml([FIRST, stray]), [elsewhere]);
    },
    ["undecided", "no-facts"],
  ],
  [
    "a device without an address in the guest, alone",
    () => stamped(guestXml([{ guest: "", source: FIRST.source }]), []),
    ["undecided", "no-facts"],
  ],
];

for (const [name, xml, wanted] of DECIDED) {
  Deno.test(`a guest with ${name}: ${wanted.join(", ")}`, async () => {
    using host = await knownHost(FIRST.source, "0000:af:00.1");
    const ask = ["--emulator", EMULATOR, FIRST.source, "0000:af:00.1"];
    assertEquals(await decide(await host.arrival(await xml(), ask)), [...wanted]);
  });
}

Deno.test("a destination without the device, or without an answer, is undecided", async () => {
  using host = await knownHost();
  const xml = await stamped(guestXml([FIRST]), [FIRST]);
  const arrival = await host.arrival(xml);
  assertStringIncludes(arrival.probed, `absent ${FIRST.source}`);
  assertEquals(await decide(arrival), ["undecided", "no-facts"]);
  for (const probed of ["", arrival.probed.slice(0, -9), "premigrate-probe 2\n"]) {
    assertEquals(await decide({ ...arrival, probed }), ["undecided", "destination-not-read"]);
  }
});

const BOTH = [FIRST, SECOND];
const NEEDS: readonly {
  readonly name: string;
  readonly places: readonly Place[];
  readonly emulator?: string;
  readonly before?: string;
  /** What the launcher took from the XML. */
  readonly extracted: readonly string[];
  readonly known?: boolean;
  readonly needed: readonly string[] | undefined;
}[] = [
  {
    name: "an emulator and a device that are known",
    places: [FIRST],
    extracted: ["--emulator", EMULATOR, FIRST.source],
    needed: undefined,
  },
  {
    name: "an emulator that is not in the cache",
    places: [FIRST],
    extracted: ["--emulator", EMULATOR, FIRST.source],
    known: false,
    needed: ["x86_64", "--emulator", EMULATOR, FIRST.source],
  },
  {
    name: "an emulator that the launcher missed",
    places: [FIRST],
    extracted: [FIRST.source],
    needed: ["x86_64", "--emulator", EMULATOR, FIRST.source],
  },
  {
    name: "another element's text that the launcher took for the emulator",
    places: [FIRST],
    before: "<description>none</description>",
    emulator: "/usr/bin/env",
    extracted: ["--emulator", EMULATOR, FIRST.source],
    needed: ["x86_64", "--emulator", "/usr/bin/env", FIRST.source],
  },
  {
    name: "one device that the launcher missed",
    places: BOTH,
    extracted: ["--emulator", EMULATOR, FIRST.source],
    needed: ["-", "--emulator", EMULATOR, ...BOTH.map(({ source }) => source)],
  },
  {
    name: "a device that is not there",
    places: [{ ...FIRST, source: "0000:ff:00.0" }],
    extracted: ["--emulator", EMULATOR, "0000:ff:00.0"],
    needed: undefined,
  },
  {
    name: "an emulator whose path the probe does not take",
    places: [FIRST],
    emulator: "/opt/my qemu/$(x)",
    extracted: [FIRST.source],
    needed: undefined,
  },
  {
    name: "such an emulator, and a device that the launcher missed",
    places: [FIRST],
    emulator: "/opt/../qemu",
    extracted: [],
    needed: ["-", FIRST.source],
  },
];

for (const { name, places, emulator, before, extracted, known = true, needed } of NEEDS) {
  Deno.test(`${name}: ${needed === undefined ? "nothing" : "more"} is to be read first`, async () => {
    using host = new FakeHost().addFunctions(FIRST.source, SECOND.source);
    if (known) await host.know();
    const options = {
      ...emulator !== undefined && { emulator },
      ...before !== undefined && { before },
    };
    const xml = await stamped(guestXml(places, options), places);
    const arrival = await host.arrival(xml, extracted);
    const found = await judge(arrival);
    const asked = "ask" in found ? [found.arch ?? "-", ...found.ask] : undefined;
    assertEquals(asked, needed && [...needed]);

    // Whatever was read then, there is no third time.
    for (const probed of [arrival.probed, "", await host.probe()]) {
      const again = await judge({ ...arrival, probed, round: 2 });
      assert(!("ask" in again));
      const { verdict } = again.answer;
      assertEquals(verdict.findings.filter(({ code }) => code === "asked-anew").length, 1);
      if (probed !== arrival.probed) assertEquals(verdict.decision, "undecided");
    }
  });
}

Deno.test("of another QEMU than the guest's nothing is believed", async () => {
  using host = await knownHost(FIRST.source);
  const xml = await stamped(guestXml([FIRST], { emulator: "/opt/my qemu/qemu" }), [FIRST]);
  const found = await judge(await host.arrival(xml));
  assert(!("ask" in found));
  assertEquals(found.destination?.host.qemu, undefined);
});

/** A host with a mediated device, which has no config space in sysfs. */
async function mdevHost(): Promise<FakeHost> {
  const host = new FakeHost().addFunctions("0000:3b:00.0");
  host.sysfs.addMdev(MDEV, {
    parent: "0000:3b:00.0",
    type: "mtty-2",
    typeFiles: { name: "GRID T4-2Q\n" },
    driver: "vfio_mdev",
    iommuGroup: "9",
    offers: OFFERS,
  });
  return await host.know();
}

const MDEV_PLACE: Place = { guest: FIRST.guest, source: MDEV };
const ASK_MDEV = ["--emulator", EMULATOR, MDEV];

const REGIONS: readonly (readonly [
  name: string,
  regions: readonly (readonly [string, string])[],
  wanted: readonly string[],
])[] = [
  ["was read", [[MDEV, vfioAnswer(bytesOf("destination"))]], ["allow"]],
  ["was not read", [], ["undecided", "no-config"]],
  ["was another's", [[GUEST, vfioAnswer(bytesOf("destination"))]], ["undecided", "no-config"]],
  ["is busy", [[MDEV, '{"result":"busy","reason":"busy"}']], ["undecided", "no-config"]],
  ["came in half", [[MDEV, vfioAnswer(bytesOf("destination")).slice(0, 99)]], [
    "undecided",
    "no-config",
  ]],
];

for (const [name, regions, wanted] of REGIONS) {
  Deno.test(`an mdev whose config region ${name}: ${wanted.join(", ")}`, async () => {
    using host = await mdevHost();
    const xml = await stamped(guestXml([MDEV_PLACE]), [MDEV_PLACE]);
    const arrival = await host.arrival(xml, ASK_MDEV, { regions: new Map(regions) });
    assertEquals(await decide(arrival), [...wanted]);
  });
}

Deno.test("where an mdev was not read, one of its type that was kept stands in", async () => {
  using host = await mdevHost();
  const xml = await stamped(guestXml([MDEV_PLACE]), [MDEV_PLACE]);
  const arrival = await host.arrival(xml, ASK_MDEV);
  const { host: here, devices: [mdev] } = hostFacts({
    probe: parseProbeReport(arrival.probed),
  });
  assert(mdev !== undefined);
  const another = { ...mdev, address: GUEST, inUse: false };
  const read = {
    result: "read",
    config: { kind: "realize", bytes: bytesOf("destination") },
    bars: [16777216, 268435456, 0, 33554432, 0, 0],
    romSize: 0,
  } as const;
  await addRealizeViews(
    { premigrate: "facts/1", host: here, devices: [another] },
    { allowReset: false, records: host.paths.realize },
    arrival.signal,
    { read: () => Promise.resolve(read), find: findRealizeView, record: recordRealizeView },
  );
  const found = await judge(arrival);
  assert(!("ask" in found));
  assertEquals(found.answer.verdict.decision, "allow");
  assertEquals(found.destination?.devices[0]?.config?.derived, true);
  assertStringIncludes(found.answer.assumptions.join(), MDEV);
});

const THIRD = "0000:3b:00.6";
const REWRITE = { rewrite: true };

interface Rewriting {
  readonly name: string;
  readonly libvirt: FakeLibvirt;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly places?: readonly Place[];
  /** The devices with the same bytes as the source's. */
  readonly alike?: readonly string[];
  readonly machine?: string;
  readonly decision: string;
  /** By alias; none: the XML stays as it came. */
  readonly to?: Readonly<Record<string, string>>;
  readonly code?: string;
  readonly effect?: "allowed" | "refused";
}

const OTHER_GUEST = "0f5e4f0c-93a5-4b0a-8a43-0f6a3a1d2b02";
const holding = (...sources: readonly string[]): FakeLibvirt =>
  running({
    [OTHER_GUEST]: guestXml(
      sources.map((source, index) => ({ guest: `0000:0${index + 1}:00.0`, source })),
    )
      .replace(GUEST, OTHER_GUEST),
  });

const REWRITINGS: readonly Rewriting[] = [
  { name: "a free device stays", libvirt: ELSEWHERE, decision: "allow" },
  {
    name: "a device in use is replaced",
    libvirt: holding(FIRST.source),
    decision: "allow",
    to: { hostdev0: SECOND.source },
  },
  {
    name: "a device that would be vetoed is replaced",
    libvirt: ELSEWHERE,
    machine: "pc-q35-9.0",
    alike: [THIRD],
    decision: "allow",
    to: { hostdev0: THIRD },
  },
  {
    name: "one of two devices is replaced",
    libvirt: holding(SECOND.source),
    places: BOTH,
    decision: "allow",
    to: { hostdev1: THIRD },
  },
  {
    name: "there is none that is free",
    libvirt: holding(FIRST.source, SECOND.source, THIRD),
    decision: "veto",
    code: "none-chosen",
  },
  {
    name: "libvirt does not tell what is in use",
    libvirt: DOWN,
    decision: "undecided",
    code: "none-chosen",
  },
  {
    name: "a policy that is observed keeps no device from being chosen",
    libvirt: holding(FIRST.source),
    machine: "pc-q35-9.0",
    config: {
      ...REWRITE,
      policies: Object.fromEntries(
        BUILT_IN.map(({ id }) => [id, { mode: "observe" }]),
      ),
    },
    decision: "veto",
    to: { hostdev0: SECOND.source },
    effect: "allowed",
  },
  {
    name: "for this guest alone",
    libvirt: holding(FIRST.source),
    config: { guests: { [GUEST]: { rewrite: true } } },
    decision: "allow",
    to: { hostdev0: SECOND.source },
  },
  {
    name: "for all but this guest",
    libvirt: holding(FIRST.source),
    config: { ...REWRITE, guests: { [GUEST]: { rewrite: false } } },
    decision: "allow",
  },
];

for (const { name, libvirt, config = REWRITE, places = [FIRST], ...rest } of REWRITINGS) {
  Deno.test(`rewriting: ${name}`, async () => {
    const { alike = [], machine = "pc-q35-9.1", decision, to = {}, code } = rest;
    const { effect = decision === "allow" ? "allowed" : "refused" } = rest;
    using host = new FakeHost().addFunctions(
      ...[FIRST.source, SECOND.source, THIRD].filter((address) => !alike.includes(address)),
    );
    for (const address of alike) {
      const config = bytesOf("source");
      const files = { resource: RESOURCE };
      host.sysfs.addFunction(address, { config, driver: "nvidia", offers: OFFERS, files });
    }
    await host.know();
    const xml = await stamped(guestXml(places, { machine }), places);
    const arrival = await host.arrival(xml, [
      ...["--emulator", EMULATOR, FIRST.source],
      ...[SECOND.source, THIRD],
    ]);
    const { result } = await askFakes({ localhost: libvirt }, {
      what: "arrival",
      config,
      arrival: arrivalJson(arrival),
    });
    assertEquals([result["decision"], result["effect"]], [decision, effect]);
    const changed = Object.entries(to).map(([alias, to]) => {
      const { source = "" } = places[Number(alias.slice("hostdev".length))] ?? {};
      return [alias, { from: source, to }] as const;
    });
    assertEquals(result["rewritten"], Object.fromEntries(changed));
    if (changed.length === 0) assertEquals(result["xml"], undefined);
    else {
      const sources = parseDomain(String(result["xml"])).hostDevices.map((device) =>
        device.kind === "pci" ? device.source : ""
      );
      const wanted = places.map(({ source }, index) => to[`hostdev${index}`] ?? source);
      assertEquals(sources, wanted);
    }
    if (code !== undefined) assertStringIncludes(JSON.stringify(result["findings"]), code);
  });
}

Deno.test("facts of a source that are short of a device are never an allow", async () => {
  using host = await knownHost(FIRST.source, SECOND.source);
  const xml = await stamped(guestXml(BOTH), [FIRST], { facts: sourceFacts([FIRST.source]) });
  assertEquals(
    await decide(
      await host.arrival(xml, [
        "--emulator",
        EMULATOR,
        ...BOTH.map(({ source }) => source),
      ]),
    ),
    [
      "undecided",
      "stamp-of-other-devices",
    ],
  );
});
