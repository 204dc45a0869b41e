import type { BusKind } from "../pci/bus.ts";
import type { GuestAddress } from "./address.ts";
import type { Position } from "./error.ts";

/** What is known of every VFIO device as the guest has it. */
export interface VfioDevice {
  /**
   * The device's id in QEMU. libvirt leaves its own aliases out of an inactive or migratable
   * document and gives them afresh when it starts the guest; then this is the one it will give
   * (`qemuAssignDeviceAliases`), unless an interface of one of the domain's `networks` takes a
   * number, too.
   */
  readonly alias: string;
  /** Where the guest sees it; `undefined` when libvirt has not chosen yet, and for vfio-ap. */
  readonly address: GuestAddress | undefined;
  /** The kind of bus it sits on; `undefined` when the document does not tell. */
  readonly bus: BusKind | undefined;
  /** The `<rom>` element. libvirt hands it to QEMU for PCI devices only, not for mediated ones. */
  readonly rom: Rom | undefined;
  /**
   * QEMU's properties of the device as far as the document sets them, over QEMU's defaults and the
   * machine type's: `<rom>`, `multifunction`, `<qemu:override>`, `-global` and `-set`. Truth values
   * are `on` and `off`, and numbers as they were written.
   */
  readonly properties: Readonly<Record<string, string>>;
  /**
   * QEMU's `failover_pair_id`, which `<teaming type='transient'>` sets: QEMU does not migrate such a
   * device, and a network device of that id unplugs it before. `undefined`: it is migrated.
   */
  readonly failover: Failover | undefined;
  /** Elements below it and attributes that are not known to be harmless, as `driver/@iommufd`. */
  readonly notUnderstood: readonly string[];
  /** Where the element begins. */
  readonly position: Position;
}

/** The pair that a device is the transient half of. */
export interface Failover {
  /** The id of the persistent half. */
  readonly partner: string;
  /** Whether the guest has it, as a virtio network device that stands by for another. */
  readonly found: boolean;
}

/** The `<rom>` element of a device. */
export interface Rom {
  /** `bar='on'` or `'off'`: whether the guest sees the expansion ROM. */
  readonly bar: boolean | undefined;
  /** `file`: the image that takes the place of the device's own ROM. */
  readonly file: string | undefined;
  /** `enabled='no'`: no ROM at all. */
  readonly enabled: boolean | undefined;
}

/** A part of the string that was parsed: indices of its first character and past its last. */
export interface Range {
  /** Index of the first character. */
  readonly start: number;
  /** Index past the last character. */
  readonly end: number;
}

/** A PCI function of the host: `<hostdev type='pci'>` or `<interface type='hostdev'>`. */
export interface PciDevice extends VfioDevice {
  /** Tells the kinds of {@linkcode HostDevice} apart. */
  readonly kind: "pci";
  /** Its address on the host, normalized: `0000:3b:00.4`. */
  readonly source: string;
  /** Where the `<address>` of its `<source>` is in the string. */
  readonly sourceRange: Range;
  /** Whether it is an `<interface>`, which a live document shows for a device of a network's pool, too. */
  readonly isInterface: boolean;
  /** Whether libvirt binds it to the VFIO driver and back. */
  readonly managed: boolean;
  /** `<driver>`: `vfio`, and the kernel module if one is named (`mlx5_vfio_pci`). */
  readonly driver:
    | { readonly name: string | undefined; readonly model: string | undefined }
    | undefined;
}

/** A mediated device: `<hostdev type='mdev'>`. */
export interface MdevDevice extends VfioDevice {
  /** Tells the kinds of {@linkcode HostDevice} apart. */
  readonly kind: "mdev";
  /** Its UUID on the host, lower case with dashes. */
  readonly source: string;
  /** Where the `<address>` of its `<source>` is in the string. */
  readonly sourceRange: Range;
  /** What QEMU makes of it. Only `vfio-pci` has a PCI config space. */
  readonly model: "vfio-pci" | "vfio-ap" | "vfio-ccw";
  /** Libvirt accepts the attribute and makes nothing of it. */
  readonly managed: boolean;
}

/** A libvirt network that is a pool of host devices (`<forward mode='hostdev'>`). */
export interface NetworkPool {
  /** Whether libvirt binds its devices to the VFIO driver and back. */
  readonly managed: boolean;
  /** The kernel module that its `<driver>` names. */
  readonly model?: string | undefined;
  /** Addresses on the host of the devices that it hands out. */
  readonly devices: readonly string[];
}

/** What a host's libvirt networks are, by name; `plain`: no pool of host devices. */
export type Networks = Readonly<Record<string, "plain" | NetworkPool>>;

/**
 * A virtual function that libvirt takes from a network's pool when the guest starts, so that the
 * document does not name it yet. The domain's `networks` tells which interfaces are recognized.
 */
export interface PoolDevice extends VfioDevice {
  /** Tells the kinds of {@linkcode HostDevice} apart. */
  readonly kind: "unknown-until-start";
  /** The libvirt network with the pool. */
  readonly network: string;
  /** The pool; `undefined` where it is not known. */
  readonly pool: NetworkPool | undefined;
  /** Its address on the host, where something else than the document tells. */
  readonly source?: string;
}

/** An interface on a libvirt network that is no host device by all that is known. */
export interface NetworkInterface {
  /** The network's name. */
  readonly network: string;
  /** Where the guest sees it. */
  readonly address: GuestAddress | undefined;
  /** The document does not tell what it has become: it is no live one. */
  readonly isOpen: boolean;
}

/**
 * A host device that is not VFIO's, or that libvirt does not manage: nothing here looks into it.
 */
export interface OtherDevice {
  /** Tells the kinds of {@linkcode HostDevice} apart. */
  readonly kind: "other";
  /**
   * `usb`, `scsi`, `scsi_host`, `capabilities` (that mode, of containers), or `qemu:commandline`
   * for a VFIO device that a `-device` there adds.
   */
  readonly type: string;
  /** Where the element begins. */
  readonly position: Position;
}

/** One host device of a guest; `kind` tells which. */
export type HostDevice = PciDevice | MdevDevice | PoolDevice | OtherDevice;
