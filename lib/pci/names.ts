import { hex } from "./bits.ts";

const CAPABILITIES: readonly string[] = [
  "Null",
  "PCI Power Management Interface",
  "AGP",
  "Vital Product Data",
  "Slot Identification",
  "MSI",
  "CompactPCI Hot Swap",
  "PCI-X",
  "HyperTransport",
  "Vendor Specific",
  "Debug Port",
  "CompactPCI Central Resource Control",
  "PCI Hot-Plug",
  "PCI Bridge Subsystem Vendor ID",
  "AGP 8x",
  "Secure Device",
  "PCI Express",
  "MSI-X",
  "Serial ATA Data/Index Configuration",
  "Advanced Features",
  "Enhanced Allocation",
  "Flattening Portal Bridge",
];

const EXTENDED_CAPABILITIES: readonly string[] = [
  "Null",
  "Advanced Error Reporting",
  "Virtual Channel",
  "Device Serial Number",
  "Power Budgeting",
  "Root Complex Link Declaration",
  "Root Complex Internal Link Control",
  "Root Complex Event Collector Endpoint Association",
  "Multi-Function Virtual Channel",
  "Virtual Channel (with MFVC)",
  "Root Complex Register Block Header",
  "Vendor-Specific Extended",
  "Configuration Access Correlation",
  "Access Control Services",
  "Alternative Routing-ID Interpretation",
  "Address Translation Services",
  "Single Root I/O Virtualization",
  "Multi-Root I/O Virtualization",
  "Multicast",
  "Page Request Interface",
  "Reserved for AMD",
  "Resizable BAR",
  "Dynamic Power Allocation",
  "TPH Requester",
  "Latency Tolerance Reporting",
  "Secondary PCI Express",
  "Protocol Multiplexing",
  "Process Address Space ID",
  "LN Requester",
  "Downstream Port Containment",
  "L1 PM Substates",
  "Precision Time Measurement",
  "PCI Express over M-PHY",
  "FRS Queueing",
  "Readiness Time Reporting",
  "Designated Vendor-Specific",
  "VF Resizable BAR",
  "Data Link Feature",
  "Physical Layer 16.0 GT/s",
  "Lane Margining at the Receiver",
  "Hierarchy ID",
  "Native PCIe Enclosure Management",
  "Physical Layer 32.0 GT/s",
  "Alternate Protocol",
  "System Firmware Intermediary",
  "Shadow Functions",
  "Data Object Exchange",
  "Device 3",
  "Integrity and Data Encryption",
  "Physical Layer 64.0 GT/s",
  "Flit Logging",
  "Flit Performance Measurement",
  "Flit Error Injection",
  "Streamlined Virtual Channel",
  "MMIO Register Block Locator",
  "NOP Flit",
  "Scalable I/O Virtualization",
  "Physical Layer 128.0 GT/s",
  "Captured Data",
];

/**
 * The name of a capability in the standard list, without the word "capability"
 * (PCI Code and ID Assignment Specification, section 2).
 *
 * @param id The 8-bit capability id.
 *
 * @example
 * ```ts
 * import { capabilityName } from "premigrate/pci";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(capabilityName(0x09), "Vendor Specific");
 * assertEquals(capabilityName(0xc0), "Unknown capability 0xc0");
 * ```
 */
export function capabilityName(id: number): string {
  return CAPABILITIES[id] ?? `Unknown capability ${hex(id, 2)}`;
}

/**
 * The name of a capability in the extended list, without the word "capability"
 * (PCI Code and ID Assignment Specification, section 3).
 *
 * @param id The 16-bit extended capability id.
 *
 * @example
 * ```ts
 * import { extendedCapabilityName } from "premigrate/pci";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(extendedCapabilityName(0x10), "Single Root I/O Virtualization");
 * assertEquals(extendedCapabilityName(0x1234), "Unknown capability 0x1234");
 * ```
 */
export function extendedCapabilityName(id: number): string {
  return EXTENDED_CAPABILITIES[id] ?? `Unknown capability ${hex(id, 4)}`;
}
