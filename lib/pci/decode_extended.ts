import { decodeBars } from "./bars.ts";
import { bit, bits, flags, hex, namesOfSetBits } from "./bits.ts";
import { get32 } from "./bytes.ts";
import type {
  CapabilityBytes,
  CapabilityLayout,
  Fields,
  LayoutOf,
  RegisterLayout,
} from "./layout.ts";

/** Extended capabilities that are decoded, by id. */
export const EXTENDED_LAYOUTS: ReadonlyMap<number, LayoutOf> = new Map<number, LayoutOf>([
  [0x0001, advancedErrorReporting],
  [0x0003, deviceSerialNumber],
  [0x000b, vendorSpecificExtended],
  [0x000e, alternativeRoutingId],
  [0x000f, addressTranslation],
  [0x0010, singleRootIov],
  [0x0015, resizableBar],
  [0x0023, designatedVendorSpecific],
  [0x0024, resizableBar],
]);

const UNCORRECTABLE_ERRORS = {
  dataLinkProtocol: 4,
  surpriseDown: 5,
  poisonedTlp: 12,
  flowControlProtocol: 13,
  completionTimeout: 14,
  completerAbort: 15,
  unexpectedCompletion: 16,
  receiverOverflow: 17,
  malformedTlp: 18,
  ecrc: 19,
  unsupportedRequest: 20,
  acsViolation: 21,
  uncorrectableInternal: 22,
  multicastBlockedTlp: 23,
  atomicOpEgressBlocked: 24,
  tlpPrefixBlocked: 25,
  poisonedTlpEgressBlocked: 26,
  deferrableWriteEgressBlocked: 27,
  ideCheckFailed: 28,
  misroutedIdeTlp: 29,
  pcrcCheckFailed: 30,
  tlpTranslationEgressBlocked: 31,
};
const CORRECTABLE_ERRORS = {
  receiver: 0,
  badTlp: 6,
  badDllp: 7,
  replayNumberRollover: 8,
  replayTimerTimeout: 12,
  advisoryNonFatal: 13,
  correctedInternal: 14,
  headerLogOverflow: 15,
};

/** In root ports and root complex event collectors only. */
const ROOT_ERROR_REGISTERS: readonly RegisterLayout[] = [
  {
    at: 0x2c,
    size: 4,
    name: "Root Error Command",
    decode: (value) => ({
      rootErrorReporting: namesOfSetBits(value, { correctable: 0, nonFatal: 1, fatal: 2 }),
    }),
  },
  {
    at: 0x30,
    size: 4,
    name: "Root Error Status",
    decode: (value) => ({
      rootErrorStatus: namesOfSetBits(value, {
        correctable: 0,
        multipleCorrectable: 1,
        uncorrectable: 2,
        multipleUncorrectable: 3,
        firstUncorrectableFatal: 4,
        nonFatal: 5,
        fatal: 6,
      }),
      rootErrorInterruptMessageNumber: bits(value, 27, 5),
    }),
  },
  {
    at: 0x34,
    size: 2,
    name: "Correctable Error Source Identification",
    decode: (value) => ({ correctableErrorSource: value }),
  },
  {
    at: 0x36,
    size: 2,
    name: "Uncorrectable Error Source Identification",
    decode: (value) => ({ uncorrectableErrorSource: value }),
  },
];

/** PCI Express Base, section 7.8.4. */
function advancedErrorReporting({ bytes, root }: CapabilityBytes): CapabilityLayout {
  const hasPrefixLog = bit(get32(bytes, 0x18), 11);
  return {
    length: hasPrefixLog ? 0x48 : root ? 0x38 : 0x2c,
    registers: [
      errorRegister(0x04, "Uncorrectable Error Status", "uncorrectableStatus"),
      errorRegister(0x08, "Uncorrectable Error Mask", "uncorrectableMask"),
      errorRegister(0x0c, "Uncorrectable Error Severity", "uncorrectableFatal"),
      errorRegister(0x10, "Correctable Error Status", "correctableStatus"),
      errorRegister(0x14, "Correctable Error Mask", "correctableMask"),
      {
        at: 0x18,
        size: 4,
        name: "Advanced Error Capabilities and Control",
        decode: (value) => ({
          firstErrorPointer: bits(value, 0, 5),
          ...flags(value, {
            ecrcGenerationCapable: 5,
            ecrcGeneration: 6,
            ecrcCheckCapable: 7,
            ecrcCheck: 8,
            multipleHeaderCapable: 9,
            multipleHeader: 10,
            tlpPrefixLogPresent: 11,
          }),
        }),
      },
      {
        at: 0x1c,
        size: 16,
        name: "Header Log",
        bytewise: true,
        decode: (_, log) => ({
          headerLog: [0, 4, 8, 12].map((at) => hex(get32(log, at), 8)),
        }),
      },
      ...(root ? ROOT_ERROR_REGISTERS : []),
      { at: 0x38, size: 16, name: "TLP Prefix Log", bytewise: true },
    ],
  };
}

