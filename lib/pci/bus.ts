/**
 * Where a device sits in the guest, as far as QEMU's vfio-pci tells the cases apart
 * (`pci_bus_is_express`, `pci_bus_is_root`):
 *
 * - `port`: below an express root or downstream port;
 * - `root`: directly on the express root complex (`pcie.0`, `pxb-pcie`);
 * - `pci`: on a conventional bus whose root is conventional (i440fx, pseries, s390);
 * - `pci-under-pcie`: on a conventional bus below an express root (a bridge on q35 or virt).
 */
export type BusKind = "port" | "root" | "pci" | "pci-under-pcie";

/** All bus kinds, for option parsers and schemas. */
export const BUS_KINDS = ["port", "root", "pci", "pci-under-pcie"] as const satisfies BusKind[];
