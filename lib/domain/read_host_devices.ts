import type { XmlElement } from "@rgrove/parse-xml";
import { type GuestAddress, readGuestAddress, readPciAddress } from "./address.ts";
import { child, type DomainDocument, quote } from "./document.ts";
import type {
  Failover,
  HostDevice,
  MdevDevice,
  NetworkInterface,
  NetworkPool,
  Networks,
  OtherDevice,
  PciDevice,
  PoolDevice,
  Rom,
  VfioDevice,
} from "./host_device.ts";
import { notUnderstood } from "./host_device_elements.ts";
import type { QemuNamespace } from "./qemu_namespace.ts";
import { PciTopology } from "./topology.ts";
import { parseUuid } from "./uuid.ts";

/** Four times the functions of a PCI bus, and more than VFIO carries. */
const MAX_HOST_DEVICES = 1024;

/**
 * vfio-pci's QOM type and those above it; `vfio-pci-base` of QEMU 10.1 is `vfio-pci-device` in
 * 10.2.
 */
const VFIO_PCI_TYPES = ["vfio-pci", "vfio-pci-base", "vfio-pci-device", "pci-device", "device"];

/** The types of a virtio network device that a `-global` may name. */
const NET_TYPES = [
  "virtio-net-pci",
  "virtio-net-pci-transitional",
  "virtio-net-pci-non-transitional",
  "virtio-net-ccw",
  "virtio-net-device",
];

/** vfio-pci for a display with ramfb. */
const NO_HOTPLUG = "vfio-pci-nohotplug";

const MDEV_MODELS = ["vfio-pci", "vfio-ap", "vfio-ccw"] as const;

/**
 * An element that stands for a host device, and what libvirt calls it; `pool` if it is still to be
 * chosen.
 */
interface Found {
  readonly element: XmlElement;
  /** What holds the source, the driver and `managed`: the element itself, or its `<actual>`. */
  readonly config: XmlElement;
  readonly type: string;
  readonly pool: boolean;
  /** The network's pool, where it is known. */
  readonly known?: NetworkPool | undefined;
}

/** What it takes to read one. */
interface Context {
  readonly document: DomainDocument;
  readonly qemu: QemuNamespace;
  readonly topology: PciTopology;
  /** Ids of network devices that stand by for a host device. */
  readonly standbys: ReadonlySet<string>;
}

/**
 * Every host device, in document order. One that libvirt would refuse is an error; none is left
 * out.
 */
export function readHostDevices(
  document: DomainDocument,
  devices: readonly XmlElement[],
  machine: string | undefined,
  qemu: QemuNamespace,
  known: Networks,
): HostDevice[] {
  const found = devices.flatMap((element) => find(document, element, known) ?? []);
  const byHand = qemu.vfioDevices();
  const count = found.length + byHand.length;
  if (count > MAX_HOST_DEVICES) {
    const detail = `found ${count} host devices, wanted ${MAX_HOST_DEVICES} at most`;
    throw document.error("too-large", document.root, detail);
  }
  const context = {
    document,
    qemu,
    topology: new PciTopology(document, devices, machine),
    standbys: readStandbys(document, devices, found, qemu),
  };
  const aliases = assignAliases(found.map(({ element }) => element), "hostdev");
  return [
    ...found.map((each) => read(context, each, aliases.get(each.element) ?? "")),
    ...byHand.map((element) => other(document, element, "qemu:commandline")),
  ].sort((a, b) => a.position.offset - b.position.offset);
}

/** The interfaces on libvirt networks that are no host devices, and those networks that may be pools. */
export function readInterfaces(
  document: DomainDocument,
  devices: readonly XmlElement[],
  known: Networks,
): { readonly interfaces: NetworkInterface[]; readonly networks: string[] } {
  const interfaces: NetworkInterface[] = [];
  const networks = new Set<string>();
  for (const element of devices) {
    if (element.name !== "interface" || find(document, element, known) !== undefined) continue;
    const isNetwork = element.attributes["type"] === "network";
    const source = child(element, "source")?.attributes;
    const network = isNetwork ? networkOf(document, element) : source?.["network"];
    if (network === undefined) continue;
    const isOpen = isNetwork && child(element, "actual") === undefined &&
      source?.["bridge"] === undefined;
    interfaces.push({ network, address: readGuestAddress(document, element), isOpen });
    if (isOpen && !Object.hasOwn(known, network)) networks.add(network);
  }
  return { interfaces, networks: [...networks] };
}

