/**
 * In the nested VM: guests whose document says in another place what QEMU will do. Premigrate refuses
 * them; without it the migration fails late, or arrives without the device's state.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { decodeHex } from "@std/encoding/hex";
import { type Facts, parseDomain, Registry } from "premigrate";
import { parseQemuVersion } from "premigrate/policy";
import { formatBadConfig, get32 } from "premigrate/policy";
import { judge } from "premigrate/policy";
import restoreCheck from "../../plugins/qemu/restore-check/policy.ts";
import { Mdev } from "./mdev.ts";
import {
  machineWith,
  migrateMachine,
  type Outcome,
  readGuestView,
  writeRegister,
} from "./migrate.ts";
import { qemuVersion } from "./qemu.ts";
import { appendResult } from "./results.ts";

const [work = ""] = Deno.args;
const EMULATOR = "/usr/bin/qemu-system-x86_64";
const MACHINES = ["pc-q35-9.0", "pc-q35-9.1"];
const BARS = [0x1000, 0x10000, 0, 0x1000, 0, 0];
const BAR0 = 0x10;
const ADDRESS = 0xfebf0000;

// A failover primary must be an Ethernet controller (pci_qdev_realize).
const [FIRST, OTHER_BODY] = ["source", "destination"].map((example) =>
  decodeHex(Deno.readTextFileSync(`examples/${example}.hex`).replace(/\s/g, ""))
    .with(0x0a, 0x00).with(0x0b, 0x02)
) as [Uint8Array, Uint8Array];

/** A guest, as its document and as QEMU's arguments have it. */
interface Guest {
  readonly machine: string;
  /** The device's properties. */
  readonly properties?: Readonly<Record<string, string>>;
  /** More arguments. */
  readonly args?: readonly string[];
}

interface Seen extends Outcome {
  /** BAR 0 as a guest reads it where it has arrived; on the source it wrote `ADDRESS` there. */
  readonly bar0?: number | undefined;
}

