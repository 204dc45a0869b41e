import type { XmlElement } from "@rgrove/parse-xml";
import { child, type DomainDocument, quote } from "./document.ts";

/** Where a device sits on a PCI bus, in numbers and as libvirt, the kernel and QEMU write it. */
export interface PciAddress {
  /** PCI segment; usually 0. */
  readonly domain: number;
  /** 0 to 0xff. */
  readonly bus: number;
  /** The device number on the bus, 0 to 0x1f. */
  readonly slot: number;
  /** 0 to 7. */
  readonly function: number;
  /**
   * `0000:3b:00.4`; the domain has more digits when it needs them (`10000:e1:00.0`, below an Intel
   * VMD).
   */
  readonly bdf: string;
}

/**
 * Where the guest sees a device. On a PCI address, `bus` is the index of the PCI controller.
 *
 * - `pci`: a PCI function; `multifunction` is what the XML says, if anything;
 * - `ccw`: a channel subsystem address (vfio-ccw);
 * - `unassigned`: libvirt prepares the host device but does not give it to the guest, so QEMU never
 *   sees it.
 */
export type GuestAddress =
  | PciAddress & { readonly type: "pci"; readonly multifunction: boolean | undefined }
  | { readonly type: "ccw" | "unassigned" };

/** Reads the four numbers as libvirt's `virPCIDeviceAddressParseXML` does, with its bounds. */
export function readPciAddress(document: DomainDocument, element: XmlElement): PciAddress {
  const domain = number(document, element, "domain", 0xffffffff);
  const bus = number(document, element, "bus", 0xff);
  const slot = number(document, element, "slot", 0x1f);
  const fn = number(document, element, "function", 7);
  const bdf = `${hex(domain, 4)}:${hex(bus, 2)}:${hex(slot, 2)}.${fn}`;
  return { domain, bus, slot, function: fn, bdf };
}

/** The guest address of a device or controller; `undefined` when libvirt has not chosen it yet. */
export function readGuestAddress(
  document: DomainDocument,
  device: XmlElement,
): GuestAddress | undefined {
  const element = child(device, "address");
  if (element === undefined) return undefined;
  const type = document.required(element, "type");
  if (type === "ccw" || type === "unassigned") return { type };
  if (type !== "pci") {
    throw document.error(
      "bad-address",
      element,
      `found the guest address type ${quote(type)}, wanted "pci", "ccw" or "unassigned"`,
    );
  }
  const address = readPciAddress(document, element);
  const multifunction = document.flag(element, "multifunction", "on", "off");
  const { domain, bus, slot } = address;
  // virPCIDeviceAddressIsEmpty: all zero asks libvirt to choose.
  return domain || bus || slot ? { type, ...address, multifunction } : undefined;
}

/** C's notation, base 0 of strtoul: 0x1f, 037 or 31; absent means 0. */
function number(document: DomainDocument, element: XmlElement, name: string, max: number): number {
  const text = element.attributes[name] ?? "0";
  const value = /^0[0-7]+$/.test(text)
    ? parseInt(text, 8)
    : /^(0[xX][0-9a-fA-F]+|0|[1-9][0-9]*)$/.test(text)
    ? Number(text)
    : NaN;
  if (value <= max) return value;
  throw document.error(
    "bad-address",
    element,
    `found the PCI address part ${name}=${quote(text)}, wanted a number up to 0x${hex(max, 1)}`,
  );
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
