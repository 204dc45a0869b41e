import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type CapturedDevice, type Facts, parseDomain } from "premigrate";
import {
  readStampMetadata,
  type Stamp,
  STAMP_NAMESPACE,
  StampError,
  type StampMetadata,
} from "../../../../lib/facts/mod.ts";
import { setMetadata } from "premigrate/domain";
import type { GuestOrigin } from "../../../../lib/facts/stamp/guest_origin.ts";
import { keyIds } from "../../../../lib/facts/probe/host_ids.ts";
import {
  devicesToStamp,
  type GuestToStamp,
  makeStamp,
  writeFitting,
} from "../../../../lib/facts/stamp/stamp_guest.ts";
import type { StartRecord } from "../../../../lib/facts/vfio/start_records.ts";

const GUEST = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0";
const SOURCE = "0000:3b:00.4";
const OTHER_SOURCE = "0000:3b:00.5";
const STARTED = "2026-03-01T12:00:00.000Z";
const HERE = { name: "hosta", uuid: "here", bootId: "boot2" };
/** As stamps name it. */
const STAMPED_HERE = await keyIds(HERE, GUEST);

function domain(...devices: string[]): string {
  return `<domain type='kvm'><name>vm1</name><uuid>${GUEST}</uuid>` +
    `<devices>${devices.join("")}</devices></domain>`;
}

function pci(bus: number, fn = 4, extra = ""): string {
  return `<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='0x3b' slot='0' ` +
    `function='${fn}'/></source>${extra}<address type='pci' bus='${bus}'/></hostdev>`;
}

function mdev(model: string, address = "<address type='pci' bus='9'/>"): string {
  return `<hostdev mode='subsystem' type='mdev' model='${model}'>` +
    `<source><address uuid='${GUEST}'/></source>${address}</hostdev>`;
}

/** A device whose bytes all tell where they are from. */
function device(byte: number, address = SOURCE): CapturedDevice {
  return {
    address,
    source: "sysfs",
    config: { kind: "sysfs", bytes: new Uint8Array(256).fill(byte), source: "sysfs" },
    bars: [byte, 0, 0, 0, 0, 0],
    romSize: byte,
    driver: { name: "mlx5_vfio_pci", version: `${byte}` },
  };
}

function factsOf(host: Facts["host"], ...devices: CapturedDevice[]): Facts {
  return { premigrate: "facts/1", host, devices };
}

function stampOf(
  host: Facts["host"],
  changes: Partial<Stamp> = {},
  source = SOURCE,
): StampMetadata {
  const stamp = {
    guest: GUEST,
    time: "2026-03-01T12:05:00Z",
    devices: [{ guest: "0000:01:00.0", source }],
    facts: factsOf(host, device(0x0d, source)),
  };
  return { kind: "stamp", stamp: { ...stamp, ...changes } };
}

const ELSEWHERE = stampOf({ name: "hostb", uuid: "there", bootId: "boot1" });
const OURS = stampOf(STAMPED_HERE);
/** Made here while the device was not there. */
const UNPLUGGED = stampOf(STAMPED_HERE, { devices: [], facts: factsOf(STAMPED_HERE) });

function startOf(changes: Partial<StartRecord> = {}, address = SOURCE): StartRecord {
  const config = { kind: "realize" as const, bytes: new Uint8Array(256).fill(0x57) };
  return {
    guest: GUEST,
    time: "2026-03-01T11:59:58Z",
    bootId: "boot2",
    devices: [{ address, config, bars: [0x57, 0, 0, 0, 0, 0], romSize: 0x57 }],
    ...changes,
  };
}

const BARE = startOf({ devices: [], time: "2026-03-01T12:01:00Z" });

const NOW = 0x0c;
const OLD = 0x0d;
const START = 0x57;

