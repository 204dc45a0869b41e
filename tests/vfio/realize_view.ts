/**
 * In the nested VM: what the VFIO reader returns for an idle device, and what is recorded of it just
 * before its guest starts, is what QEMU then sends in the migration stream.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import fc from "fast-check";
import { recordGuestStart } from "../../lib/facts/vfio/record_guest_start.ts";
import { findStart } from "../../lib/facts/vfio/start_records.ts";
import { readVfioRegion, type VfioRegion } from "../../lib/facts/vfio/region.ts";
import { type DeviceTemplate, Mdev } from "./mdev.ts";
import { machineWith, readGuestView } from "./migrate.ts";
import { type RandomPair, randomPairs } from "./pairs.ts";
import { delay, Qemu, qemuVersion } from "./qemu.ts";
import { realizeSide, recordMigration } from "./recorded.ts";
import { appendResult } from "./results.ts";

const [work = ""] = Deno.args;
const EMULATOR = "/usr/bin/qemu-system-x86_64";
const FUNCTION = "0000:01:00.0"; // An e1000e, see `nested_vm.ts`.
const UUID = "7d3c1f0a-2b64-4c58-9e5f-0d1a2b3c4d5e";
const SEED = 8;
const DEVICES = 24;

/** Registers of which QEMU or the kernel keeps a copy of its own, so that a guest sees other bytes. */
const REWRITTEN = [
  [0x04, 0x08], // command and status
  [0x0c, 0x10], // cache line, latency, header type's multifunction bit, BIST
  [0x10, 0x28], // BARs
  [0x30, 0x34], // expansion ROM
] as const;

/** Each, and how many of the devices are of that kind. */
const KINDS: Readonly<Record<string, (pair: RandomPair) => boolean>> = {
  "256 bytes": ({ source }) => source.config.length === 256,
  "4096 bytes": ({ source }) => source.config.length === 4096,
  "extended capabilities": ({ extended }) => extended.length > 0,
  "I/O BAR": ({ source }) => hasBar(source, 0x1),
  "32-bit BAR": ({ source }) => hasBar(source, 0x0) || hasBar(source, 0x8),
  "64-bit BAR": ({ source }) => hasBar(source, 0x4) || hasBar(source, 0xc),
  "expansion ROM": ({ source: { romSize = 0 } }) => romSize > 0,
  "MSI-X": ({ source: { msixVectors = 0 } }) => msixVectors > 0,
  "MSI": ({ capabilities }) => capabilities.some(([id]) => id === 0x05),
  "PCI Express capability": ({ capabilities }) => capabilities.some(([id]) => id === 0x10),
  "vendor-specific capability": ({ capabilities }) => capabilities.some(([id]) => id === 0x09),
  "below a root port": ({ bus }) => bus === "port",
  "on pcie.0": ({ bus }) => bus === "root",
  "behind a bridge to conventional PCI": ({ bus }) => bus === "pci-under-pcie",
  "on conventional PCI": ({ bus }) => bus === "pci",
};

function hasBar({ config, bars = [] }: DeviceTemplate, type: number): boolean {
  return bars.some((size, bar) => size > 0 && config[0x10 + 4 * bar] === type);
}

async function read(address: string, group: number): Promise<VfioRegion> {
  const request = { address, group, allowReset: true };
  const region = await readVfioRegion(request, AbortSignal.timeout(60_000));
  assert(region.result === "read", JSON.stringify(region));
  return region;
}

