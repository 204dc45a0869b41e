import type { XmlElement } from "@rgrove/parse-xml";
import { child, children } from "../../domain/document.ts";
import { normalizeBdf } from "../../pci/bdf.ts";
import type { CapturedDevice } from "../schema.ts";
import { readRoot } from "./xml.ts";

/** Why what the probe alone reads is not known where it was not run. */
export const NO_PROBE = "the probe was not run on this host; give a way by ssh";

/**
 * Reads `virsh nodedev-dumpxml` of a PCI function or a mediated device (libvirt's
 * `virNodeDeviceDefFormat`), which has no config space, no BAR sizes, no driver versions; `undefined`
 * for anything else.
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
 *   [device?.address, device?.driver?.name, device?.vendor, device?.parent],
 *   ["0000:3b:00.4", "vfio-pci", 0x10de, "0000:3b:00.0"],
 * );
 * ```
 */
export function parseNodeDevice(xml: string): CapturedDevice | undefined {
  const root = readRoot(xml, "device");
  const address = addressOf(child(root, "name")?.text ?? "");
  const about = capability(root, "pci") ?? capability(root, "mdev");
  if (address === undefined || about === undefined) return undefined;
  const type = capability(root, "mdev") && child(about, "type")?.attributes["id"];
  const driver = child(child(root, "driver"), "name")?.text;
  return {
    address,
    source: "nodedev",
    vendor: number(child(about, "vendor")?.attributes["id"]),
    device: number(child(about, "product")?.attributes["id"]),
    class: number(child(about, "class")?.text),
    driver: driver === undefined ? undefined : { name: driver },
    mdevType: type === undefined ? undefined : { id: type },
    numaNode: number(child(about, "numa")?.attributes["node"]),
    iommuGroup: number(child(about, "iommuGroup")?.attributes["number"])?.toString(),
    parent: physicalFunction(about) ?? (type && addressOf(child(root, "parent")?.text ?? "")),
    missing: { config: NO_PROBE, bars: NO_PROBE },
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

function physicalFunction(about: XmlElement): string | undefined {
  const address = child(capability(about, "phys_function"), "address")?.attributes ?? {};
  return bdf([address["domain"], address["bus"], address["slot"], address["function"]]);
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
