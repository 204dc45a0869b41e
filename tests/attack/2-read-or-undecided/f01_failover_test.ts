/**
 * QEMU neither migrates nor compares a device with `failover_pair_id`, whoever set it; on QEMU 11.1.3
 * two devices that differ then "complete", and the guest goes on without its device's state.
 */
import { assert, assertEquals } from "@std/assert";
import { parseDomain } from "premigrate";
import { judgeArrival } from "../../../lib/hook/arrival.ts";
import { configOf, FakeHost, FIRST, stamped } from "../../helpers/hook_arrivals.ts";
import { ALIAS, args, decide, documentWith, override, type Parts } from "./documents.ts";

const TEAMING = "<teaming type='transient' persistent='ua-net'/>";

function nic(inside: string, type = "bridge", alias = "ua-net"): string {
  return `<interface type='${type}'><mac address='52:54:00:11:22:33'/><source bridge='br0'/>${inside}
    <alias name='${alias}'/></interface>`;
}

const PERSISTENT = "<teaming type='persistent'/>";
const VIRTIO = "<model type='virtio'/>";
const PARTNER = nic(VIRTIO + PERSISTENT);
/** A second VFIO device is another matter: this one is no device at all. */
const NOT_ASSIGNED = nic(
  VIRTIO + PERSISTENT +
    "<source><address type='pci' bus='0x3b' function='0x5'/></source><address type='unassigned'/>",
  "hostdev",
).replace("<source bridge='br0'/>", "");

const LOST: readonly (readonly [name: string, parts: Parts])[] = [
  ["no such interface", { inside: TEAMING }],
  ["an interface of another alias", {
    inside: TEAMING,
    devices: nic(VIRTIO + PERSISTENT, "bridge", "ua-other"),
  }],
  ["an interface that is no half of a pair", { inside: TEAMING, devices: nic(VIRTIO) }],
  ["an interface of another model", {
    inside: TEAMING,
    devices: nic("<model type='e1000e'/>" + PERSISTENT),
  }],
  ["an interface of no model", { inside: TEAMING, devices: nic(PERSISTENT) }],
  ["a host device", { inside: TEAMING, devices: NOT_ASSIGNED }],
  ["another device of this alias", {
    inside: TEAMING,
    devices: "<video><model type='virtio'/><alias name='ua-net'/></video>",
  }],
  ["an interface whose failover is taken away", {
    inside: TEAMING,
    devices: PARTNER,
    qemu: override("failover", "off", "ua-net"),
  }],
  ["an empty name", { inside: "<teaming type='transient' persistent=''/>", devices: PARTNER }],
  ["no name", { inside: "<teaming type='transient'/>", devices: PARTNER }],
  ["-global", { qemu: args("-global", "vfio-pci.failover_pair_id=ghost") }],
  ["-global of a type above", { qemu: args("-global", "pci-device.failover_pair_id=ghost") }],
  ["-global, long", {
    qemu: args("--global", "property=failover_pair_id,driver=vfio-pci,value=ghost"),
  }],
  ["an override", { qemu: override("failover_pair_id", "ghost") }],
  ["-set", { qemu: args("-set", `device.${ALIAS}.failover_pair_id=ghost`) }],
  ["an override of a good pair", {
    inside: TEAMING,
    devices: PARTNER,
    qemu: override("failover_pair_id", "ghost"),
  }],
  ["a network device on the command line that does not stand by", {
    inside: TEAMING,
    qemu: args("-device", "virtio-net-pci,id=ua-net"),
  }],
];

for (const [name, parts] of LOST) {
  Deno.test(`F1: nobody unplugs the device: ${name}`, () => {
    // With bytes that differ, and with bytes that QEMU would take.
    for (const machine of ["pc-q35-9.0", "pc-q35-9.1"]) {
      const found = decide(documentWith({ ...parts, machine }));
      assertEquals(found, { decision: "veto", codes: ["failover-without-partner"] });
    }
  });
}

const UNPLUGGED: readonly (readonly [name: string, parts: Parts])[] = [
  ["an interface", { inside: TEAMING, devices: PARTNER }],
  ["an interface of a transitional model", {
    inside: TEAMING,
    devices: nic("<model type='virtio-transitional'/>" + PERSISTENT),
  }],
  ["an interface by libvirt's own name", {
    inside: "<teaming type='transient' persistent='net0'/>",
    devices: PARTNER.replace("<alias name='ua-net'/>", ""),
  }],
  ["-global, and an interface", {
    devices: PARTNER,
    qemu: args("-global", "vfio-pci.failover_pair_id=ua-net"),
  }],
  ["an override, and an interface that stands by as one", {
    devices: nic(VIRTIO),
    qemu: override("failover_pair_id", "ua-net") + override("failover", "yes", "ua-net"),
  }],
  ["a network device on the command line", {
    inside: TEAMING,
    qemu: args("-device", "virtio-net-pci,id=ua-net,failover=on"),
  }],
  ["one there in JSON", {
    inside: TEAMING,
    qemu: args("-device", '{"driver":"virtio-net-pci","id":"ua-net","failover":true}'),
  }],
];

for (const [name, parts] of UNPLUGGED) {
  Deno.test(`F1: the device is unplugged before: ${name}`, () => {
    const found = decide(documentWith({ ...parts, machine: "pc-q35-9.0" }));
    assertEquals(found, { decision: "allow", codes: [] });
  });
}

Deno.test("F1: what the XML calls transient and QEMU does not is compared", () => {
  const qemu = override("failover_pair_id", "").replace("type='string' value=''", "type='remove'");
  const found = decide(
    documentWith({ inside: TEAMING, devices: PARTNER, qemu, machine: "pc-q35-9.0" }),
  );
  assertEquals(found, { decision: "veto", codes: ["body-compared", "will-fail"] });
});

Deno.test("F1: libvirt tells QEMU nothing of a mediated device's pair", () => {
  const xml = Deno.readTextFileSync("examples/domain.xml")
    .replace("</hostdev>", `${TEAMING}</hostdev>`)
    .replace("</devices>", `${PARTNER}</devices>`);
  const { hostDevices: [device] } = parseDomain(xml);
  assert(device?.kind === "mdev");
  assertEquals([device.failover, device.notUnderstood], [undefined, ["teaming"]]);
});

Deno.test("F1: the hook refuses a guest that would lose its device's state", async () => {
  using host = await new FakeHost().addFunctions(FIRST.source).know();
  const decided = async (parts: Parts): Promise<string[]> => {
    const xml = await stamped(documentWith({ ...parts, machine: "pc-q35-9.0" }), [FIRST]);
    const found = await judgeArrival(parseDomain(xml), await host.arrival(xml), configOf());
    assert("answer" in found);
    const { decision, findings } = found.answer.verdict;
    const codes = findings.map(({ code }) => code).filter((code) => /failover|unplug/.test(code));
    return [decision, ...codes];
  };
  assertEquals(await decided({ inside: TEAMING }), ["veto", "failover-without-partner"]);
  const set = args("-global", "vfio-pci.failover_pair_id=ghost");
  assertEquals(await decided({ qemu: set }), ["veto", "failover-without-partner"]);
});