function errorRegister(at: number, name: string, field: string): RegisterLayout {
  const errors = at < 0x10 ? UNCORRECTABLE_ERRORS : CORRECTABLE_ERRORS;
  return {
    at,
    size: 4,
    name,
    decode: (value) => ({ [field]: namesOfSetBits(value, errors) }),
  };
}

/**
 * PCI Express Base, section 7.9.3: an EUI-64, written from its last byte in config space to its
 * first.
 */
function deviceSerialNumber(): CapabilityLayout {
  return {
    length: 12,
    registers: [{
      at: 4,
      size: 8,
      name: "Serial Number",
      decode: (_, serial) => ({
        serialNumber: Array.from(serial, (byte) => hex(byte, 2).slice(2)).reverse().join("-"),
      }),
    }],
  };
}

/** PCI Express Base, section 7.9.5. */
function vendorSpecificExtended({ bytes, offset }: CapabilityBytes): CapabilityLayout {
  const length = bits(get32(bytes, 4), 20, 12);
  return {
    length,
    registers: [
      {
        at: 4,
        size: 4,
        name: "Vendor-Specific Header",
        decode: (value) => ({
          vsecId: bits(value, 0, 16),
          vsecRevision: bits(value, 16, 4),
          declaredLength: length,
        }),
      },
      bodyRegister(8, Math.min(length, bytes.length), offset),
    ],
  };
}

/** PCI Express Base, section 7.9.6. */
function designatedVendorSpecific({ bytes, offset }: CapabilityBytes): CapabilityLayout {
  const length = bits(get32(bytes, 4), 20, 12);
  return {
    length,
    registers: [
      {
        at: 4,
        size: 4,
        name: "Designated Vendor-Specific Header 1",
        decode: (value) => ({
          dvsecVendor: bits(value, 0, 16),
          dvsecRevision: bits(value, 16, 4),
          declaredLength: length,
        }),
      },
      {
        at: 8,
        size: 2,
        name: "Designated Vendor-Specific Header 2",
        decode: (value) => ({ dvsecId: value }),
      },
      bodyRegister(10, Math.min(length, bytes.length), offset),
    ],
  };
}

function bodyRegister(at: number, end: number, offset: number): RegisterLayout {
  const bodyLength = Math.max(end - at, 0);
  return {
    at,
    size: bodyLength,
    name: "body",
    bytewise: true,
    decode: () => ({ bodyOffset: offset + at, bodyLength }),
  };
}

/** PCI Express Base, section 7.8.8. */
function alternativeRoutingId(): CapabilityLayout {
  return {
    length: 8,
    registers: [
      {
        at: 4,
        size: 2,
        name: "ARI Capability",
        decode: (value) => ({
          nextFunction: bits(value, 8, 8),
          ...flags(value, { mfvcFunctionGroups: 0, acsFunctionGroups: 1 }),
        }),
      },
      {
        at: 6,
        size: 2,
        name: "ARI Control",
        decode: (value) => ({
          functionGroup: bits(value, 4, 3),
          ...flags(value, { mfvcFunctionGroupsEnabled: 0, acsFunctionGroupsEnabled: 1 }),
        }),
      },
    ],
  };
}

/** PCI Express Base, section 10.5.1. */
function addressTranslation(): CapabilityLayout {
  return {
    length: 8,
    registers: [
      {
        at: 4,
        size: 2,
        name: "ATS Capability",
        decode: (value) => ({
          invalidateQueueDepth: bits(value, 0, 5) || 32,
          ...flags(value, { pageAlignedRequest: 5, globalInvalidate: 6, relaxedOrdering: 7 }),
        }),
      },
      {
        at: 6,
        size: 2,
        name: "ATS Control",
        decode: (value) => ({
          smallestTranslationUnit: bits(value, 0, 5),
          enabled: bit(value, 15),
        }),
      },
    ],
  };
}

