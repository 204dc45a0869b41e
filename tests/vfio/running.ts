/**
 * In the nested VM: what is read of the devices of guests that run is what QEMU then sends in the
 * migration stream, and the guests notice nothing.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import fc from "fast-check";
import { checkMask, get32, type RealizedDevice } from "premigrate/policy";
import { changingBytes } from "../../plugins/qemu/restore-check/unsure_bytes.ts";
import { readRunningRegions } from "../../lib/facts/vfio/region.ts";
import { guestXml } from "../e2e/installed_hosts.ts";
import { startHosts } from "../e2e/hosts.ts";
import { runProgram } from "../helpers/run_program.ts";
import { type DeviceTemplate, Mdev } from "./mdev.ts";
import { type RandomPair, randomPairs } from "./pairs.ts";
import { delay, type GuestFunction, Qemu, qemuVersion } from "./qemu.ts";
import { realizeSide, recordMigration } from "./recorded.ts";
import { appendResult } from "./results.ts";
import { StackHosts } from "./stack_hosts.ts";

const [work = ""] = Deno.args;
const EMULATOR = "/usr/bin/qemu-system-x86_64";
const GUEST = "7d3c1f0a-2b64-4c58-9e5f-0d1a2b3c4d5f";
const SEED = 21;
const GUESTS = 6;
const DEVICES = 4;
const LIMIT_MS = 120_000;

/** Of the registers of a capability, by id, those bits that a guest may set; it enables no interrupt. */
const WRITABLE: Readonly<Record<number, readonly (readonly [at: number, bits: number])[]>> = {
  0x01: [[5, 0x01]],
  0x03: [[2, 0xff], [3, 0x7f], [4, 0xff], [5, 0xff], [6, 0xff], [7, 0xff]],
  0x05: [[2, 0x70], [4, 0xfc], [5, 0xff], [6, 0xff], [7, 0xff]],
  0x10: [[8, 0xff], [9, 0x7f], [0x28, 0xff], [0x29, 0x03]],
};

/** What of a device a guest can change, as hardware has it. */
function writableBits({ config, bars = [] }: DeviceTemplate): Uint8Array {
  const bits = new Uint8Array(config.length);
  bits.set([0x07, 0x05], 0x04);
  bits[0x3c] = 0xff;
  for (let bar = 0; bar < 6; bar++) {
    const at = 0x10 + 4 * bar;
    const type = config[at] ?? 0;
    const size = bars[bar] ?? 0;
    if (size === 0) continue;
    const mask = BigInt.asUintN(64, -BigInt(size)) & ~((type & 1) !== 0 ? 0x3n : 0xfn);
    const length = (type & 5) === 4 ? 8 : 4;
    for (let byte = 0; byte < length; byte++) {
      bits[at + byte] = Number(mask >> BigInt(8 * byte) & 0xffn);
    }
  }
  const seen = new Set<number>();
  for (let at = (config[6] ?? 0) & 0x10 ? config[0x34] ?? 0 : 0; at !== 0 && !seen.has(at);) {
    seen.add(at);
    for (const [offset, mask] of WRITABLE[config[at] ?? 0] ?? []) bits[at + offset] = mask;
    at = config[at + 1] ?? 0;
  }
  return bits;
}

interface Plugged {
  readonly pair: RandomPair;
  readonly mdev: Mdev;
  readonly writable: Uint8Array;
  readonly at: GuestFunction;
}

/** Every other one is on pcie.0, the others below a root port each. */
function placeOf(index: number): { readonly bus: "root" | "port"; readonly at: GuestFunction } {
  return index % 2 === 0
    ? { bus: "root", at: { bus: 0, slot: 8 + index } }
    : { bus: "port", at: { bus: 1 + index, slot: 0 } };
}

