import { assertEquals } from "@std/assert";
import { decodeConfigSpace, fieldAt } from "../../../lib/pci/mod.ts";
import { ENDPOINT, ROOT_PORT, spaceOf, VGPU } from "../../cases/pci/space.ts";

const CASES: readonly {
  name: string;
  bytes: Uint8Array;
  fields: Readonly<Record<number, string>>;
}[] = [
  {
    name: "a vGPU",
    bytes: VGPU,
    fields: {
      0x00: "Vendor ID",
      0x01: "Vendor ID",
      0x08: "Revision ID",
      0x0b: "Class Code",
      0x13: "BAR0",
      0x2e: "Subsystem ID",
      0x33: "Expansion ROM Base Address",
      0x34: "Capabilities Pointer",
      0x35: "byte 0x35, reserved in the header",
      0x3d: "Interrupt Pin",
      0x40: "byte 0x40, in no capability",
      0x68: "ID of MSI capability at 0x68",
      0x69: "next pointer of MSI capability at 0x68",
      0x6a: "MSI capability at 0x68: Message Control",
      0x73: "MSI capability at 0x68: Message Address",
      0x75: "MSI capability at 0x68: Message Data",
      0x76: "byte 0x76, in no capability",
      0xd2: "Vendor Specific capability at 0xd0: Length",
      0xd3: "Vendor Specific capability at 0xd0, byte +0x03 (body)",
      0xea: "Vendor Specific capability at 0xd0, byte +0x1a (body)",
      0xeb: "byte 0xeb, in no capability",
      0x100: "byte 0x100, not among the 256 bytes known",
      [-1]: "byte 0x-1, not among the 256 bytes known",
      0.5: "byte 0x0.8, not among the 256 bytes known",
      [NaN]: "byte 0xNaN, not among the 256 bytes known",
    },
  },
  {
    name: "an endpoint",
    bytes: ENDPOINT,
    fields: {
      0x44: "PCI Power Management Interface capability at 0x40: Power Management Control/Status",
      0x4a: "Vital Product Data capability at 0x48: VPD Address",
      0x61: "next pointer of PCI Express capability at 0x60",
      0x68: "PCI Express capability at 0x60: Device Control",
      0x72: "PCI Express capability at 0x60: Link Status",
      0x99: "PCI Express capability at 0x60: Slot Control 2",
      0xa3: "MSI-X capability at 0x9c: Table Offset/BIR",
      0x100: "ID of Advanced Error Reporting capability at 0x100",
      0x101: "ID of Advanced Error Reporting capability at 0x100",
      0x102: "version and next pointer of Advanced Error Reporting capability at 0x100",
      0x103: "next pointer of Advanced Error Reporting capability at 0x100",
      0x104: "Advanced Error Reporting capability at 0x100: Uncorrectable Error Status",
      0x11f: "Advanced Error Reporting capability at 0x100, byte +0x1f (Header Log)",
      0x12c: "Advanced Error Reporting capability at 0x100, byte +0x2c",
      0x148: "byte 0x148, in no capability",
      0x173: "Single Root I/O Virtualization capability at 0x160, byte +0x13",
      0x18b: "Single Root I/O Virtualization capability at 0x160: VF BAR1",
      0x1c4: "Device Serial Number capability at 0x1c0: Serial Number",
      0x20d: "Resizable BAR capability at 0x200: Resizable BAR Capability 1",
      0x239: "Vendor-Specific Extended capability at 0x230, byte +0x09 (body)",
      0x248: "Designated Vendor-Specific capability at 0x240: Designated Vendor-Specific Header 2",
      0xfff: "byte 0xfff, in no capability",
    },
  },
  {
    name: "a root port",
    bytes: ROOT_PORT,
    fields: {
      0x19: "Secondary Bus Number",
      0x28: "Prefetchable Base Upper 32 Bits",
      0x3e: "Bridge Control",
      0x47: "PCI Bridge Subsystem Vendor ID capability at 0x40: Subsystem ID",
      0x136:
        "Advanced Error Reporting capability at 0x100: Uncorrectable Error Source Identification",
    },
  },
  {
    name: "a CardBus bridge, whose header is longer",
    bytes: spaceOf({ 0x06: "10", 0x0e: "02", 0x14: "40", 0x40: "01" }),
    fields: {
      0x14: "Capabilities Pointer",
      0x41: "Subsystem Vendor ID",
      0x44: "PC Card 16-bit Legacy Mode Base Address",
    },
  },
  {
    name: "an unknown header type",
    bytes: spaceOf({ 0x0e: "7f" }),
    fields: { 0x04: "Command", 0x10: "byte 0x10, reserved in the header" },
  },
  {
    name: "overlapping capabilities: the one that starts last",
    bytes: spaceOf({ 0x06: "10", 0x34: "40", 0x40: "09 48 20", 0x48: "09 00 04" }),
    fields: {
      0x47: "Vendor Specific capability at 0x40, byte +0x07 (body)",
      0x4b: "Vendor Specific capability at 0x48, byte +0x03 (body)",
      0x4c: "Vendor Specific capability at 0x40, byte +0x0c (body)",
    },
  },
  {
    name: "a capability that is not decoded",
    bytes: spaceOf({ 0x06: "10", 0x34: "40", 0x40: "c0 00" }),
    fields: { 0x42: "Unknown capability 0xc0 at 0x40, byte +0x02" },
  },
];

for (const { name, bytes, fields } of CASES) {
  const space = decodeConfigSpace(bytes);
  for (const [offset, expected] of Object.entries(fields)) {
    Deno.test(`fieldAt: ${name}, ${offset} is ${expected}`, () => {
      assertEquals(fieldAt(space, Number(offset)).name, expected);
    });
  }
}

Deno.test("fieldAt: hands out the capability", () => {
  const space = decodeConfigSpace(ENDPOINT);
  assertEquals(fieldAt(space, 0xc5).capability, space.capabilities[3]);
  assertEquals(fieldAt(space, 0x1c1).capability, space.extended[3]);
  assertEquals("capability" in fieldAt(space, 0x08), false);
});

Deno.test("fieldAt: hands out the register, with its decoded values", () => {
  const space = decodeConfigSpace(ENDPOINT);
  assertEquals(fieldAt(space, 0x01).register, { offset: 0, size: 2, name: "Vendor ID" });
  const { register } = fieldAt(space, 0x73);
  assertEquals([register?.offset, register?.size, register?.name], [0x72, 2, "Link Status"]);
  assertEquals(register?.fields, {
    linkStatus: {
      autonomousBandwidth: false,
      bandwidthManagement: false,
      dataLinkLayerActive: false,
      slotClock: true,
      speed: "16.0 GT/s",
      training: false,
      width: 16,
    },
  });
  assertEquals("register" in fieldAt(space, 0x60), false);
});