/** PCI Express Base, section 9.3.3. */
function singleRootIov({ bytes, offset }: CapabilityBytes): CapabilityLayout {
  const word = (at: number, name: string, field: string): RegisterLayout => ({
    at,
    size: 2,
    name,
    decode: (value) => ({ [field]: value }),
  });
  return {
    length: 0x40,
    registers: [
      {
        at: 0x04,
        size: 4,
        name: "SR-IOV Capabilities",
        decode: (value) => ({
          ...flags(value, { vfMigration: 0, ariPreserved: 1, vfTenBitTagRequester: 2 }),
          interruptMessageNumber: bits(value, 21, 11),
        }),
      },
      {
        at: 0x08,
        size: 2,
        name: "SR-IOV Control",
        decode: (value) =>
          flags(value, {
            vfEnabled: 0,
            vfMigrationEnabled: 1,
            vfMigrationInterrupt: 2,
            vfMemorySpace: 3,
            ariCapableHierarchy: 4,
            vfTenBitTagEnabled: 5,
          }),
      },
      {
        at: 0x0a,
        size: 2,
        name: "SR-IOV Status",
        decode: (value) => ({ vfMigrationStatus: bit(value, 0) }),
      },
      word(0x0c, "Initial VFs", "initialVfs"),
      word(0x0e, "Total VFs", "totalVfs"),
      word(0x10, "Number of VFs", "numVfs"),
      {
        at: 0x12,
        size: 1,
        name: "Function Dependency Link",
        decode: (value) => ({ functionDependencyLink: value }),
      },
      word(0x14, "First VF Offset", "firstVfOffset"),
      word(0x16, "VF Stride", "vfStride"),
      word(0x1a, "VF Device ID", "vfDevice"),
      {
        at: 0x1c,
        size: 4,
        name: "Supported Page Sizes",
        decode: (value) => ({ supportedPageSizes: hex(value, 8) }),
      },
      {
        at: 0x20,
        size: 4,
        name: "System Page Size",
        decode: (value) => ({ systemPageSize: hex(value, 8) }),
      },
      ...[0, 1, 2, 3, 4, 5].map((i) => ({ at: 0x24 + 4 * i, size: 4, name: `VF BAR${i}` })),
      {
        at: 0x3c,
        size: 4,
        name: "VF Migration State Array Offset",
        decode: (value) => ({ vfMigrationStateArray: hex(value, 8) }),
      },
    ],
    fields: {
      vfBars: decodeBars(bytes.subarray(0x24, 0x3c), offset + 0x24).map((bar) => ({ ...bar })),
    },
  };
}

/**
 * PCI Express Base, section 7.8.6: a pair of registers for each BAR; how many pairs there are is in
 * the first control register. Sizes are in MiB.
 */
function resizableBar({ bytes }: CapabilityBytes): CapabilityLayout {
  const count = Math.max(bits(get32(bytes, 8), 5, 3), 1);
  const present = Math.min(count, Math.floor((bytes.length - 4) / 8));
  return {
    length: 4 + 8 * count,
    registers: Array.from({ length: count }, (_, i): RegisterLayout[] => [
      { at: 4 + 8 * i, size: 4, name: `Resizable BAR Capability ${i}` },
      { at: 8 + 8 * i, size: 4, name: `Resizable BAR Control ${i}` },
    ]).flat(),
    fields: {
      bars: Array.from(
        { length: present },
        (_, i) => resizableBarFields(bytes.subarray(4 + 8 * i)),
      ),
    },
  };
}

function resizableBarFields(pair: Uint8Array): Fields {
  const capability = get32(pair, 0);
  const control = get32(pair, 4);
  // Bits 4 to 31 of the capability stand for 2^0 to 2^27 MiB, bits 16 to 31 of the control for
  // 2^28 on.
  const powers = Array.from({ length: 44 }, (_, power) => power)
    .filter((power) => power < 28 ? bit(capability, 4 + power) : bit(control, power - 12));
  return {
    bar: bits(control, 0, 3),
    sizeMib: 2 ** bits(control, 8, 6),
    supportedMib: powers.map((power) => 2 ** power),
  };
}
