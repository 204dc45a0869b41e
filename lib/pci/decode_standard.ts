import { bit, bits, flags, hex } from "./bits.ts";
import { get16, get32 } from "./bytes.ts";
import { expressLayout } from "./decode_express.ts";
import type { CapabilityLayout, LayoutOf, RegisterLayout } from "./layout.ts";

/** Standard capabilities that are decoded, by id. */
export const STANDARD_LAYOUTS: ReadonlyMap<number, LayoutOf> = new Map<number, LayoutOf>([
  [0x01, powerManagement],
  [0x03, vitalProductData],
  [0x05, msi],
  [0x09, vendorSpecific],
  [0x0d, subsystemVendor],
  [0x10, expressLayout],
  [0x11, msix],
  [0x13, advancedFeatures],
]);

/** PCI Bus Power Management Interface 1.2, section 3.2. */
function powerManagement(): CapabilityLayout {
  return {
    length: 8,
    registers: [
      {
        at: 2,
        size: 2,
        name: "Power Management Capabilities",
        decode: (value) => ({
          version: bits(value, 0, 3),
          auxCurrent: bits(value, 6, 3),
          pmeFrom: ["D0", "D1", "D2", "D3hot", "D3cold"].filter((_, i) => bit(value, 11 + i)),
          ...flags(value, {
            pmeClock: 3,
            immediateReadiness: 4,
            deviceSpecificInitialization: 5,
            d1: 9,
            d2: 10,
          }),
        }),
      },
      {
        at: 4,
        size: 2,
        name: "Power Management Control/Status",
        decode: (value) => ({
          powerState: ["D0", "D1", "D2", "D3hot"][bits(value, 0, 2)] ?? "D0",
          dataSelect: bits(value, 9, 4),
          dataScale: bits(value, 13, 2),
          ...flags(value, { noSoftReset: 3, pmeEnabled: 8, pmeStatus: 15 }),
        }),
      },
      { at: 6, size: 1, name: "Power Management Bridge Support Extensions" },
      { at: 7, size: 1, name: "Power Management Data", decode: (value) => ({ data: value }) },
    ],
  };
}

/** PCI Local Bus 3.0, appendix I. */
function vitalProductData(): CapabilityLayout {
  return {
    length: 8,
    registers: [
      {
        at: 2,
        size: 2,
        name: "VPD Address",
        decode: (value) => ({ address: bits(value, 0, 15), flag: bit(value, 15) }),
      },
      { at: 4, size: 4, name: "VPD Data", decode: (value) => ({ data: value }) },
    ],
  };
}

/** PCI Local Bus 3.0, section 6.8.1. */
function msi({ bytes }: { readonly bytes: Uint8Array }): CapabilityLayout {
  const control = get16(bytes, 2);
  const dataAt = bit(control, 7) ? 0x0c : 0x08;
  const perVectorMasking = bit(control, 8);
  const maskRegisters: readonly RegisterLayout[] = [
    {
      at: dataAt + 4,
      size: 4,
      name: "Mask Bits",
      decode: (value) => ({ mask: hex(value, 8) }),
    },
    {
      at: dataAt + 8,
      size: 4,
      name: "Pending Bits",
      decode: (value) => ({ pending: hex(value, 8) }),
    },
  ];
  return {
    length: dataAt + (perVectorMasking ? 12 : 2),
    registers: [
      {
        at: 2,
        size: 2,
        name: "Message Control",
        decode: (value) => ({
          vectorsCapable: 1 << bits(value, 1, 3),
          vectorsEnabled: 1 << bits(value, 4, 3),
          ...flags(value, {
            enabled: 0,
            address64: 7,
            perVectorMasking: 8,
            extendedData: 9,
            extendedDataEnabled: 10,
          }),
        }),
      },
      {
        at: 4,
        size: dataAt - 4,
        name: "Message Address",
        decode: (low, register) => ({
          address: hex((BigInt(get32(register, 4)) << 32n) | BigInt(low)),
        }),
      },
      { at: dataAt, size: 2, name: "Message Data", decode: (value) => ({ data: value }) },
      { at: dataAt + 2, size: 2, name: "Extended Message Data" },
      ...(perVectorMasking ? maskRegisters : []),
    ],
  };
}

/**
 * PCI Local Bus 3.0, appendix H: the third byte counts the whole capability, all else is the
 * vendor's.
 */
function vendorSpecific(
  { bytes, offset }: { readonly bytes: Uint8Array; readonly offset: number },
): CapabilityLayout {
  const length = bytes[2] ?? 0;
  const bodyLength = Math.max(Math.min(length, bytes.length) - 3, 0);
  return {
    length,
    registers: [
      { at: 2, size: 1, name: "Length", decode: (value) => ({ declaredLength: value }) },
      {
        at: 3,
        size: bodyLength,
        name: "body",
        bytewise: true,
        decode: () => ({ bodyOffset: offset + 3, bodyLength }),
      },
    ],
  };
}

/** PCI-to-PCI Bridge Architecture 1.2, section 3.2.5.13. */
function subsystemVendor(): CapabilityLayout {
  return {
    length: 8,
    registers: [
      {
        at: 4,
        size: 2,
        name: "Subsystem Vendor ID",
        decode: (value) => ({ subsystemVendor: value }),
      },
      { at: 6, size: 2, name: "Subsystem ID", decode: (value) => ({ subsystemDevice: value }) },
    ],
  };
}

/** PCI Local Bus 3.0, section 6.8.2. */
function msix(): CapabilityLayout {
  return {
    length: 12,
    registers: [
      {
        at: 2,
        size: 2,
        name: "Message Control",
        decode: (value) => ({
          tableSize: bits(value, 0, 11) + 1,
          ...flags(value, { functionMask: 14, enabled: 15 }),
        }),
      },
      {
        at: 4,
        size: 4,
        name: "Table Offset/BIR",
        decode: (value) => ({ tableBar: bits(value, 0, 3), tableOffset: (value & ~7) >>> 0 }),
      },
      {
        at: 8,
        size: 4,
        name: "PBA Offset/BIR",
        decode: (value) => ({ pbaBar: bits(value, 0, 3), pbaOffset: (value & ~7) >>> 0 }),
      },
    ],
  };
}

/** Advanced Capabilities for Conventional PCI (ECN of 2006). */
function advancedFeatures({ bytes }: { readonly bytes: Uint8Array }): CapabilityLayout {
  return {
    length: bytes[2] ?? 0,
    registers: [
      { at: 2, size: 1, name: "Length", decode: (value) => ({ declaredLength: value }) },
      {
        at: 3,
        size: 1,
        name: "AF Capabilities",
        decode: (value) => flags(value, { transactionsPending: 0, functionLevelReset: 1 }),
      },
      { at: 4, size: 1, name: "AF Control" },
      {
        at: 5,
        size: 1,
        name: "AF Status",
        decode: (value) => ({ transactionsPendingNow: bit(value, 0) }),
      },
    ],
  };
}
