/** What was kept of another device takes no place of what a device shows of itself. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { type CapturedDevice, type Facts, parseDomain } from "premigrate";
import { devicesToStamp, makeStamp } from "../../../lib/facts/stamp/stamp_guest.ts";
import {
  readStampMetadata,
  type Stamp,
  type StampMetadata,
  writeStamp,
} from "../../../lib/facts/stamp/stamp.ts";
import { QemuVersion, Registry } from "../../../lib/policy/mod.ts";
import { judge } from "premigrate/policy";
import restoreCheck from "../../../plugins/qemu/restore-check/policy.ts";
import {
  afterOpening,
  configSpace,
  HOST,
  mediated,
  READ_BARS,
  type Shape,
  vgpu,
  virtualFunction,
} from "./stand_ins.ts";

const OWN = "0000:3b:00.4";
const OTHER = "0000:3b:00.5";
const MDEV = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01";
const OTHER_MDEV = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a02";
const GUEST = "4dea22b3-1d52-48f3-a516-782e98ab3fa0";
const NOW = "2026-03-01T12:00:00Z";

/** Where another VF of the card differs from the guest's; the destination has one like the other. */
const DIFFERENCES: readonly (readonly [name: string, own: Shape, other: Shape])[] = [
  ["MSI-X vectors (sriov_vf_msix_count)", { vectors: 8 }, { vectors: 32 }],
  ["the serial number of another card", { serial: 0xaa }, { serial: 0xbb }],
  ["the place of a capability", { msixAt: 0x9c }, { msixAt: 0xb0 }],
];

for (const [name, own, other] of DIFFERENCES) {
  Deno.test(`of a VF that a guest has its own bytes are known, not another's: ${name}`, async () => {
    const device = virtualFunction(OWN, own);
    const facts = await afterOpening(virtualFunction(OTHER, other), configSpace(other), device);
    assertEquals(facts.devices[0]?.config, device.config);
    assertEquals(facts.devices[0]?.bars, device.bars);
    for (const origin of ["started", "unknown"] as const) {
      const source = await stampedFacts(facts, origin);
      assertNotEquals(decide(source, configSpace(other)), "allow", origin);
    }
  });
}

Deno.test("a VF that was plugged in is stamped with its own bytes", async () => {
  const [own, other] = [{ vectors: 8 }, { vectors: 32 }];
  const facts = await afterOpening(
    virtualFunction(OTHER, other),
    configSpace(other),
    virtualFunction(OWN, own),
  );
  const without = { premigrate: "facts/1", host: HOST, devices: [] } as const;
  const old = await readBack({ guest: GUEST, time: NOW, devices: [], facts: without });
  const stamp = await makeStamp({
    ...{ guest: parseDomain(xml(OWN)), facts, time: NOW, old, start: undefined },
    origin: { kind: "incoming", since: new Date(Date.parse(NOW) - 1000) },
  });
  const [stamped] = stamp.facts.devices;
  assertEquals([stamped?.config?.kind, stamped?.config?.derived], ["sysfs", undefined]);
  assertEquals(stamped?.config?.bytes, configSpace(own));
});

Deno.test("what an older version stamped of another VF goes with the next stamp", async () => {
  const own = virtualFunction(OWN, { vectors: 8 });
  const bytes = configSpace({ vectors: 32 });
  const derived = { kind: "realize", bytes, source: "vfio-region", derived: true } as const;
  const guest = parseDomain(xml(OWN));
  const since = new Date(Date.parse(NOW) - 1000);
  const made = { guest, time: NOW, origin: { kind: "started", since }, start: undefined } as const;
  const factsOf = (device: CapturedDevice): Facts => ({
    ...{ premigrate: "facts/1", host: HOST, devices: [device] },
  });
  const none = { kind: "none" } as const;
  const first = await makeStamp({
    ...made,
    facts: factsOf({ ...own, config: derived }),
    old: none,
  });
  const old = await readBack(first);
  const second = await makeStamp({ ...made, facts: factsOf(own), old });
  assertEquals(second.facts.devices[0]?.config, own.config);
});