Deno.test("documents that deceive: what premigrate says, and what QEMU does", async (t) => {
  const keep = async (scenario: string, premigrate: string, { result, bad, bar0 }: Seen) => {
    const place = bar0 === undefined
      ? result
      : `arrived, BAR 0 at 0x${bar0.toString(16)} of 0x${ADDRESS.toString(16)}`;
    const said = bad === undefined ? place : formatBadConfig(bad);
    await appendResult(work, { part: "attacks", scenario, premigrate, said });
  };

  await t.step("machine type 9.1, the VSC's body differs", async ({ name }) => {
    const guest = { machine: "pc-q35-9.1" };
    assertEquals(await decide(guest), "allow");
    const seen = await migrate(guest);
    assertEquals([seen.result, seen.bar0], ["completed", ADDRESS]);
    await keep(name, "allow", seen);
  });

  await t.step("the same, and -machine pc-q35-9.0 by an argument", async ({ name }) => {
    const guest = { machine: "pc-q35-9.1", args: ["-machine", "pc-q35-9.0"] };
    assertEquals(await decide(guest), "veto will-fail");
    const seen = await migrate(guest);
    assertEquals([seen.result, seen.bad?.offset], ["bad-config", 0xd8]);
    await keep(name, "veto will-fail", seen);
  });

  await t.step("machine type 9.0, the VSC's body differs", async ({ name }) => {
    const guest = { machine: "pc-q35-9.0" };
    assertEquals(await decide(guest), "veto will-fail");
    const seen = await migrate(guest);
    assertEquals([seen.result, seen.bad?.offset], ["bad-config", 0xd8]);
    await keep(name, "veto will-fail", seen);
  });

  await t.step("the same, and failover_pair_id of a device that is not there", async ({ name }) => {
    const guest = { machine: "pc-q35-9.0", properties: { failover_pair_id: "ua-ghost" } };
    assertEquals(await decide(guest), "veto failover-without-partner");
    const seen = await migrate(guest);
    // QEMU is content, and the device that the guest goes on with is as it was made.
    assertEquals([seen.result, seen.bar0], ["completed", 0]);
    await keep(name, "veto failover-without-partner", seen);
  });

  await t.step("a ROM file of 32 KiB, and one of 128 KiB there", async ({ name }) => {
    const folder = await Deno.makeTempDir();
    try {
      const [here, there] = [`${folder}/32.rom`, `${folder}/128.rom`];
      await Deno.writeFile(here, new Uint8Array(0x8000));
      await Deno.writeFile(there, new Uint8Array(0x2_0000));
      const guest = { machine: "pc-q35-9.1", properties: { romfile: here } };
      const sizes = { source: { [here]: 0x8000 }, destination: { [here]: 0x2_0000 } };
      assertEquals(await decide(guest, sizes), "veto rom-file-differs");
      const seen = await migrate(guest, { ...guest, properties: { romfile: there } });
      const said = "Size mismatch: 0000:00:04.0:00.0/vfio-cpr-pci.rom: 0x8000 != 0x20000";
      assertEquals(seen.result, "failed");
      assertStringIncludes(seen.said ?? "", said);
      await appendResult(work, {
        part: "attacks",
        scenario: name,
        premigrate: "veto rom-file-differs",
        said,
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
});

/** Migrates the guest from the first device to the other. */
async function migrate(here: Guest, there: Guest = here): Promise<Seen> {
  using from = new Mdev({ config: FIRST, bars: BARS });
  using to = new Mdev({ config: OTHER_BODY, bars: BARS });
  const args = (device: Mdev, { machine, properties = {}, args = [] }: Guest): string[] => {
    const all = Object.entries(properties).map(([name, value]) => `${name}=${value}`);
    return [...machineWith(device, { machine, bus: "port", properties: all.join(",") }), ...args];
  };
  const at = { machine: here.machine, bus: "port" } as const;
  let bar0: number | undefined;
  const outcome = await migrateMachine(
    EMULATOR,
    args(from, here),
    args(to, there),
    async (source) => {
      await readGuestView(source, at); // which numbers its bus
      await writeRegister(source, "port", BAR0, ADDRESS);
    },
    async (destination) => {
      bar0 = get32(await readGuestView(destination, at), BAR0);
    },
  );
  return { ...outcome, bar0 };
}

/** What premigrate decides of the guest's document, and by which code. */
async function decide(
  guest: Guest,
  romFiles: Partial<Record<"source" | "destination", Facts["host"]["romFiles"]>> = {},
): Promise<string> {
  const qemu = parseQemuVersion(await qemuVersion(EMULATOR));
  const facts = (side: "source" | "destination", bytes: Uint8Array): Facts => ({
    premigrate: "facts/1",
    host: {
      name: side,
      uuid: `host of the ${side}`,
      qemu,
      machineTypes: MACHINES,
      romFiles: romFiles[side],
    },
    devices: [{
      address: UUID,
      config: { kind: "realize", bytes, source: "vfio-region" },
      bars: BARS,
      romSize: 0,
      inUse: side === "source",
    }],
  });
  const { verdict: { decision, findings } } = judge({
    registry: new Registry().use(restoreCheck),
    source: facts("source", FIRST),
    destination: facts("destination", OTHER_BODY),
    guest: parseDomain(xmlOf(guest)),
  });
  const cause = findings.find(({ severity }) => severity === decision);
  return cause === undefined ? decision : `${decision} ${cause.code}`;
}

const UUID = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2c90";

function xmlOf({ machine, properties = {}, args = [] }: Guest): string {
  const overrides = Object.entries(properties).map(([name, value]) =>
    `<qemu:property name="${name}" type="string" value="${value}"/>`
  );
  return `<domain type="qemu" xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">
  <name>deceiver</name>
  <uuid>${UUID}</uuid>
  <os><type arch="x86_64" machine="${machine}">hvm</type></os>
  <devices>
    <controller type="pci" index="0" model="pcie-root"/>
    <controller type="pci" index="1" model="pcie-root-port">
      <address type="pci" domain="0x0000" bus="0x00" slot="0x04" function="0x0"/>
    </controller>
    <hostdev mode="subsystem" type="mdev" model="vfio-pci">
      <source><address uuid="${UUID}"/></source>
      <alias name="ua-h0"/>
      <address type="pci" domain="0x0000" bus="0x01" slot="0x00" function="0x0"/>
    </hostdev>
  </devices>
  <qemu:commandline>${
    args.map((value) => `<qemu:arg value="${value}"/>`).join("")
  }</qemu:commandline>
  <qemu:override>
    <qemu:device alias="ua-h0"><qemu:frontend>${overrides.join("")}</qemu:frontend></qemu:device>
  </qemu:override>
</domain>
`;
}
