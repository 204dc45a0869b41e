import { assertEquals, assertMatch } from "@std/assert";
import { capabilityName, extendedCapabilityName } from "../../../lib/pci/mod.ts";

const STANDARD: readonly (readonly [number, string])[] = [
  [0x00, "Null"],
  [0x01, "PCI Power Management Interface"],
  [0x05, "MSI"],
  [0x09, "Vendor Specific"],
  [0x0d, "PCI Bridge Subsystem Vendor ID"],
  [0x10, "PCI Express"],
  [0x11, "MSI-X"],
  [0x13, "Advanced Features"],
  [0x15, "Flattening Portal Bridge"],
  [0x16, "Unknown capability 0x16"],
  [0xff, "Unknown capability 0xff"],
  [-1, "Unknown capability 0x-1"],
];

const EXTENDED: readonly (readonly [number, string])[] = [
  [0x0000, "Null"],
  [0x0001, "Advanced Error Reporting"],
  [0x000b, "Vendor-Specific Extended"],
  [0x0010, "Single Root I/O Virtualization"],
  [0x0015, "Resizable BAR"],
  [0x001b, "Process Address Space ID"],
  [0x0023, "Designated Vendor-Specific"],
  [0x0026, "Physical Layer 16.0 GT/s"],
  [0x002a, "Physical Layer 32.0 GT/s"],
  [0x002e, "Data Object Exchange"],
  [0x0031, "Physical Layer 64.0 GT/s"],
  [0x0036, "MMIO Register Block Locator"],
  [0x0039, "Physical Layer 128.0 GT/s"],
  [0x003b, "Unknown capability 0x003b"],
  [0xffff, "Unknown capability 0xffff"],
];

for (const [id, name] of STANDARD) {
  Deno.test(`capabilityName: ${id} is ${name}`, () => assertEquals(capabilityName(id), name));
}

for (const [id, name] of EXTENDED) {
  Deno.test(`extendedCapabilityName: ${id} is ${name}`, () => {
    assertEquals(extendedCapabilityName(id), name);
  });
}

Deno.test("capability names: assigned ids have different names without the word capability", () => {
  const lists = [
    Array.from({ length: 0x16 }, (_, id) => capabilityName(id)),
    Array.from({ length: 0x3b }, (_, id) => extendedCapabilityName(id)),
  ];
  for (const names of lists) {
    assertEquals(new Set(names).size, names.length);
    for (const name of names) assertMatch(name, /^(?!.*capability).+$/i);
  }
});