/** What of the host or the device was otherwise when another one of the kind was opened. */
const OTHER_KINDS: readonly (readonly [
  name: string,
  opened: CapturedDevice,
  asked: CapturedDevice,
  then?: Partial<typeof HOST>,
])[] = [
  ["a vGPU with more MSI-X vectors", vgpu(OTHER, { vectors: 32 }), vgpu(OWN)],
  ["one with another layout", vgpu(OTHER, { msixAt: 0xb0 }), vgpu(OWN)],
  ["one of another board", vgpu(OTHER, { subsystem: 0x59 }), vgpu(OWN)],
  ["one with larger BARs", { ...vgpu(OTHER), bars: [0x2000000, 0, 0, 0, 0, 0] }, vgpu(OWN)],
  ["one of another type", { ...vgpu(OTHER), vgpuType: 593 }, vgpu(OWN)],
  [
    "one of another driver",
    { ...vgpu(OTHER), driver: { name: "nvidia", version: "535.161.05" } },
    vgpu(OWN),
  ],
  [
    "an mdev before its parent's driver was replaced",
    mediated(OTHER_MDEV),
    mediated(MDEV),
    { nvidiaDriver: "535.161.05" },
  ],
  ["an mdev under another kernel", mediated(OTHER_MDEV), mediated(MDEV), { kernel: "6.12.4" }],
  [
    "an mdev under another module",
    mediated(OTHER_MDEV),
    mediated(MDEV),
    { modules: { nvidia_vgpu_vfio: "535.161.05" } },
  ],
  [
    "an mdev of another type with the same name",
    { ...mediated(OTHER_MDEV), mdevType: { id: "nvidia-559", name: "NVIDIA A40-8Q" } },
    mediated(MDEV),
  ],
];

for (const [name, opened, asked, then = {}] of OTHER_KINDS) {
  Deno.test(`no stand-in: ${name}`, async () => {
    const now = { ...HOST, nvidiaDriver: "550.54.16", modules: { nvidia_vgpu_vfio: "550.54.16" } };
    const hosts = { now, then: { ...now, ...then } };
    const { devices } = await afterOpening(opened, configSpace({ serial: 7 }), asked, hosts);
    assertEquals(devices[0]?.config, asked.config);
    assertEquals(devices[0]?.bars, asked.bars);
  });
}

for (
  const [name, opened, asked] of [
    ["a vGPU of a VF", vgpu(OTHER), vgpu(OWN)],
    ["an mdev", mediated(OTHER_MDEV), mediated(MDEV)],
  ] as const
) {
  Deno.test(`${name}: one of its kind stands in, marked as what it is, in the stamp too`, async () => {
    const bytes = configSpace({ serial: 7 });
    const facts = await afterOpening(opened, bytes, asked);
    const [device] = facts.devices;
    assertEquals([device?.config?.bytes, device?.bars], [bytes, READ_BARS]);
    assertEquals([device?.config?.kind, device?.config?.derived], ["realize", true]);
    const stamped = await stampedFacts(facts, "started");
    assertEquals(stamped.devices[0]?.config?.derived, true);
  });
}

function xml(source: string): string {
  const from = source.length === 36
    ? `<address uuid='${source}'/>`
    : "<address domain='0' bus='0x3b' slot='0' function='4'/>";
  const type = source.length === 36 ? "type='mdev' model='vfio-pci'" : "type='pci'";
  return `<domain type='kvm'><name>vm1</name><uuid>${GUEST}</uuid><devices>
    <hostdev mode='subsystem' ${type}><source>${from}</source>
    <address type='pci' bus='1'/></hostdev></devices></domain>`;
}

/** The facts as they come to the destination. */
async function stampedFacts(facts: Facts, origin: "started" | "unknown"): Promise<Facts> {
  const guest = parseDomain(xml(facts.devices[0]?.address ?? ""));
  assertEquals(devicesToStamp(guest).length, 1);
  const made = { guest, facts, time: NOW, old: { kind: "none" }, start: undefined } as const;
  const stamp = await makeStamp({ ...made, origin: { kind: origin, since: undefined } });
  const read = await readBack(stamp);
  assert(read.kind === "stamp");
  return read.stamp.facts;
}

async function readBack(stamp: Stamp): Promise<StampMetadata> {
  const element = await writeStamp(stamp);
  const { metadataElements } = parseDomain(
    `<domain type='kvm'><name>x</name><metadata>${element}</metadata></domain>`,
  );
  return await readStampMetadata(metadataElements);
}

/** At a destination whose VF QEMU sees so. */
function decide(source: Facts, bytes: Uint8Array): string {
  const qemu = new QemuVersion(10, 0, 0);
  const there: CapturedDevice = {
    ...virtualFunction(OWN),
    inUse: false,
    config: { kind: "realize", bytes, source: "vfio-region" },
  };
  const { verdict } = judge({
    registry: new Registry().use(restoreCheck),
    source: { ...source, host: { ...source.host, qemu } },
    destination: { host: { name: "hostb", qemu }, devices: [there] },
    machine: "pc-q35-9.1",
  });
  return verdict.decision;
}