function modelOf(
  pair: RandomPair,
  bus: RandomPair["bus"],
  qemu: string,
): RealizedDevice | undefined {
  const migration = recordMigration(
    { ...pair, bus, properties: "" },
    { result: "completed" },
    qemu,
  );
  const device = realizeSide(migration, "source");
  return device.ok ? device : undefined;
}

Deno.test("what is read of guests that run is what their streams carry", async (t) => {
  const qemu = await qemuVersion(EMULATOR);
  const pairs = fc.sample(randomPairs, { seed: SEED, numRuns: 40 * GUESTS })
    .filter(({ machine }) => machine.startsWith("pc-q35-"));
  const fits = (pair: RandomPair, machine: string): boolean =>
    (["root", "port"] as const).every((bus) =>
      modelOf({ ...pair, machine }, bus, qemu) !== undefined
    );
  const count = { devices: 0, changed: 0, compared: 0, may: 0 };
  for (let guest = 0; guest < GUESTS; guest++) {
    const machine = guest % 2 === 0 ? "pc-q35-9.0" : "pc-q35-9.1";
    const chosen = pairs.filter((pair) => fits(pair, machine))
      .slice(DEVICES * guest, DEVICES * (guest + 1)).map((pair) => ({ ...pair, machine }));
    assertEquals(chosen.length, DEVICES);
    await t.step(`guest ${guest + 1}, ${machine}`, async () => {
      using devices = new DisposableStack();
      const plugged = chosen.map((pair, index): Plugged => {
        const writable = writableBits(pair.source);
        const mdev = devices.use(new Mdev({ ...pair.source, writable }));
        return { pair, mdev, writable, at: placeOf(index).at };
      });
      await checkGuest(machine, plugged, qemu, count);
    });
  }
  assert(count.changed > 20 && count.may > 20 && count.compared > 1000, JSON.stringify(count));
  await appendResult(work, { part: "running", qemu, guests: GUESTS, ...count });
});