/** The pool that an interface's network is known to be. */
function poolOf(element: XmlElement, known: Networks): NetworkPool | undefined {
  const source = child(element, "source")?.attributes;
  const name = source?.["network"];
  if (name === undefined || source?.["bridge"] !== undefined) return undefined;
  const network = Object.hasOwn(known, name) ? known[name] : undefined;
  return network === "plain" ? undefined : network;
}

function find(
  document: DomainDocument,
  element: XmlElement,
  networks: Networks,
): Found | undefined {
  if (element.name === "hostdev") {
    const type = document.required(element, "type");
    const subsystem = document.flag(element, "mode", "subsystem", "capabilities") ?? true;
    return { element, config: element, type: subsystem ? type : "capabilities", pool: false };
  }
  if (element.name !== "interface") return undefined;

  const network = element.attributes["type"] === "network";
  const actual = network ? child(element, "actual") : undefined;
  const config = actual ?? element;
  const known = network ? poolOf(element, networks) : undefined;
  if (config.attributes["type"] === "hostdev") {
    const source = child(config, "source");
    const address = child(source, "address");
    const type = address?.attributes["type"] ?? (child(source, "vendor") ? "usb" : undefined);
    if (type !== undefined) return { element, config, type, pool: false };
    if (actual) return { element, config, type: "pci", pool: true, known };
    throw document.error(
      "incomplete",
      element,
      "found no address type in the <source> of a host interface",
    );
  }
  // Only a host device can be transient (qemuDomainValidateActualNetDef), so the network must be a
  // pool.
  const transient = network && !actual && isTransient(document, element) === true;
  return transient || (known !== undefined && !actual)
    ? { element, config, type: "pci", pool: true, known }
    : undefined;
}

/**
 * As libvirt's `qemuAssignDeviceAliases`: interfaces first, then the rest, each after the highest
 * in use.
 */
function assignAliases(
  devices: readonly XmlElement[],
  prefix: "hostdev" | "net",
): Map<XmlElement, string> {
  const aliases = new Map<XmlElement, string>();
  let next = 0;
  for (const element of devices) {
    const alias = child(element, "alias")?.attributes["name"];
    if (alias === undefined) continue;
    aliases.set(element, alias);
    const [, start, index] = /^([a-z]+)([0-9]{1,9})$/.exec(alias) ?? [];
    if (start === prefix) next = Math.max(next, Number(index) + 1);
  }
  for (const name of ["interface", "hostdev"]) {
    for (const element of devices) {
      if (element.name === name && !aliases.has(element)) {
        aliases.set(element, `${prefix}${next++}`);
      }
    }
  }
  return aliases;
}

/**
 * The network devices that stand by: `<teaming type='persistent'>` of a virtio model, for which
 * libvirt writes `failover=on` (qemuBuildNicDevProps), and those that have it by argument.
 */
function readStandbys(
  document: DomainDocument,
  devices: readonly XmlElement[],
  found: readonly Found[],
  qemu: QemuNamespace,
): Set<string> {
  const interfaces = devices.filter((element) =>
    element.name === "interface" && !found.some((each) => each.element === element)
  );
  const standbys = new Set(qemu.standbys());
  for (const [element, alias] of assignAliases(interfaces, "net")) {
    if (!/^virtio/.test(child(element, "model")?.attributes["type"] ?? "")) continue;
    const persistent = isTransient(document, element) === false;
    const written = new Map(persistent ? [["failover", "on"]] : []);
    const { failover } = qemu.properties(NET_TYPES, alias, written);
    if (failover === "on") standbys.add(alias);
  }
  return standbys;
}

function read(context: Context, found: Found, alias: string): HostDevice {
  if (found.pool) return readPoolDevice(context, found, alias);
  switch (found.type) {
    case "pci":
      return readPciDevice(context, found, alias);
    case "mdev":
      return readMdevDevice(context, found, alias);
    default:
      return other(context.document, found.element, found.type);
  }
}

function readPciDevice(context: Context, found: Found, alias: string): PciDevice {
  const { document } = context;
  const { config } = found;
  const driver = child(config, "driver")?.attributes;
  const element = sourceAddress(document, found);
  return {
    kind: "pci",
    source: readPciAddress(document, element).bdf,
    sourceRange: { start: element.start, end: element.end },
    isInterface: found.element.name === "interface",
    managed: isManaged(document, config),
    driver: driver && { name: driver["name"], model: driver["model"] },
    ...readVfioDevice(context, found, alias, "vfio-pci"),
  };
}