const CASES: readonly (readonly [
  name: string,
  origin: GuestOrigin["kind"],
  old: StampMetadata,
  start: StartRecord | undefined,
  /** Whose bytes; a text: why there are none. */
  expected: number | string,
])[] = [
  ["started here, nothing else known", "started", { kind: "none" }, undefined, NOW],
  ["started here, read at its start", "started", { kind: "none" }, startOf(), START],
  ["started here, stamped by us since", "started", OURS, undefined, OLD],
  ["started here, read and stamped", "started", OURS, startOf(), START],
  ["started here, another device was read", "started", { kind: "none" }, startOf({}, "x"), NOW],
  ["started here, read in another boot", "started", OURS, startOf({ bootId: "boot1" }), OLD],
  [
    "started here, read for an earlier start",
    "started",
    { kind: "none" },
    startOf({ time: "2026-03-01T11:57:59Z" }),
    NOW,
  ],
  [
    "started here, read just within the bounds",
    "started",
    { kind: "none" },
    startOf({ time: "2026-03-01T12:00:05Z" }),
    START,
  ],
  [
    "started here, read after its start",
    "started",
    { kind: "none" },
    startOf({ time: "2026-03-01T12:00:06Z" }),
    NOW,
  ],
  [
    "started here, with a stamp of an earlier life",
    "started",
    stampOf(STAMPED_HERE, { time: "2026-03-01T11:59:59Z" }),
    undefined,
    NOW,
  ],
  [
    "started here, with a stamp of an earlier boot",
    "started",
    stampOf(await keyIds({ ...HERE, bootId: "boot1" }, GUEST)),
    undefined,
    NOW,
  ],
  ["started here, with a stamp from elsewhere", "started", ELSEWHERE, undefined, NOW],
  ["started here, unplugged and plugged in again since", "started", UNPLUGGED, startOf(), NOW],
  ["arrived here, plugged in since", "incoming", UNPLUGGED, undefined, NOW],
  ["started here, seen without devices since", "started", { kind: "none" }, BARE, NOW],
  ["arrived here, seen without devices since", "incoming", { kind: "none" }, BARE, NOW],
  ["arrived here, seen without, and stamped with it since", "incoming", OURS, BARE, OLD],
  [
    "arrived here, stamped elsewhere and seen without devices here since",
    "incoming",
    ELSEWHERE,
    startOf({ devices: [], time: "2026-03-01T12:06:00Z" }),
    NOW,
  ],
  [
    "arrived here, seen without devices before it left",
    "incoming",
    { kind: "none" },
    startOf({ devices: [], time: "2026-03-01T11:59:59Z" }),
    "not started on this host",
  ],
  [
    "arrived here, seen without devices in another boot",
    "incoming",
    { kind: "none" },
    startOf({ devices: [], time: "2026-03-01T12:01:00Z", bootId: "boot1" }),
    "not started on this host",
  ],
  [
    "arrived here, with a stamp of ours of before it left",
    "incoming",
    stampOf(STAMPED_HERE, {
      time: "2026-03-01T11:59:59Z",
      devices: [],
      facts: factsOf(STAMPED_HERE),
    }),
    undefined,
    "the guest was not started on this host, and no stamp tells",
  ],
  [
    "started here, another device plugged in since",
    "started",
    stampOf(STAMPED_HERE, {}, OTHER_SOURCE),
    undefined,
    NOW,
  ],
  ["arrived with a stamp", "incoming", ELSEWHERE, undefined, OLD],
  ["arrived, and stamped by us since", "incoming", OURS, undefined, OLD],
  ["arrived, read as it came", "incoming", ELSEWHERE, startOf(), OLD],
  ["arrived without a stamp", "incoming", { kind: "none" }, startOf(), "not started on this host"],
  ["arrived with a mark", "incoming", { kind: "offline", time: STARTED }, undefined, "no stamp"],
  [
    "arrived with a damaged stamp",
    "incoming",
    { kind: "unusable", reason: "it is cut" },
    undefined,
    "its stamp is unusable: it is cut",
  ],
  [
    "arrived with another guest's stamp",
    "incoming",
    stampOf(STAMPED_HERE, { guest: "x" }),
    undefined,
    "no",
  ],
  [
    "arrived, the stamp has no such device",
    "incoming",
    stampOf({ name: "hostb", uuid: "there" }, {
      devices: [{ guest: "0000:02:00.0", source: SOURCE }],
    }),
    undefined,
    "no stamp tells",
  ],
  [
    "arrived with a stamp, under another address there",
    "incoming",
    stampOf({ name: "hostb", uuid: "there" }, {}, OTHER_SOURCE),
    undefined,
    OLD,
  ],
  [
    "arrived, another device plugged in since we stamped it",
    "incoming",
    stampOf(STAMPED_HERE, {}, OTHER_SOURCE),
    undefined,
    NOW,
  ],
  ["not known, with a stamp", "unknown", ELSEWHERE, startOf(), OLD],
  ["not known, without one", "unknown", { kind: "none" }, startOf(), "not known where"],
];