async function checkGuest(
  machine: string,
  plugged: readonly Plugged[],
  version: string,
  count: { devices: number; changed: number; compared: number; may: number },
): Promise<void> {
  const options = plugged.map(({ mdev }, index) => {
    const place = index % 2 === 0 ? `addr=${(8 + index).toString(16)}.0` : `bus=b${index}`;
    return { driver: "vfio-pci", id: `h${index}`, place, sysfsdev: mdev.sysfs };
  });
  const ports = [1, 3].flatMap((index) => [
    "-device",
    `pcie-root-port,id=b${index},chassis=${index},addr=${(16 + index).toString(16)}.0`,
  ]);
  // The last one is plugged in while the guest is there.
  const cold = options.slice(0, -1).flatMap(({ driver, id, place, sysfsdev }) => [
    "-device",
    `${driver},id=${id},${place},sysfsdev=${sysfsdev},enable-migration=on`,
  ]);
  const started = await Qemu.start(EMULATOR, [
    "-machine",
    machine,
    "-uuid",
    GUEST,
    ...ports,
    ...cold,
  ]);
  assert(typeof started !== "string", `${started}`);
  await using qemu = started;
  const last = options.at(-1);
  assert(last !== undefined);
  await qemu.execute("device_add", {
    driver: last.driver,
    id: last.id,
    bus: `b${options.length - 1}`,
    sysfsdev: last.sysfsdev,
    "enable-migration": "on",
  });
  for (const [index, { at }] of plugged.entries()) {
    if (at.bus > 0) await qemu.numberBus(16 + index, at.bus);
  }
  for (const device of plugged) await setRegisters(qemu, device);

  const status = JSON.stringify(await qemu.execute("query-status"));
  const uuids = plugged.map(({ mdev }) => mdev.uuid);
  const asked = { pid: qemu.pid, uuid: GUEST, devices: uuids };
  const regions = await readRunningRegions(asked, AbortSignal.timeout(LIMIT_MS));
  assertEquals(JSON.stringify(await qemu.execute("query-status")), status);
  const streams = await configsInStream(qemu, plugged.map(({ pair }) => pair.source.config.length));

  for (const [index, { pair, mdev, writable }] of plugged.entries()) {
    const region = regions.get(mdev.uuid);
    assert(region?.result === "read", JSON.stringify(region));
    const { config: { bytes }, bars, romSize } = region;
    assertEquals([bars, romSize], [pair.source.bars ?? [], pair.source.romSize ?? 0]);
    for (const [at, value] of bytes.entries()) {
      const fixed = ~(writable[at] ?? 0) & 0xff;
      const isRom = at >= 0x30 && at < 0x34;
      if (!isRom) {
        assertEquals(value & fixed, (pair.source.config[at] ?? 0) & fixed, `${index} ${at}`);
      }
      if (value !== pair.source.config[at]) count.changed++;
    }
    const { bus } = placeOf(index);
    const own = modelOf(pair, bus, version);
    const seen = modelOf({ ...pair, source: { ...pair.source, config: bytes } }, bus, version);
    assert(own !== undefined && seen !== undefined);
    const changing = changingBytes(seen.shadow, seen.shadow, false);
    const sent = streams[index] ?? new Uint8Array();
    for (let at = 0; at < own.shadow.length; at++) {
      const mask = checkMask(own, at);
      if (mask === 0) continue;
      if (changing.has(at)) {
        count.may++;
        continue;
      }
      count.compared++;
      const [wanted, found] = [(sent[at] ?? 0) & mask, (seen.shadow[at] ?? 0) & mask];
      assertEquals(found, wanted, `device ${index}, byte 0x${at.toString(16)}`);
    }
    count.devices++;
  }

  await qemu.execute("device_del", { id: last.id });
  const isPlugged = async (): Promise<boolean> =>
    JSON.stringify(await qemu.execute("query-pci")).includes(`"${last.id}"`);
  for (const end = Date.now() + LIMIT_MS; await isPlugged(); await delay(100)) {
    assert(Date.now() < end, "the device that was plugged in cannot be unplugged");
  }
  assert(qemu.running);
  await qemu.execute("quit").catch(() => {});
  assertEquals((await qemu.ended).replace(/^.*: warning: .*\n/gm, ""), "");
}

/** As a guest does: where its BARs are, that it uses them, and the controls of capabilities. */
async function setRegisters(qemu: Qemu, { pair, writable, at }: Plugged): Promise<void> {
  const { config } = pair.source;
  for (let offset = 0x10; offset < 0x100; offset += 4) {
    const mask = get32(writable, offset);
    if (mask === 0 || offset === 0x3c) continue;
    const isBar = offset < 0x28;
    const value = isBar ? 0xfe00_0000 : 0x5a5a_5a5a;
    await qemu.writeConfig(at, offset, ((get32(config, offset) & ~mask) | (value & mask)) >>> 0);
  }
  // No memory: a BAR that lies on another one is none of this test.
  await qemu.writeConfig(at, 0x04, 0x0404);
}

