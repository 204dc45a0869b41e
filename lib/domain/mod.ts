/**
 * libvirt's domain XML: the host devices of a guest, where they sit in it, and what QEMU is told
 * about them.
 *
 * @module
 */
export type { BusKind } from "../pci/bus.ts";
export { type DomainMetadata, type MetadataElement, setMetadata } from "./metadata.ts";
export { rewriteSources } from "./rewrite.ts";
export type { GuestAddress, PciAddress } from "./address.ts";
export { type Domain, parseDomain } from "./domain.ts";
export { DomainXmlError, type DomainXmlErrorCode, type Position } from "./error.ts";
export type {
  Failover,
  HostDevice,
  MdevDevice,
  NetworkInterface,
  NetworkPool,
  Networks,
  OtherDevice,
  PciDevice,
  PoolDevice,
  Range,
  Rom,
  VfioDevice,
} from "./host_device.ts";
export type { UnreadDevices, UnreadKind } from "./unread_devices.ts";
