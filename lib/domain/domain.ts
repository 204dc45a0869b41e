import type { XmlElement } from "@rgrove/parse-xml";
import { child, children, DomainDocument, elements, quote } from "./document.ts";
import type { HostDevice, NetworkInterface, Networks } from "./host_device.ts";
import { type DomainMetadata, readMetadata } from "./metadata.ts";
import { kindOfId, type OtherKind } from "./qemu_devices.ts";
import { QemuNamespace } from "./qemu_namespace.ts";
import { readHostDevices, readInterfaces } from "./read_host_devices.ts";
import { countUnread, type UnreadDevices } from "./unread_devices.ts";
import { parseUuid } from "./uuid.ts";

/** What a libvirt domain XML says about a guest's host devices, as plain data. */
export interface Domain extends DomainMetadata {
  /** The name, which may hold any character but a line break: never part of a shell command. */
  readonly name: string;
  /** Lower case with dashes; `undefined` in a document that libvirt has not seen yet. */
  readonly uuid: string | undefined;
  /** A short free text, if one was given. */
  readonly title: string | undefined;
  /** `kvm`, `qemu`, ... */
  readonly virtType: string;
  /** Guest architecture: `x86_64`, `aarch64`, ...; `undefined` where libvirt has yet to choose. */
  readonly arch: string | undefined;
  /**
   * The machine type that QEMU takes: the last of `<os>` and the arguments. Versioned (`pc-q35-9.0`)
   * once libvirt has seen the document, else perhaps an alias (`q35`), or `undefined`.
   */
  readonly machine: string | undefined;
  /** The machine type that an argument of `<qemu:commandline>` names, if one does. */
  readonly machineArgument: string | undefined;
  /** Path of the QEMU binary. */
  readonly emulator: string | undefined;
  /** Whether the guest has an IOMMU of its own, by `<iommu>` or by an argument. */
  readonly viommu: boolean;
  /**
   * What `<qemu:commandline>`, `<qemu:override>` and their like hold that may decide over a VFIO
   * device, and is not understood: by names only, as values may be passwords.
   */
  readonly notUnderstood: readonly string[];
  /** Names of elements below `<domain>` that may decide over a VFIO device and are not understood. */
  readonly elementsNotUnderstood: readonly string[];
  /** Every host device, in document order. Two may name the same source. */
  readonly hostDevices: readonly HostDevice[];
  /**
   * Names of the libvirt networks from whose pool an interface here may get a host device, if they
   * have one.
   *
   * libvirt hands out a virtual function to `<interface type='network'>` when that network is a
   * `<forward mode='hostdev'>` pool, and says so in the live document only, where the interface has
   * become `<interface type='hostdev'>` and any other's source names its bridge. An inactive or
   * migratable document (so the one at `migrate begin`) looks the same for a NAT network. There an
   * interface is a host device of kind `unknown-until-start` if it is transient, which libvirt
   * allows for pools only, or if its `<actual>` says so; else its network is listed here. A
   * portgroup, VLAN, virtual port, model or address proves nothing. `virsh net-dumpxml` or the
   * source's live document tells what such a network is; one that {@linkcode parseDomain} is told of
   * is not listed.
   */
  readonly networks: readonly string[];
  /** Every interface on a libvirt network that is not among the host devices. */
  readonly interfaces: readonly NetworkInterface[];
  /** How many devices of kinds that nothing here looks into there are, by kind. */
  readonly unread: readonly UnreadDevices[];
}

