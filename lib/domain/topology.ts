import type { XmlElement } from "@rgrove/parse-xml";
import type { BusKind } from "../pci/bus.ts";
import { type GuestAddress, readGuestAddress } from "./address.ts";
import type { DomainDocument } from "./document.ts";

interface Controller {
  readonly model: string | undefined;
  /** Index of the controller this one is plugged into. */
  readonly parent: number | undefined;
}

/**
 * The guest's PCI buses, as its `<controller type='pci'>` elements and its machine type describe
 * them.
 */
export class PciTopology {
  readonly #controllers = new Map<number, Controller>();

  /**
   * Reads the PCI controllers among the devices; throws `bad-address` for one with an impossible
   * address.
   */
  constructor(
    document: DomainDocument,
    devices: readonly XmlElement[],
    machine: string | undefined,
  ) {
    // libvirt leaves a lone pci-root out of a migratable document (qemuDomainDefFormatBufInternal).
    this.#controllers.set(0, { model: rootModel(machine), parent: undefined });
    for (const element of devices) {
      const { type, index, model } = element.attributes;
      if (element.name !== "controller" || type !== "pci" || index === undefined) continue;
      const address = readGuestAddress(document, element);
      const parent = address?.type === "pci" ? address.bus : undefined;
      this.#controllers.set(Number(index), { model, parent });
    }
  }

  /** The kind of bus a device sits on; `undefined` when the document does not tell. */
  busOf(address: GuestAddress | undefined): BusKind | undefined {
    if (address?.type !== "pci") return undefined;
    let bridged = false;
    let index: number | undefined = address.bus;
    // Bus numbers have eight bits, so a longer chain goes in circles.
    for (let hop = 0; hop < 256 && index !== undefined; hop++) {
      const controller = this.#controllers.get(index);
      switch (controller?.model) {
        case "pcie-root":
        case "pcie-expander-bus":
          return bridged ? "pci-under-pcie" : "root";
        case "pcie-root-port":
        case "pcie-switch-downstream-port":
          return bridged ? "pci-under-pcie" : "port";
        case "dmi-to-pci-bridge":
        case "pcie-to-pci-bridge":
          return "pci-under-pcie";
        case "pci-root":
        case "pci-expander-bus":
          return "pci";
        case "pci-bridge":
          bridged = true;
          index = controller.parent;
          break;
        default:
          return undefined;
      }
    }
    return undefined;
  }
}

/** What sits at bus 0 of a machine type (libvirt's `qemuDomainDefAddDefaultDevices`). */
function rootModel(machine: string | undefined): string | undefined {
  if (machine === undefined) return undefined;
  if (/^(pc-)?q35(-|$)|^virt(-|$)/.test(machine)) return "pcie-root";
  if (/^pc(-|$)|^(rhel|xenfv|pseries|s390-ccw)/.test(machine)) return "pci-root";
  return undefined;
}