/** What `vfio_pci_save_config` puts into the stream of each device, in the order they came. */
async function configsInStream(qemu: Qemu, sizes: readonly number[]): Promise<Uint8Array[]> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/stream`;
  try {
    await qemu.execute("migrate", { uri: `exec:cat > ${path}` });
    while (await qemu.isMigrating()) await delay(10);
    assertEquals(await qemu.migrationStatus(), "completed");
    const hex = (await Deno.readFile(path)).toHex();
    // VFIO_MIG_FLAG_DEV_CONFIG_STATE, and "PCIDevice", version 2
    const [, ...rest] = hex.split("ffffffffef10000200000002");
    assertEquals(rest.length, sizes.length);
    return rest.map((config, index) =>
      Uint8Array.fromHex(config.slice(0, 2 * (sizes[index] ?? 0)))
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const EXAMPLE = readHex("source");
const OTHER = readHex("destination");
const BARS = [0x1000, 0x10000, 0, 0x1000, 0, 0];
const PROPERTY = '<qemu:property name="enable-migration" type="string" value="on"/>';

function readHex(example: string): Uint8Array {
  return Uint8Array.fromHex(Deno.readTextFileSync(`examples/${example}.hex`).replace(/\s/g, ""));
}

function hostdev(uuid: string): string {
  return `<hostdev mode="subsystem" type="mdev" model="vfio-pci">
    <source><address uuid="${uuid}"/></source></hostdev>`;
}

Deno.test("guests that ran before premigrate was installed", async (t) => {
  using devices = new DisposableStack();
  const make = (config = EXAMPLE): Mdev =>
    devices.use(new Mdev({ config, bars: BARS, writable: writableBits({ config, bars: BARS }) }));
  const a = [make(), make(), make()];
  const b = [make(OTHER), make(OTHER), make(OTHER)];
  await using machines = await startHosts();
  const hosts = new StackHosts(machines);
  const uuid = (last: string): string => `6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2d${last}`;
  const guests = [["old90", "pc-q35-9.0", "90"], ["old91", "pc-q35-9.1", "91"]] as const;
  const log = (name: string): Promise<string> =>
    hosts.sh("a", `cat /var/log/libvirt/qemu/${name}.log`);

  await t.step("a guest starts with a device, and gets another one", async () => {
    for (const [index, [name, machine, last]] of guests.entries()) {
      const xml = guestXml(name, uuid(last), {
        machine,
        devices: '<controller type="pci" model="pcie-root-port"/>'.repeat(3) +
          hostdev(a[index]?.uuid ?? ""),
        qemu: `<qemu:override><qemu:device alias="hostdev0"><qemu:frontend>${PROPERTY}
          </qemu:frontend></qemu:device></qemu:override>`,
      });
      await hosts.feed("a", ["create"], xml);
    }
    await hosts.feed("a", ["attach-device", "old91"], hostdev(a[2]?.uuid ?? ""));
  });
  const logs = await Promise.all(guests.map(([name]) => log(name)));

  await t.step("premigrate is installed, and its agent stamps them", async () => {
    await Promise.all([
      hosts.install("a", `${work}/dist`, a),
      hosts.install("b", `${work}/dist`, b),
    ]);
    for (const [index, [name]] of guests.entries()) {
      const { facts } = await hosts.stamp(name, "a");
      const shown = facts.devices.map(({ address, config, bars }) => [address, config?.kind, bars]);
      const wanted = index === 0 ? [a[0]] : [a[1], a[2]];
      assertEquals(shown, wanted.map((mdev) => [mdev?.uuid, "running", BARS]));
      for (const { config } of facts.devices) {
        const bytes = config?.bytes ?? new Uint8Array();
        // Before it is what firmware sets.
        assertEquals(encodeHex(bytes.subarray(0x40)), encodeHex(EXAMPLE.subarray(0x40)));
      }
    }
  });

  await t.step("capture and stamp read them, too", async () => {
    const { devices } = JSON.parse(await hosts.premigrate("a", "capture", "old91"));
    const views = devices.map(({ config }: { config?: { view: string } }) => config?.view);
    assertEquals(views, ["running", "running"]);
    assertStringIncludes(await hosts.premigrate("a", "stamp", "old91"), "stamped, 2 devices");
  });

  await t.step("they noticed nothing, and a device can be unplugged", async () => {
    for (const [index, [name]] of guests.entries()) {
      assertEquals(await hosts.virsh("a", "domstate", name), "running");
      assertEquals(await log(name), logs[index]);
    }
    await hosts.feed("a", ["detach-device", "old91"], hostdev(a[2]?.uuid ?? ""));
    const has = async (): Promise<boolean> =>
      (await hosts.virsh("a", "dumpxml", "old91")).includes(a[2]?.uuid ?? "?");
    for (const end = Date.now() + LIMIT_MS; await has(); await delay(500)) {
      assert(Date.now() < end, "the device that was plugged in cannot be unplugged");
    }
  });

  await t.step("what runs on a host is the record of its kind", async () => {
    const kept = await hosts.sh("a", "cat /var/lib/premigrate/realize/*.json");
    const { view, config } = JSON.parse(kept);
    assertEquals([view, config.slice(2 * 0x40)], ["running", encodeHex(EXAMPLE.subarray(0x40))]);
  });

  await t.step(
    "machine type 9.0, another host driver there: refused",
    async ({ name: scenario }) => {
      const run = await hosts.migrateTo("old90", { device: b[0] ?? make() });
      assertEquals(run.code, 1, run.stdout);
      assertStringIncludes(run.stderr, "VETO");
      assertEquals(await hosts.states("old90"), { a: "running", b: undefined });
      assertStringIncludes(
        await hosts.failWithoutHook("old90", { device: b[0] ?? make() }),
        "i=0xd8",
      );
      await appendResult(work, { part: "running", scenario, premigrate: "veto", said: "i=0xd8" });
    },
  );

  await t.step(
    "machine type 9.1, another host driver there: arrives",
    async ({ name: scenario }) => {
      for (const end = Date.now() + LIMIT_MS;;) {
        const { devices } = await hosts.stamp("old91", "a");
        if (devices.length === 1) break;
        assert(Date.now() < end, "the stamp still has the device that was unplugged");
        await delay(500);
      }
      const run = await hosts.migrateTo("old91", { device: b[1] ?? make() });
      assertEquals(run, { code: 0, stdout: "", stderr: "" });
      assertEquals(await hosts.states("old91"), { a: undefined, b: "running" });
      await appendResult(work, { part: "running", scenario, premigrate: "allow", said: "arrived" });
    },
  );
});

Deno.test("with the capabilities of the agent's unit alone, and where the kernel forbids it", async (t) => {
  using mdev = new Mdev({ config: EXAMPLE, bars: BARS });
  const args = ["-machine", "pc-q35-9.1", "-uuid", GUEST, "-device"];
  const device = `vfio-pci,sysfsdev=${mdev.sysfs},enable-migration=on`;
  const started = await Qemu.start(EMULATOR, [...args, device]);
  assert(typeof started !== "string", `${started}`);
  await using qemu = started;
  const unit = await Deno.readTextFile("lib/install/files/premigrate-agent.service");
  const [, names = ""] = /^CapabilityBoundingSet=(.*)$/m.exec(unit) ?? [];
  const read = async (capabilities: readonly string[]): Promise<string> => {
    const only = ["-all", ...capabilities.map((name) => name.replace("CAP_", "+").toLowerCase())];
    const { stdout, stderr } = await runProgram("setpriv", {
      args: [
        ...["--no-new-privs", `--bounding-set=${only.join(",")}`, "--inh-caps=-all"],
        ...[Deno.execPath(), "run", "--quiet", "--no-prompt", "--no-config", "--allow-ffi"],
        ...["lib/facts/vfio/region_main.ts", "--running", `${qemu.pid}`, GUEST, mdev.uuid],
      ],
    });
    assertEquals(stderr, "");
    return stdout;
  };

  await t.step("its capabilities do", async () => {
    assertStringIncludes(await read(names.split(" ")), encodeHex(EXAMPLE.subarray(0x28)));
  });

  await t.step("without CAP_SYS_PTRACE it is refused", async () => {
    const others = names.split(" ").filter((name) => name !== "CAP_SYS_PTRACE");
    assertStringIncludes(await read(others), "CAP_SYS_PTRACE");
  });

  await t.step("where kernel.yama.ptrace_scope is 3 nobody can", async () => {
    await Deno.writeTextFile("/proc/sys/kernel/yama/ptrace_scope", "3", { create: false });
    assertStringIncludes(await read(names.split(" ")), "kernel.yama.ptrace_scope is 3");
    assert(qemu.running);
  });
});