function readMdevDevice(context: Context, found: Found, alias: string): MdevDevice {
  const { document } = context;
  const { config } = found;
  const element = sourceAddress(document, found);
  const uuid = document.required(element, "uuid");
  const source = parseUuid(uuid);
  if (source === undefined) {
    const detail = `found the mediated device ${quote(uuid)}, wanted a UUID`;
    throw document.error("bad-address", element, detail);
  }
  const name = document.required(config, "model");
  const model = MDEV_MODELS.find((known) => known === name);
  if (model === undefined) {
    const detail = `found the model ${quote(name)}, wanted one of ${MDEV_MODELS.join(", ")}`;
    throw document.error("bad-value", config, detail);
  }
  return {
    kind: "mdev",
    source,
    sourceRange: { start: element.start, end: element.end },
    model,
    managed: isManaged(document, config),
    ...readVfioDevice(context, found, alias, model),
  };
}

function readPoolDevice(context: Context, found: Found, alias: string): PoolDevice {
  return {
    kind: "unknown-until-start",
    network: networkOf(context.document, found.element),
    pool: found.known,
    ...readVfioDevice(context, found, alias, "vfio-pci"),
  };
}

function readVfioDevice(
  { document, qemu, topology, standbys }: Context,
  { element, config, type }: Found,
  alias: string,
  model: MdevDevice["model"],
): VfioDevice {
  const address = readGuestAddress(document, element);
  const rom = readRom(document, element);
  const ramfb = document.flag(config, "ramfb", "on", "off") ?? false;
  const types = model === "vfio-pci" ? VFIO_PCI_TYPES : [model, "device"];
  // libvirt hands neither to QEMU for mediated devices (qemuBuildHostdevMediatedDevProps).
  const written = type === "mdev"
    ? writtenOptions(address, undefined, undefined)
    : writtenOptions(address, rom, readPartner(document, element));
  const ofTypes = (types: readonly string[]) => qemu.properties(types, alias, written);
  const plain = ofTypes(types);
  const properties = ramfb || plain["driver"] === NO_HOTPLUG
    ? ofTypes([NO_HOTPLUG, ...types])
    : plain;
  return {
    alias,
    address,
    bus: topology.busOf(address),
    rom,
    properties,
    failover: readFailover(properties["failover_pair_id"], standbys),
    notUnderstood: notUnderstood(element, config),
    position: document.position(element),
  };
}

function readRom(document: DomainDocument, device: XmlElement): Rom | undefined {
  const element = child(device, "rom");
  return element && {
    bar: document.flag(element, "bar", "on", "off"),
    file: element.attributes["file"],
    enabled: document.flag(element, "enabled", "yes", "no"),
  };
}

function readFailover(
  partner: string | undefined,
  standbys: ReadonlySet<string>,
): Failover | undefined {
  return partner === undefined ? undefined : { partner, found: standbys.has(partner) };
}

/** The persistent half of the pair that the device is the transient half of. */
function readPartner(document: DomainDocument, device: XmlElement): string | undefined {
  if (!isTransient(document, device)) return undefined;
  return child(device, "teaming")?.attributes["persistent"] ?? "";
}

/** As libvirt's `qemuBuildRomProps`, `qemuBuildDeviceAddressProps` and `qemuBuildPCIHostdevDevProps`. */
function writtenOptions(
  address: GuestAddress | undefined,
  rom: Rom | undefined,
  partner: string | undefined,
): Map<string, string> {
  const options = new Map<string, string>();
  if (partner !== undefined) options.set("failover_pair_id", partner);
  if (address?.type === "pci" && address.multifunction !== undefined) {
    options.set("multifunction", address.multifunction ? "on" : "off");
  }
  if (rom?.enabled === false) return options.set("romfile", "");
  if (rom?.bar !== undefined) options.set("rombar", rom.bar ? "1" : "0");
  if (rom?.file !== undefined) options.set("romfile", rom.file);
  return options;
}

function sourceAddress(document: DomainDocument, { config }: Found): XmlElement {
  return document.requiredChild(document.requiredChild(config, "source"), "address");
}

function isManaged(document: DomainDocument, config: XmlElement): boolean {
  return document.flag(config, "managed", "yes", "no") ?? false;
}

/** Of a `<teaming>`: whether it is the transient half; `undefined` where there is none. */
function isTransient(document: DomainDocument, device: XmlElement): boolean | undefined {
  return document.flag(child(device, "teaming"), "type", "transient", "persistent");
}

function networkOf(document: DomainDocument, device: XmlElement): string {
  return document.required(document.requiredChild(device, "source"), "network");
}

function other(document: DomainDocument, element: XmlElement, type: string): OtherDevice {
  return { kind: "other", type, position: document.position(element) };
}
