import { assertEquals } from "@std/assert";
import { parseDomain } from "premigrate";
import type { Finding } from "premigrate/policy";
import { wantDevices } from "../../../lib/policy/guest.ts";

function domainOf(devices: string, commandline = ""): string {
  return `<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
    <name>guest</name>
    <uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>
    <os><type arch='x86_64' machine='pc-q35-9.1'>hvm</type></os>
    <devices>
      <controller type='pci' index='0' model='pcie-root'/>
      <controller type='pci' index='1' model='pcie-root-port'/>
      ${devices}
    </devices>
    ${commandline}
  </domain>`;
}

const GUEST_ADDRESS = "<address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>";
const SOURCE =
  "<source><address type='pci' domain='0x0000' bus='0x3b' slot='0x00' function='0x4'/></source>";
const UUID = "c2177883-f1bb-47f0-914d-32a22e3a8804";

interface Case {
  readonly name: string;
  readonly devices: string;
  readonly commandline?: string;
  /** Name, address on the source, bus. */
  readonly wanted?: readonly string[];
  readonly findings?: [code: string, device: string | undefined, data: Finding["data"]][];
}

const CASES: readonly Case[] = [
  { name: "no host devices", devices: "<disk type='block'/>" },
  {
    name: "a PCI function",
    devices: `<hostdev mode='subsystem' type='pci'>${SOURCE}${GUEST_ADDRESS}</hostdev>`,
    wanted: ["hostdev0 0000:3b:00.4 port"],
  },
  {
    name: "a mediated device",
    devices: `<hostdev mode='subsystem' type='mdev' model='vfio-pci'>
      <source><address uuid='${UUID}'/></source>${GUEST_ADDRESS}</hostdev>`,
    wanted: [`hostdev0 ${UUID} port`],
  },
  {
    name: "a mediated device of s390 has no config space",
    devices: `<hostdev mode='subsystem' type='mdev' model='vfio-ap'>
      <source><address uuid='${UUID}'/></source></hostdev>`,
    findings: [["no-pci-device", "hostdev0", { model: "vfio-ap" }]],
  },
  {
    name: "a USB device",
    devices: `<hostdev mode='subsystem' type='usb'>
      <source><vendor id='0x1234'/><product id='0xbeef'/></source></hostdev>`,
    findings: [["not-looked-at", undefined, { type: "usb" }]],
  },
  {
    name: "the primary of a failover pair is unplugged before",
    devices:
      `<interface type='bridge'><model type='virtio'/><teaming type='persistent'/><alias name='ua-x'/>
      </interface><interface type='hostdev'>${SOURCE}
      <mac address='52:54:00:11:22:33'/><teaming type='transient' persistent='ua-x'/>${GUEST_ADDRESS}</interface>`,
    findings: [["unplugged-before-migration", "hostdev0", {}]],
  },
  {
    name: "a primary without the other half of its pair is lost",
    devices: `<interface type='hostdev'>${SOURCE}
      <mac address='52:54:00:11:22:33'/><teaming type='transient' persistent='ua-x'/>${GUEST_ADDRESS}</interface>`,
    findings: [["failover-without-partner", "hostdev0", { partner: "ua-x" }]],
  },
  {
    name: "a VFIO device of the command line",
    devices: "",
    commandline: `<qemu:commandline><qemu:arg value='-device'/>
      <qemu:arg value='vfio-pci,host=3b:00.4'/></qemu:commandline>`,
    findings: [["device-of-command-line", undefined, {}]],
  },
  {
    name: "an interface of a network that may be a pool",
    devices:
      "<interface type='network'><mac address='52:54:00:11:22:33'/><source network='default'/></interface>",
    findings: [["network-may-be-pool", undefined, { network: "default", side: "the destination" }]],
  },
  {
    name: "a device without an address in the guest",
    devices: `<hostdev mode='subsystem' type='pci'>${SOURCE}<address type='unassigned'/></hostdev>`,
    findings: [["unassigned", "hostdev0", {}]],
  },
  {
    name: "one kind does not hide the others",
    devices: `<hostdev mode='subsystem' type='usb'>
        <source><vendor id='0x1234'/><product id='0xbeef'/></source></hostdev>
      <hostdev mode='subsystem' type='pci'>${SOURCE}<alias name='ua-gpu'/></hostdev>`,
    wanted: ["ua-gpu 0000:3b:00.4 -"],
    findings: [["not-looked-at", undefined, { type: "usb" }]],
  },
];
for (const { name, devices, commandline, wanted = [], findings = [] } of CASES) {
  Deno.test(`wantDevices: ${name}`, () => {
    const found = wantDevices(parseDomain(domainOf(devices, commandline)));
    assertEquals(
      found.wanted.map(({ name, address, guest }) => `${name} ${address} ${guest.bus ?? "-"}`),
      wanted,
    );
    assertEquals(found.findings.map(({ code, device, data }) => [code, device, data]), findings);
  });
}

Deno.test("wantDevices: a device that libvirt takes from a pool has no address yet", () => {
  const { wanted } = wantDevices(parseDomain(domainOf(
    `<interface type='network'><mac address='52:54:00:11:22:33'/><source network='pool'/>
      <actual type='hostdev'/></interface>`,
  )));
  assertEquals(wanted.map(({ address }) => address), [undefined]);
});

Deno.test("wantDevices: properties of the device are handed on", () => {
  const { wanted } = wantDevices(parseDomain(domainOf(
    `<hostdev mode='subsystem' type='pci'>${SOURCE}<rom bar='off'/></hostdev>`,
  )));
  assertEquals(wanted.map(({ guest }) => guest.properties), [{ rombar: "0" }]);
});