/**
 * Reads a libvirt domain XML, live or inactive: what `virsh dumpxml` prints and what a hook gets on
 * stdin.
 *
 * Any string gives a {@linkcode Domain} or a {@linkcode DomainXmlError}, in bounded time: at most 4
 * Mi characters (libvirt's limit on the wire), 50,000 elements, 100 levels, 1024 host devices and
 * no DOCTYPE. `<metadata>`, which anybody may fill, has elements and levels without a bound. What libvirt would refuse about a host device is an error; a host device is never
 * left out.
 *
 * @example
 * ```ts
 * import { parseDomain } from "premigrate/domain";
 * import { assertEquals } from "@std/assert";
 *
 * const domain = parseDomain(`
 *   <domain type='kvm'>
 *     <name>web1</name>
 *     <uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>
 *     <os><type arch='x86_64' machine='pc-q35-9.0'>hvm</type></os>
 *     <devices>
 *       <controller type='pci' index='1' model='pcie-root-port'/>
 *       <hostdev mode='subsystem' type='pci' managed='yes'>
 *         <source><address domain='0x0000' bus='0x3b' slot='0x00' function='0x4'/></source>
 *         <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
 *       </hostdev>
 *     </devices>
 *   </domain>`);
 * const [device] = domain.hostDevices;
 * assertEquals(device?.kind === "pci" && [device.source, device.bus], ["0000:3b:00.4", "port"]);
 * ```
 *
 * @param known What the networks are on the host where the guest is to start: an interface on one
 * that is a pool will be a host device there.
 *
 * @throws {DomainXmlError} with the place, when the document is malformed, hostile or incomplete
 */
export function parseDomain(xml: string, known: Networks = {}): Domain {
  const document = new DomainDocument(xml);
  const { root } = document;

  const name = document.requiredChild(root, "name").text;
  const uuidElement = child(root, "uuid");
  const uuid = uuidElement && parseUuid(uuidElement.text);
  if (uuidElement !== undefined && uuid === undefined) {
    throw document.error("bad-value", uuidElement, `found the UUID ${quote(uuidElement.text)}`);
  }
  const type = child(child(root, "os"), "type")?.attributes ?? {};
  // libvirt's XPath goes through every <devices> there is.
  const devices = children(root, "devices").flatMap(elements);
  const qemu = new QemuNamespace(document);
  // libvirt's own arguments come first (qemuBuildCommandLine).
  const machine = qemu.machine.type ?? type["machine"];
  const hostDevices = readHostDevices(document, devices, machine, qemu, known);
  const { metadata } = document;
  return {
    name,
    uuid,
    title: child(root, "title")?.text,
    virtType: document.required(root, "type"),
    arch: type["arch"],
    machine,
    machineArgument: qemu.machine.type,
    emulator: devices.find(({ name }) => name === "emulator")?.text,
    viommu: devices.some(({ name }) => name === "iommu") || qemu.machine.viommu || qemu.viommu,
    notUnderstood: qemu.notUnderstood((id) => kindOf(id, devices, hostDevices)),
    elementsNotUnderstood: oddElements(root),
    hostDevices,
    ...readInterfaces(document, devices, known),
    unread: countUnread(devices),
    metadata: metadata && { start: metadata.start, end: metadata.end },
    metadataElements: readMetadata(document),
  };
}

/** What an argument's device is: by the document where it names it, else by libvirt's own names. */
function kindOf(
  id: string,
  devices: readonly XmlElement[],
  hostDevices: readonly HostDevice[],
): "host" | OtherKind {
  if (hostDevices.some((device) => device.kind !== "other" && device.alias === id)) return "host";
  const named = devices.find((element) => child(element, "alias")?.attributes["name"] === id);
  if (named === undefined) return kindOfId(id);
  return named.name === "controller" && named.attributes["type"] === "pci" ? "port" : "other";
}

/**
 * What stands below `<domain>` and decides nothing about a VFIO device, or is read here (libvirt's
 * domaincommon.rng). `<launchSecurity>` is none of it: QEMU does not migrate such a guest with SEV;
 * nor is `<iommufd>`, of which devices hang by another way.
 */
const KNOWN = new Set(
  ("name uuid genid title description metadata maxMemory memory currentMemory memoryBacking memtune " +
    "numatune vcpu vcpus cputune iothreads iothreadids defaultiothread blkiotune throttlegroups " +
    "resource sysinfo bootloader bootloader_args os features cpu clock on_poweroff on_reboot on_crash " +
    "on_lockfailure pm perf devices seclabel keywrap idmap").split(" "),
);

/** One is enough to be undecided; a hostile document may have many. */
const MOST_ODD = 16;

function oddElements(root: XmlElement): string[] {
  // Other namespaces' are read elsewhere, or nobody's.
  const names = elements(root).map(({ name }) => name).filter((name) => !name.includes(":"));
  return [...new Set(names)].filter((name) => !KNOWN.has(name)).slice(0, MOST_ODD)
    .map((name) => name.slice(0, 80));
}