for (const [name, kind, old, start, expected] of CASES) {
  Deno.test(`makeStamp: ${name}`, async () => {
    const input: GuestToStamp = {
      guest: parseDomain(domain(pci(1))),
      facts: factsOf(HERE, device(0xff, "0000:99:00.0"), device(NOW)),
      time: "2026-03-01T13:00:00Z",
      origin: { kind, since: kind === "unknown" ? undefined : new Date(STARTED) },
      old,
      start,
    };
    const { devices, facts, ...rest } = await makeStamp(input);
    assertEquals(rest, { guest: GUEST, time: input.time });
    assertEquals(devices, [{ guest: "0000:01:00.0", source: SOURCE }]);
    const [stamped, ...others] = facts.devices;
    assert(stamped !== undefined && others.length === 0);
    // All else is as it is now.
    assertEquals([facts.host, stamped.address, stamped.driver?.version], [
      STAMPED_HERE,
      SOURCE,
      "12",
    ]);
    const { config, bars, romSize, missing } = stamped;
    if (typeof expected === "string") {
      assertEquals([config, bars, romSize], [undefined, undefined, undefined]);
      assertStringIncludes(missing?.["config"] ?? "", expected);
    } else {
      assertEquals([config?.bytes[0], bars?.[0], romSize], [expected, expected, expected]);
      assertEquals(config?.kind, expected === START ? "realize" : "sysfs");
      assertEquals(missing?.["config"], undefined);
    }
  });
}

/** A stamp of the guest's that has bytes of this view, or none. */
function stampOfView(kind: "realize" | "running" | undefined, derived?: true): StampMetadata {
  const bytes = new Uint8Array(256).fill(OLD);
  const config = kind && { kind, bytes, source: "vfio-region" as const, derived };
  return stampOf({ name: "hostb", uuid: "there" }, {
    facts: factsOf({ name: "hostb" }, { ...device(OLD), config }),
  });
}

/** Of a device whose region is read while it runs. */
const RUNNING: readonly (readonly [
  name: string,
  origin: GuestOrigin["kind"],
  old: StampMetadata,
  start: StartRecord | undefined,
  expected: readonly [view: string, byte: number],
])[] = [
  ["started before anything was kept", "started", { kind: "none" }, undefined, ["running", NOW]],
  ["read at its start", "started", { kind: "none" }, startOf(), ["realize", START]],
  ["stamped by us from sysfs", "started", OURS, undefined, ["running", NOW]],
  ["arrived without a stamp", "incoming", { kind: "none" }, undefined, ["running", NOW]],
  ["nobody knows how", "unknown", { kind: "none" }, undefined, ["running", NOW]],
  ["arrived with a stamp", "incoming", stampOfView("realize"), undefined, ["realize", OLD]],
  ["arrived with one of it running", "incoming", stampOfView("running"), undefined, [
    "running",
    OLD,
  ]],
  ["started here, stamped while it ran", "started", stampOfView("running"), undefined, [
    "running",
    NOW,
  ]],
  ["arrived with one without bytes", "incoming", stampOfView(undefined), undefined, [
    "running",
    NOW,
  ]],
  ["arrived with another's bytes", "incoming", stampOfView("realize", true), undefined, [
    "running",
    NOW,
  ]],
];

