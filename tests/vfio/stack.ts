/** The whole of premigrate on real VFIO devices, and what QEMU itself makes of each migration. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding/hex";
import { startHosts } from "../e2e/hosts.ts";
import { hookFailed, type Host, said } from "../e2e/installed_hosts.ts";
import { Mdev } from "./mdev.ts";
import { appendResult } from "./results.ts";
import { type Guest, StackHosts, type Target } from "./stack_hosts.ts";

const [work = ""] = Deno.args;

// Where the example's Vendor Specific Capability has its length, and the first byte that the host
// driver's version decides.
const LENGTH = 0xd2;
const VERSION = 0xd8;

const FIRST = readHex("source");
const OTHER_BODY = readHex("destination");
const OTHER_HEADER = FIRST.with(LENGTH, 0x1a);

// Small, as all memory is emulated.
const BARS = [0x1000, 0x10000, 0, 0x1000, 0, 0];

const ON_9_0: Guest = {
  name: "vm90",
  uuid: "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2c90",
  machine: "pc-q35-9.0",
};
const ON_9_1: Guest = {
  name: "vm91",
  uuid: "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2c91",
  machine: "pc-q35-9.1",
};

/** What a veto says, beside the devices. */
interface Reason {
  readonly cause: string;
  /** QEMU's line. */
  readonly bad: string;
  readonly remedy: string;
}

const BODY_DIFFERS: Reason = {
  cause: " compares that: 10 bytes of the Vendor Specific capability (VSC), first at 0xd8",
  bad: badConfig(VERSION, OTHER_BODY),
  remedy: "install one NVIDIA driver on both hosts.",
};
const HEADER_DIFFERS: Reason = {
  cause: "The length of the Vendor Specific capability (VSC) is ",
  bad: badConfig(LENGTH, OTHER_HEADER),
  remedy: "Use the same GPU model and vGPU type, with host drivers of one branch.",
};

