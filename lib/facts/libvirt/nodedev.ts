import type { XmlElement } from "@rgrove/parse-xml";
import { child, children } from "../../domain/document.ts";
import { normalizeBdf } from "../../pci/bdf.ts";
import { readRoot } from "./xml.ts";

/** What libvirt's node device driver knows of a PCI function or a mediated device. */
export interface NodeDevice {
  /** `DDDD:BB:SS.F`, or an mdev's UUID. */
  readonly address: string;
  /** The driver that is bound to it now. */
  readonly driver: string | undefined;
  /** Number of its IOMMU group. */
  readonly iommuGroup: number | undefined;
  /** NUMA node. */
  readonly numaNode: number | undefined;
  /** PCI vendor id. libvirt has no subsystem ids. */
  readonly vendor: number | undefined;
  /** PCI device id; `product` in libvirt's words. */
  readonly device: number | undefined;
  /** PCI class code, 24 bits. */
  readonly class: number | undefined;
  /** Of a VF: its physical function. */
  readonly physicalFunction: string | undefined;
  /** Of a PF: its virtual functions. */
  readonly virtualFunctions: readonly string[];
  /** It has Vital Product Data that libvirt (7.9 and later) could read. */
  readonly hasVpd: boolean;
  /** Of a mediated device. */
  readonly mdev: {
    /** The type, as `nvidia-592`. */
    readonly type: string;
    /** Address of the device that it is a part of. */
    readonly parent: string | undefined;
  } | undefined;
}

/**
 * Reads `virsh nodedev-dumpxml` of a PCI function or a mediated device (libvirt's
 * `virNodeDeviceDefFormat`); `undefined` for anything else.
 *
 * @example
 * ```ts
 * import { parseNodeDevice } from "./nodedev.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const device = parseNodeDevice(`
 *   <device>
 *     <name>pci_0000_3b_00_4</name>
 *     <driver><name>vfio-pci</name></driver>
 *     <capability type='pci'>
 *       <vendor id='0x10de'>NVIDIA Corporation</vendor>
 *       <capability type='phys_function'>
 *         <address domain='0x0000' bus='0x3b' slot='0x00' function='0x0'/>
 *       </capability>
 *     </capability>
 *   </device>`);
 * assertEquals(
 *   [device?.address, device?.driver, device?.vendor, device?.physicalFunction],
 *   ["0000:3b:00.4", "vfio-pci", 0x10de, "0000:3b:00.0"],
 * );
 * ```
 */
export function parseNodeDevice(xml: string): NodeDevice | undefined {
  const root = readRoot(xml, "device");
  const address = addressOf(child(root, "name")?.text ?? "");
  const about = capability(root, "pci") ?? capability(root, "mdev");
  if (address === undefined || about === undefined) return undefined;
  const type = capability(root, "mdev") && child(about, "type")?.attributes["id"];
  return {
    address,
    driver: child(child(root, "driver"), "name")?.text,
    iommuGroup: number(child(about, "iommuGroup")?.attributes["number"]),
    numaNode: number(child(about, "numa")?.attributes["node"]),
    vendor: number(child(about, "vendor")?.attributes["id"]),
    device: number(child(about, "product")?.attributes["id"]),
    class: number(child(about, "class")?.text),
    physicalFunction: functions(about, "phys_function")[0],
    virtualFunctions: functions(about, "virt_functions"),
    hasVpd: capability(about, "vpd") !== undefined,
    mdev: type === undefined
      ? undefined
      : { type, parent: addressOf(child(root, "parent")?.text ?? "") },
  };
}

/**
 * The name of a PCI function's node device, or how that of a mediated device begins: newer libvirt
 * appends the parent's address (`udevProcessMediatedDevice`).
 *
 * @example
 * ```ts
 * import { nodeDeviceName } from "./nodedev.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(nodeDeviceName("0000:3b:00.4"), "pci_0000_3b_00_4");
 * ```
 */
export function nodeDeviceName(address: string): string {
  return `${isUuid(address) ? "mdev" : "pci"}_${address.replace(/[^0-9a-f]/g, "_")}`;
}

/** Whether an address is an mdev's UUID, and no PCI address. */
export function isUuid(address: string): boolean {
  return !address.includes(":");
}

/** Undoes {@linkcode nodeDeviceName}. */
function addressOf(name: string): string | undefined {
  const [, uuid] = /^mdev_([0-9a-f]{8}(?:_[0-9a-f]{4}){3}_[0-9a-f]{12})(?:_|$)/.exec(name) ?? [];
  if (uuid !== undefined) return uuid.replaceAll("_", "-");
  const [, ...parts] = /^pci_(\w+)_([^_]+)_([^_]+)_([^_]+)$/.exec(name) ?? [];
  return bdf(parts);
}

function capability(parent: XmlElement | undefined, type: string): XmlElement | undefined {
  return children(parent, "capability").find(({ attributes }) => attributes["type"] === type);
}

function functions(about: XmlElement, type: string): string[] {
  return children(capability(about, type), "address").flatMap(({ attributes }) =>
    bdf([attributes["domain"], attributes["bus"], attributes["slot"], attributes["function"]]) ?? []
  );
}

function bdf(hex: readonly (string | undefined)[]): string | undefined {
  const [domain = "", bus = "", slot = "", fn = ""] = hex.map((part) => part?.replace(/^0x/, ""));
  return normalizeBdf(`${domain}:${bus}:${slot}.${fn}`);
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && /^(0x[0-9a-f]{1,8}|[0-9]{1,9})$/i.test(text)
    ? Number(text)
    : undefined;
}