Deno.test("the reader, the record of a start and the stream tell the same", async (t) => {
  const qemu = await qemuVersion(EMULATOR);
  const modelOf = (pair: RandomPair): ReturnType<typeof realizeSide> =>
    realizeSide(recordMigration(pair, { result: "completed" }, qemu), "source");
  const pairs = fc.sample(randomPairs, { seed: SEED, numRuns: DEVICES })
    .filter((pair) => modelOf(pair).ok);

  await t.step("among the devices is every kind", () => {
    for (const [kind, isOf] of Object.entries(KINDS)) assert(pairs.some(isOf), kind);
  });

  using devices = new DisposableStack();
  const mdevs = pairs.map(({ source }) => devices.use(new Mdev(source)));

  await t.step("the reader returns the bytes and sizes the device was made with", async () => {
    for (const [index, { uuid, group }] of mdevs.entries()) {
      const { config, bars, romSize } = await read(uuid, group);
      const made = pairs[index]?.source;
      assertEquals(encodeHex(config.bytes), encodeHex(made?.config ?? new Uint8Array()), uuid);
      assertEquals([bars, romSize], [made?.bars ?? [], made?.romSize ?? 0], uuid);
    }
  });

  await t.step("the record of a guest's start holds them for all its devices", async () => {
    const folder = await Deno.makeTempDir();
    const folders = { started: `${folder}/started`, realize: `${folder}/realize` };
    const xml = guestXml(mdevs.map(({ uuid }) => uuid));
    assertEquals(await recordGuestStart(xml, folders, AbortSignal.timeout(300_000)), undefined);
    const record = findStart(folders.started, UUID);
    assert("devices" in record, JSON.stringify(record));
    assertEquals(
      record.devices.map(({ address, config, bars, romSize }) => ({
        address,
        config: encodeHex(config.bytes),
        bars,
        romSize,
      })),
      mdevs.map(({ uuid }, index) => {
        const { config = new Uint8Array(), bars = [], romSize = 0 } = pairs[index]?.source ?? {};
        return { address: uuid, config: encodeHex(config), bars, romSize };
      }),
    );
  });

  await t.step("the stream carries what the model makes of them", async () => {
    for (const [index, mdev] of mdevs.entries()) {
      const pair = pairs[index];
      assert(pair !== undefined);
      const sent = await configInStream(machineWith(mdev, pair), pair.source.config.length);
      const model = modelOf(pair);
      assert(model.ok);
      assertEquals(encodeHex(sent), encodeHex(model.shadow), JSON.stringify(pair.capabilities));
    }
  });
  await appendResult(work, { part: "realize", qemu, devices: mdevs.length });
});