Deno.test("guests with VFIO devices on two hosts", async (t) => {
  // The hosts end first: the kernel waits to remove a device until no guest has it.
  using devices = new DisposableStack();
  const make = (config: Uint8Array): Mdev => devices.use(new Mdev({ config, bars: BARS }));
  const a = { first: make(FIRST), second: make(FIRST), otherBody: make(OTHER_BODY) };
  const b = { first: make(FIRST), otherBody: make(OTHER_BODY), otherHeader: make(OTHER_HEADER) };
  await using machines = await startHosts();
  const hosts = new StackHosts(machines);

  /** A migration to host b that is refused, and fails without the hook where that said it would. */
  const refused = async (
    scenario: string,
    { name }: Guest,
    target: Target,
    { cause, bad, remedy }: Reason,
  ): Promise<void> => {
    const from = await hosts.deviceOf(name, "a");
    const run = await hosts.migrateTo(name, target);
    const { id, verdict, effect } = (await hosts.audit()).at(-1) ?? {};
    assertEquals([run.code, run.stdout, verdict, effect], [1, "", "veto", "refused"]);
    const [first = "", second = "", third = ""] = said(run).split("\n");
    const device = `premigrate: VETO hostdev0 (${from} -> ${target.device.uuid}): `;
    assert(first.startsWith(hookFailed(name) + device), first);
    assertStringIncludes(first, cause);
    assert(second.endsWith(`${remedy} QEMU: ${bad}`), second);
    assertMatch(third, new RegExp(`^On \\S+: premigrate report ${id}; .* waive ${name} `));
    assertEquals(await hosts.states(name), { a: "running", b: undefined });
    assertEquals(await hosts.failWithoutHook(name, target), bad);
    await appendResult(work, { part: "stack", scenario, premigrate: "veto", said: bad });
  };

  const arrived = async (
    scenario: string,
    { name, uuid }: Guest,
    host: Host,
    device: Mdev,
  ): Promise<void> => {
    assertEquals(await hosts.states(name), { a: undefined, b: undefined, [host]: "running" });
    assertEquals(await hosts.deviceOf(name, host), device.uuid);
    const line = (await hosts.audit(host)).at(-1) ?? {};
    assertEquals([line["uuid"], line["verdict"], line["effect"]], [uuid, "allow", "allowed"]);
    await appendResult(work, { part: "stack", scenario, premigrate: "allow", said: "arrived" });
  };

  /** A migration that is allowed by the first host's bytes; the guest runs there afterwards. */
  const allowed = async (
    scenario: string,
    guest: Guest,
    target: Target,
    from: Host = "a",
  ): Promise<void> => {
    const to = from === "a" ? "b" : "a";
    const run = await hosts.migrateTo(guest.name, target, from);
    assertEquals(run, { code: 0, stdout: "", stderr: "" });
    await arrived(scenario, guest, to, target.device);
    const { report } = (await hosts.audit(to)).at(-1) ?? {};
    const { evidence: { source }, ran } = JSON.parse(
      await hosts.sh(to, 'cat "$1"', `${report}`),
    );
    const [{ config }] = source.devices;
    assertEquals([source.host.name, config.hex], [`host${from}`, encodeHex(FIRST)]);
    assert(ran.some(({ policy }: { readonly policy: string }) => policy === "example/power"));
  };

  /** The agent stamps the guest, as having this device and the first host's bytes. */
  const stamped = async ({ name }: Guest, host: Host, { uuid }: Mdev): Promise<void> => {
    const { facts } = await hosts.stamp(name, host);
    const shown = facts.devices.map((
      { address, config, attributes },
    ) => [address, config?.bytes, attributes?.["power/control"]]);
    assertEquals(shown, [[uuid, FIRST, "auto"]]);
  };

  await t.step("premigrate is installed as its README says", async () => {
    await Promise.all([
      hosts.install("a", `${work}/dist`, Object.values(a)),
      hosts.install("b", `${work}/dist`, Object.values(b)),
    ]);
  });

  await t.step("what the hook keeps of a start is what the device shows", async () => {
    await hosts.start(ON_9_0, a.first);
    await hosts.start(ON_9_1, a.second);
    const kept = await hosts.sh("a", `cat /var/lib/premigrate/started/${ON_9_0.uuid}.json`);
    const [device, ...others] = JSON.parse(kept).devices;
    assertEquals(device, {
      address: a.first.uuid,
      config: encodeHex(FIRST),
      bars: BARS,
      romSize: 0,
    });
    assertEquals(others, []);
    await stamped(ON_9_0, "a", a.first);
    await stamped(ON_9_1, "a", a.second);
  });

  await t.step(
    "machine type 9.0, the VSC's body differs",
    ({ name }) => refused(name, ON_9_0, { device: b.otherBody }, BODY_DIFFERS),
  );

  await t.step(
    "machine type 9.1, the VSC's header differs",
    ({ name }) => refused(name, ON_9_1, { device: b.otherHeader }, HEADER_DIFFERS),
  );

  await t.step(
    "machine type 9.1, the VSC's body differs",
    ({ name }) => allowed(name, ON_9_1, { device: b.otherBody }),
  );

  await t.step(
    "the stamp is renewed after arrival, with the first host's bytes",
    () => stamped(ON_9_1, "b", b.otherBody),
  );

  await t.step("the way back, to another device", async ({ name }) => {
    await allowed(name, ON_9_1, { device: a.otherBody }, "b");
    await stamped(ON_9_1, "a", a.otherBody);
  });

  // The guest's device and the one that it is to get are alike, but QEMU still has what it did not
  // compare before: the first host's bytes (get_pci_config_device).
  await t.step(
    "a third hop, skip-vsc-check=off there, to a device like the one before",
    ({ name }) => refused(name, ON_9_1, { device: b.otherBody, isStrict: true }, BODY_DIFFERS),
  );

  await t.step("a code plugin refuses by an attribute of sysfs", async () => {
    const control = `${b.first.sysfs}/power/control`;
    await Deno.writeTextFile(control, "on", { create: false });
    const run = await hosts.migrateTo(ON_9_1.name, { device: b.first });
    await Deno.writeTextFile(control, "auto", { create: false });
    const { id } = (await hosts.audit()).at(-1) ?? {};
    const [first, second, third = ""] = said(run).split("\n");
    assertEquals([run.code, first, second], [
      1,
      `${hookFailed(ON_9_1.name)}premigrate: VETO hostdev0 (${a.otherBody.uuid} -> ` +
      `${b.first.uuid}): power/control is auto on the source and on on the destination`,
      "Make them alike.",
    ]);
    assertStringIncludes(third, `premigrate report ${id}; `);
  });

  await t.step(
    "a third hop, skip-vsc-check=off there, to a device like the first",
    ({ name }) => allowed(name, ON_9_1, { device: b.first, isStrict: true }),
  );

  await t.step("machine type 9.0, the hook chooses among three devices", async ({ name }) => {
    await hosts.virsh("b", "destroy", ON_9_1.name);
    await hosts.rewrite();
    assertEquals(await hosts.migrate(ON_9_0.name), { code: 0, stdout: "", stderr: "" });
    await arrived(name, ON_9_0, "b", b.first);
    const { rewritten } = (await hosts.audit()).at(-1) ?? {};
    assertEquals(rewritten, { hostdev0: { from: a.first.uuid, to: b.first.uuid } });
  });
});

/** QEMU's line where a device has another byte than the first host's. */
function badConfig(at: number, device: Uint8Array): string {
  const [offset, read, found] = [at, FIRST[at], device[at]].map((value) => value?.toString(16));
  return `get_pci_config_device: Bad config data: i=0x${offset} read: ${read} device: ${found} ` +
    "cmask: ff wmask: 0 w1cmask:0";
}

function readHex(example: string): Uint8Array {
  return decodeHex(Deno.readTextFileSync(`examples/${example}.hex`).replace(/\s/g, ""));
}