for (const [name, kind, old, start, expected] of RUNNING) {
  Deno.test(`makeStamp, a device that is read while it runs: ${name}`, async () => {
    const bytes = new Uint8Array(256).fill(NOW);
    const config = { kind: "running", bytes, source: "vfio-region" } as const;
    const { facts } = await makeStamp({
      guest: parseDomain(domain(pci(1))),
      facts: factsOf(HERE, { ...device(NOW), config }),
      time: "2026-03-01T13:00:00Z",
      origin: { kind, since: kind === "unknown" ? undefined : new Date(STARTED) },
      old,
      start,
    });
    const [stamped] = facts.devices;
    assertEquals([stamped?.config?.kind, stamped?.config?.bytes[0]], [...expected]);
    assertEquals([stamped?.bars?.[0], stamped?.romSize], [expected[1], expected[1]]);
    // Where the guest has its BARs is as it is now.
    const isAsNow = expected[0] === "running";
    assertEquals(stamped?.config?.bytes[0x10], isAsNow ? NOW : expected[1]);
  });
}

Deno.test("another's bytes that stand in take no place of an older stamp's", async () => {
  const bytes = new Uint8Array(256).fill(NOW);
  const config = { kind: "running", bytes, source: "vfio-region", derived: true } as const;
  const { facts } = await makeStamp({
    guest: parseDomain(domain(pci(1))),
    facts: factsOf(HERE, { ...device(NOW), config }),
    time: "2026-03-01T13:00:00Z",
    origin: { kind: "incoming", since: undefined },
    old: stampOfView("running"),
    start: undefined,
  });
  assertEquals(facts.devices[0]?.config?.bytes[0], OLD);
});

Deno.test("why bytes are missing stays with them, from host to host", async () => {
  const old = stampOf({ name: "hostb" }, {
    facts: factsOf({ name: "hostb" }, {
      address: SOURCE,
      missing: { config: "sysfs has none", driver: "of hostb" },
    }),
  });
  const { facts } = await makeStamp({
    guest: parseDomain(domain(pci(1))),
    facts: factsOf(HERE, { ...device(NOW), missing: { realizeView: "x", numaNode: "of hosta" } }),
    time: STARTED,
    origin: { kind: "incoming", since: undefined },
    old,
    start: undefined,
  });
  assertEquals(facts.devices[0]?.missing, { config: "sysfs has none", numaNode: "of hosta" });
});

Deno.test("attributes are those of this host now, whatever an older stamp says of them", async () => {
  const here = { attributes: { fw_rev: "7", profile: null }, missing: { "attributes/x": "here" } };
  const there = { attributes: { fw_rev: "6", old: "1" }, missing: { "attributes/y": "there" } };
  const old = stampOf({ name: "hostb" }, {
    facts: factsOf({ name: "hostb" }, { ...device(OLD), ...there }),
  });
  for (const now of [here, {}]) {
    const { facts } = await makeStamp({
      guest: parseDomain(domain(pci(1))),
      facts: factsOf(HERE, { ...device(NOW), ...now }),
      time: STARTED,
      origin: { kind: "incoming", since: undefined },
      old,
      start: undefined,
    });
    const [stamped] = facts.devices;
    assertEquals(stamped?.config?.bytes[0], OLD);
    assertEquals([stamped?.attributes, stamped?.missing], [
      "attributes" in now ? now.attributes : undefined,
      "missing" in now ? now.missing : {},
    ]);
  }
});

const DEVICES: readonly (readonly [name: string, device: string, stamped: boolean])[] = [
  ["a PCI function", pci(1), true],
  ["a mediated device", mdev("vfio-pci"), true],
  ["one that is unplugged before", pci(1, 4, "<teaming type='transient' persistent='x'/>"), false],
  ["one that the guest does not get", mdev("vfio-pci", "<address type='unassigned'/>"), false],
  ["one without an address yet", mdev("vfio-pci", ""), false],
  ["one without a config space", mdev("vfio-ap", ""), false],
  ["another kind", "<hostdev type='usb'><source/></hostdev>", false],
];