/** What `vfio_pci_save_config` puts into the stream. */
async function configInStream(args: readonly string[], size: number): Promise<Uint8Array> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/stream`;
  try {
    const qemu = await Qemu.start(EMULATOR, args);
    assert(typeof qemu !== "string", `${qemu}`);
    await using _ = qemu;
    await qemu.execute("migrate", { uri: `exec:cat > ${path}` });
    while (await qemu.isMigrating()) await delay(10);
    assertEquals(await qemu.migrationStatus(), "completed");
    const hex = (await Deno.readFile(path)).toHex();
    // VFIO_MIG_FLAG_DEV_CONFIG_STATE, and "PCIDevice", version 2
    const [, rest, ...others] = hex.split("ffffffffef10000200000002");
    assert(rest !== undefined && others.length === 0, "there is no config space in the stream");
    return Uint8Array.fromHex(rest.slice(0, 2 * size));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function guestXml(uuids: readonly string[]): string {
  const devices = uuids.map((uuid, index) => `
    <hostdev mode="subsystem" type="mdev" model="vfio-pci">
      <source><address uuid="${uuid}"/></source>
      <address type="pci" domain="0" bus="${index + 1}" slot="0" function="0"/>
    </hostdev>`);
  return `<domain type="qemu"><name>vm1</name><uuid>${UUID}</uuid>
  <os><type arch="x86_64" machine="pc-q35-9.1">hvm</type></os>
  <devices>${devices.join("")}</devices></domain>`;
}

for (const kind of ["mdev", "PCI function"] as const) {
  Deno.test(`an idle ${kind}`, async (t) => {
    const place = { machine: "pc-i440fx-9.1", bus: "pci", properties: "" } as const;
    using mdev = kind === "mdev" ? new Mdev(await examplePair()) : undefined;
    const address = mdev?.uuid ?? bind(FUNCTION);
    const sysfs = mdev?.sysfs ?? `/sys/bus/pci/devices/${FUNCTION}`;
    const group = Number(Deno.readLinkSync(`${sysfs}/iommu_group`).split("/").at(-1));
    const start = async (): Promise<Qemu> => {
      const migration = mdev === undefined ? "off" : "on";
      const qemu = await Qemu.start(EMULATOR, machineWith({ sysfs }, place, migration));
      assert(typeof qemu !== "string", `${qemu}`);
      return qemu;
    };

    await t.step("is read as QEMU then shows it to its guest", async () => {
      const { config } = await read(address, group);
      await using qemu = await start();
      assertEquals(asGuestSees(config.bytes), asGuestSees(await readGuestView(qemu, place)));
    });

    await t.step("is busy while QEMU holds it, and QEMU notices nothing", async () => {
      const before = await read(address, group);
      {
        await using qemu = await start();
        const seen = await readGuestView(qemu, place);
        const request = { address, group, allowReset: true };
        const refusal = await readVfioRegion(request, AbortSignal.timeout(60_000));
        assertEquals(refusal.result, "busy", JSON.stringify(refusal));
        assertEquals(encodeHex(await readGuestView(qemu, place)), encodeHex(seen));
        assert(qemu.running);
      }
      assertEquals(await read(address, group), before);
    });

    await t.step("can be opened by QEMU right after", async () => {
      for (let round = 0; round < 3; round++) {
        await read(address, group);
        await using qemu = await start();
        assert(qemu.running);
      }
    });

    if (mdev !== undefined) return;
    await t.step("has the sizes that sysfs tells", async () => {
      const { bars, romSize } = await read(address, group);
      const resources = Deno.readTextFileSync(`${sysfs}/resource`).split("\n").slice(0, 7);
      const sizes = resources.map((line) => {
        const [start = 0n, end = 0n, flags] = line.split(" ").map(BigInt);
        return flags === 0n ? 0 : Number(end - start) + 1;
      });
      assertEquals([...bars, romSize], sizes);
    });
  });
}

Deno.test("refusals that need a host with VFIO", async () => {
  using mdev = new Mdev(await examplePair());
  const { uuid: address, group } = mdev;
  const cases = [
    ["another device's group", { address: UUID, group }, "not-vfio"],
    ["a group without VFIO", { address, group: 99_999 }, "no-group"],
    ["a PCI function that must not be reset", { address: "0000:00:00.0", group }, "would-reset"],
  ] as const;
  for (const [name, request, result] of cases) {
    const refusal = await readVfioRegion(request, AbortSignal.timeout(60_000));
    assertEquals(refusal.result, result, `${name}: ${JSON.stringify(refusal)}`);
    assert("reason" in refusal);
    assertMatch(refusal.reason, /^[A-Z][ -~]+$/, name);
  }
});

/** The README's NVIDIA-like device. */
async function examplePair(): Promise<DeviceTemplate> {
  const hex = await Deno.readTextFile("examples/source.hex");
  return {
    config: Uint8Array.fromHex(hex.replace(/\s/g, "")),
    bars: [0x1000, 0x10000, 0, 0x1000, 0, 0],
  };
}

function asGuestSees(bytes: Uint8Array): string {
  const seen = bytes.slice(0, 256);
  for (const [from, to] of REWRITTEN) seen.fill(0, from, to);
  return encodeHex(seen);
}

function bind(address: string): string {
  const sysfs = `/sys/bus/pci/devices/${address}`;
  Deno.writeTextFileSync(`${sysfs}/driver_override`, "vfio-pci", { create: false });
  Deno.writeTextFileSync("/sys/bus/pci/drivers_probe", address, { create: false });
  return address;
}
