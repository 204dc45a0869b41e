/**
 * The VFIO reader against a real device and a real QEMU; README.md tells how to run it.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { readVfioRegion, type VfioRegion } from "../../lib/facts/vfio_region.ts";
import { Qemu } from "./qemu.ts";

const [emulator = "qemu-system-x86_64", address = "", ...expected] = Deno.args;
const sysfs = `/sys/bus/${address.includes(".") ? "pci" : "mdev"}/devices/${address}`;
const group = Number(Deno.readLinkSync(`${sysfs}/iommu_group`).split("/").at(-1));
const [cdev] = exists("/dev/iommu") ? Array.from(Deno.readDirSync(`${sysfs}/vfio-dev`)) : [];
const byGroup = { address, group, allowReset: true };
const byCdev = { ...byGroup, cdev: cdev?.name };
const device = `vfio-pci,id=h0,addr=5.0,sysfsdev=${sysfs}`;

/** Registers that QEMU or the kernel keeps for itself, so that a guest sees other bytes. */
const REWRITTEN = [
  [0x04, 0x08], // command and status
  [0x0c, 0x10], // cache line, latency, header type's multifunction bit, BIST
  [0x10, 0x28], // BARs
  [0x30, 0x34], // expansion ROM
] as const;

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

async function readByGroup(): Promise<VfioRegion> {
  const region = await readVfioRegion(byGroup, AbortSignal.timeout(60_000));
  assert(region.result === "read", JSON.stringify(region));
  return region;
}

function asGuestSees(bytes: Uint8Array): string {
  const seen = bytes.slice(0, 256);
  for (const [from, to] of REWRITTEN) seen.fill(0, from, to);
  return encodeHex(seen);
}

Deno.test("reads the bytes the device was made with", async () => {
  const { config: { bytes }, bars, via } = await readByGroup();
  for (const [offset = "", hex = ""] of expected.map((text) => text.split("="))) {
    const at = Number(offset);
    assertEquals(encodeHex(bytes.slice(at, at + hex.length / 2)), hex, `at ${offset}`);
  }
  assertEquals([bars.length, via], [6, "group"]);
});

Deno.test({
  name: "reads the sizes that sysfs tells",
  ignore: !address.includes("."),
  async fn(): Promise<void> {
    const { bars, romSize } = await readByGroup();
    const sizes = Deno.readTextFileSync(`${sysfs}/resource`).split("\n").slice(0, 7).map((line) => {
      const [start, end, flags] = line.split(" ").map(BigInt);
      return flags === 0n ? 0 : Number((end ?? 0n) - (start ?? 0n)) + 1;
    });
    assertEquals([...bars, romSize], sizes);
  },
});

Deno.test("reads what QEMU then shows its guest", async () => {
  const { config } = await readByGroup();
  await using qemu = await Qemu.start(emulator, device);
  assertEquals(asGuestSees(config.bytes), asGuestSees(await qemu.readConfig(5)));
});

Deno.test("a device that QEMU holds is busy, and QEMU notices nothing", async () => {
  const before = await readByGroup();
  {
    await using qemu = await Qemu.start(emulator, device);
    const seen = await qemu.readConfig(5);
    for (const request of cdev === undefined ? [byGroup] : [byGroup, byCdev]) {
      const refusal = await readVfioRegion(request, AbortSignal.timeout(60_000));
      assertEquals(refusal.result, "busy", JSON.stringify(refusal));
    }
    assertEquals(encodeHex(await qemu.readConfig(5)), encodeHex(seen));
    assertEquals(qemu.running, true);
  }
  assertEquals(await readByGroup(), before);
});

Deno.test("a device that QEMU can open again right after", async () => {
  for (let round = 0; round < 3; round++) {
    await readByGroup();
    await using qemu = await Qemu.start(emulator, device);
    assertEquals(qemu.running, true);
  }
});

Deno.test({
  name: "reads the same through the device's own node, also while another holds that node",
  ignore: cdev === undefined,
  async fn(): Promise<void> {
    const { config, bars, romSize } = await readByGroup();
    const region = await readVfioRegion(byCdev, AbortSignal.timeout(60_000));
    assert(region.result === "read", JSON.stringify(region));
    assertEquals([region.config, region.bars, region.romSize], [config, bars, romSize]);
    assertEquals(region.via, "cdev");

    await using _ = await Qemu.start(emulator, `${device},iommufd=i0`, "iommufd,id=i0");
    for (const request of [byGroup, byCdev]) {
      const refusal = await readVfioRegion(request, AbortSignal.timeout(60_000));
      assertEquals(refusal.result, "busy", JSON.stringify(refusal));
    }
  },
});

Deno.test("refusals that need a host with VFIO", async () => {
  const uuid = "00000000-1111-2222-3333-444444444444";
  const cases = [
    ["another device's group", { ...byGroup, address: uuid }, "not-vfio"],
    ["a group without VFIO", { ...byGroup, group: 99_999 }, "no-group"],
    ["a PCI function that must not be reset", { address: "0000:00:00.0", group }, "would-reset"],
    ["a node that is not there", { ...byGroup, cdev: "vfio999" }, "not-vfio"],
  ] as const;
  for (const [name, request, result] of cases) {
    const refusal = await readVfioRegion(request, AbortSignal.timeout(60_000));
    assertEquals(refusal.result, result, `${name}: ${JSON.stringify(refusal)}`);
    assert("reason" in refusal);
    assertMatch(refusal.reason, /^[A-Z][ -~]+$/, name);
  }
});