for (const [name, device, stamped] of DEVICES) {
  Deno.test(`devicesToStamp: ${name} is ${stamped ? "" : "not "}stamped`, () => {
    assertEquals(devicesToStamp(parseDomain(domain(device))).length, stamped ? 1 : 0);
  });
}

Deno.test("no stamp is made of a guest with a device of which nothing is known", async () => {
  const made = {
    guest: parseDomain(domain(pci(1))),
    facts: factsOf(HERE),
    time: STARTED,
    origin: { kind: "started", since: undefined },
    old: { kind: "none" },
    start: undefined,
  } as const;
  const error = await assertRejects(() => makeStamp(made), StampError);
  assertStringIncludes(error.message, SOURCE);
  const guest = parseDomain("<domain type='kvm'><name>vm1</name></domain>");
  await assertRejects(() => makeStamp({ ...made, guest }), StampError, "no UUID");
});

Deno.test("a stamp that is too large with its attributes goes without them, and says so", async () => {
  const random = crypto.getRandomValues(new Uint8Array(2000));
  const attributes = { fw_rev: Array.from(random, (byte) => byte.toString(36)).join("") };
  const facts = { premigrate: "facts/1", host: HERE, devices: [device(1)] } as const;
  const stamp = { guest: GUEST, time: STARTED, devices: [], facts };
  const large = { ...stamp, facts: { ...facts, devices: [{ ...device(1), attributes }] } };

  const whole = await writeFitting(large, 100_000);
  assertEquals(whole.stamp, large);
  const limit = whole.element.length - 500;
  const fitting = await writeFitting(large, limit);
  assert(fitting.element.length < limit);
  const [{ attributes: left, missing } = device(1)] = fitting.stamp.facts.devices;
  assertEquals(left, undefined);
  assertEquals(missing, { attributes: "the guest's stamp is too large with them" });

  const { length } = (await writeFitting(stamp, 100_000)).element;
  for (const stamped of [stamp, large]) {
    const error = await assertRejects(() => writeFitting(stamped, length / 2), StampError);
    assertStringIncludes(error.message, "too large for virsh");
  }
});

const ROM = "/usr/share/vgabios/a.rom";
const OTHERS = { "/of/another.rom": 1 };
const ROMS: readonly (readonly [
  name: string,
  rom: string,
  now: Facts["host"]["romFiles"],
  wanted: Facts["host"]["romFiles"],
])[] = [
  ["none", "", { ...OTHERS }, undefined],
  ["its own, and no other guest's", `<rom file='${ROM}'/>`, { [ROM]: 7, ...OTHERS }, { [ROM]: 7 }],
  ["one that is not there", `<rom file='${ROM}'/>`, { [ROM]: null }, { [ROM]: null }],
  ["one that is not known", `<rom file='${ROM}'/>`, { ...OTHERS }, undefined],
  ["nobody asked", `<rom file='${ROM}'/>`, undefined, undefined],
];
for (const [name, rom, romFiles, wanted] of ROMS) {
  Deno.test(`ROM files in a stamp: ${name}`, async () => {
    const guest = parseDomain(domain(pci(1, 4, rom)));
    const missing = { romFiles: "/of/a-third.rom: not there", bus: "why" };
    const facts = factsOf({ ...HERE, romFiles, missing }, device(1));
    // A file that changed since is not told of by an older stamp: the device may be another's by now.
    const old = stampOf({ ...HERE, romFiles: { [ROM]: 9 } });
    const origin = { kind: "started", since: new Date(STARTED) } as const;
    const made = { guest, facts, time: "2026-03-01T13:00:00Z", origin, old, start: undefined };
    const stamp = await makeStamp(made);
    const { host } = stamp.facts;
    assertEquals([host.romFiles, host.missing], [wanted, { bus: "why" }]);
    const { element } = await writeFitting(stamp, 65_536);
    const xml = setMetadata(domain(), parseDomain(domain()), STAMP_NAMESPACE, element);
    const read = await readStampMetadata(parseDomain(xml).metadataElements);
    assert(read.kind === "stamp");
    assertEquals(read.stamp.facts.host.romFiles, wanted);
  });
}
