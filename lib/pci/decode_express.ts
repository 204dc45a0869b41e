import { bit, bits, flags } from "./bits.ts";
import { get16 } from "./bytes.ts";
import type { CapabilityLayout, Fields, RegisterLayout } from "./layout.ts";

/** Registers that mean something only when the function has a link, a slot, or root port duties. */
type Part = "link" | "slot" | "root";

interface ExpressRegister {
  readonly at: number;
  readonly size: 2 | 4;
  readonly name: string;
  readonly part?: Part;
  readonly decode?: (value: number) => Fields;
}

const PORT_TYPES: Readonly<Record<number, string>> = {
  0x0: "Endpoint",
  0x1: "Legacy Endpoint",
  0x4: "Root Port",
  0x5: "Upstream Port",
  0x6: "Downstream Port",
  0x7: "PCI Express to PCI/PCI-X Bridge",
  0x8: "PCI/PCI-X to PCI Express Bridge",
  0x9: "Root Complex Integrated Endpoint",
  0xa: "Root Complex Event Collector",
};
const ROOT_PORT = 0x4;
/** Types with a link downstream on which a slot can be: PCI/PCI-X to PCI Express bridges, too. */
const SLOT_TYPES: readonly number[] = [0x4, 0x6, 0x8];
const INTEGRATED_ENDPOINT = 0x9;
const EVENT_COLLECTOR = 0xa;

const SPEEDS: Readonly<Record<number, string>> = {
  1: "2.5 GT/s",
  2: "5.0 GT/s",
  3: "8.0 GT/s",
  4: "16.0 GT/s",
  5: "32.0 GT/s",
  6: "64.0 GT/s",
  8: "128.0 GT/s",
};
const ASPM = ["none", "L0s", "L1", "L0s and L1"] as const;

const REGISTERS: readonly ExpressRegister[] = [
  {
    at: 0x04,
    size: 4,
    name: "Device Capabilities",
    decode: (value) => ({
      deviceCapabilities: {
        maxPayloadSize: 128 << bits(value, 0, 3),
        phantomFunctionBits: bits(value, 3, 2),
        l0sAcceptableLatency: bits(value, 6, 3),
        l1AcceptableLatency: bits(value, 9, 3),
        slotPowerLimitValue: bits(value, 18, 8),
        slotPowerLimitScale: bits(value, 26, 2),
        ...flags(value, { extendedTag: 5, roleBasedErrorReporting: 15, functionLevelReset: 28 }),
      },
    }),
  },
  {
    at: 0x08,
    size: 2,
    name: "Device Control",
    decode: (value) => ({
      deviceControl: {
        maxPayloadSize: 128 << bits(value, 5, 3),
        maxReadRequestSize: 128 << bits(value, 12, 3),
        ...flags(value, {
          correctableErrorReporting: 0,
          nonFatalErrorReporting: 1,
          fatalErrorReporting: 2,
          unsupportedRequestReporting: 3,
          relaxedOrdering: 4,
          extendedTag: 8,
          phantomFunctions: 9,
          auxPower: 10,
          noSnoop: 11,
        }),
      },
    }),
  },
  {
    at: 0x0a,
    size: 2,
    name: "Device Status",
    decode: (value) => ({
      deviceStatus: flags(value, {
        correctableError: 0,
        nonFatalError: 1,
        fatalError: 2,
        unsupportedRequest: 3,
        auxPower: 4,
        transactionsPending: 5,
      }),
    }),
  },
  {
    at: 0x0c,
    size: 4,
    name: "Link Capabilities",
    part: "link",
    decode: (value) => ({
      linkCapabilities: {
        maxSpeed: speed(bits(value, 0, 4)),
        maxWidth: bits(value, 4, 6),
        aspm: aspm(bits(value, 10, 2)),
        l0sExitLatency: bits(value, 12, 3),
        l1ExitLatency: bits(value, 15, 3),
        portNumber: bits(value, 24, 8),
        ...flags(value, {
          clockPowerManagement: 18,
          surpriseDownReporting: 19,
          dataLinkLayerActiveReporting: 20,
          bandwidthNotification: 21,
          aspmOptionalityCompliance: 22,
        }),
      },
    }),
  },
  {
    at: 0x10,
    size: 2,
    name: "Link Control",
    part: "link",
    decode: (value) => ({
      linkControl: {
        aspm: aspm(bits(value, 0, 2)),
        readCompletionBoundary: bit(value, 3) ? 128 : 64,
        ...flags(value, {
          linkDisable: 4,
          retrainLink: 5,
          commonClock: 6,
          extendedSynch: 7,
          clockPowerManagement: 8,
          hardwareAutonomousWidthDisable: 9,
          bandwidthManagementInterrupt: 10,
          autonomousBandwidthInterrupt: 11,
        }),
      },
    }),
  },
  {
    at: 0x12,
    size: 2,
    name: "Link Status",
    part: "link",
    decode: (value) => ({
      linkStatus: {
        speed: speed(bits(value, 0, 4)),
        width: bits(value, 4, 6),
        ...flags(value, {
          training: 11,
          slotClock: 12,
          dataLinkLayerActive: 13,
          bandwidthManagement: 14,
          autonomousBandwidth: 15,
        }),
      },
    }),
  },
  {
    at: 0x14,
    size: 4,
    name: "Slot Capabilities",
    part: "slot",
    decode: (value) => ({
      slotCapabilities: {
        powerLimitValue: bits(value, 7, 8),
        powerLimitScale: bits(value, 15, 2),
        physicalSlotNumber: bits(value, 19, 13),
        ...flags(value, {
          attentionButton: 0,
          powerController: 1,
          mrlSensor: 2,
          attentionIndicator: 3,
          powerIndicator: 4,
          hotPlugSurprise: 5,
          hotPlug: 6,
          electromechanicalInterlock: 17,
          noCommandCompleted: 18,
        }),
      },
    }),
  },
  {
    at: 0x18,
    size: 2,
    name: "Slot Control",
    part: "slot",
    decode: (value) => ({
      slotControl: {
        attentionIndicator: bits(value, 6, 2),
        powerIndicator: bits(value, 8, 2),
        ...flags(value, {
          attentionButtonPressed: 0,
          powerFaultDetected: 1,
          mrlSensorChanged: 2,
          presenceDetectChanged: 3,
          commandCompletedInterrupt: 4,
          hotPlugInterrupt: 5,
          powerOff: 10,
          dataLinkLayerStateChanged: 12,
        }),
      },
    }),
  },
  {
    at: 0x1a,
    size: 2,
    name: "Slot Status",
    part: "slot",
    decode: (value) => ({
      slotStatus: flags(value, {
        attentionButtonPressed: 0,
        powerFaultDetected: 1,
        mrlSensorChanged: 2,
        presenceDetectChanged: 3,
        commandCompleted: 4,
        mrlSensorOpen: 5,
        cardPresent: 6,
        electromechanicalInterlock: 7,
        dataLinkLayerStateChanged: 8,
      }),
    }),
  },
  {
    at: 0x1c,
    size: 2,
    name: "Root Control",
    part: "root",
    decode: (value) => ({
      rootControl: flags(value, {
        systemErrorOnCorrectable: 0,
        systemErrorOnNonFatal: 1,
        systemErrorOnFatal: 2,
        pmeInterrupt: 3,
        requestRetryStatusVisibility: 4,
      }),
    }),
  },
  {
    at: 0x1e,
    size: 2,
    name: "Root Capabilities",
    part: "root",
    decode: (value) => ({
      rootCapabilities: flags(value, { requestRetryStatusVisibility: 0 }),
    }),
  },
  {
    at: 0x20,
    size: 4,
    name: "Root Status",
    part: "root",
    decode: (value) => ({
      rootStatus: {
        pmeRequesterId: bits(value, 0, 16),
        ...flags(value, { pmeStatus: 16, pmePending: 17 }),
      },
    }),
  },
  {
    at: 0x24,
    size: 4,
    name: "Device Capabilities 2",
    decode: (value) => ({
      deviceCapabilities2: {
        completionTimeoutRanges: bits(value, 0, 4),
        tphCompleter: bits(value, 12, 2),
        obff: bits(value, 18, 2),
        maxEndEndTlpPrefixes: bits(value, 22, 2) || 4,
        emergencyPowerReduction: bits(value, 24, 2),
        ...flags(value, {
          completionTimeoutDisable: 4,
          ariForwarding: 5,
          atomicOpRouting: 6,
          atomicOp32: 7,
          atomicOp64: 8,
          atomicOp128Cas: 9,
          noRelaxedOrderingPassing: 10,
          latencyToleranceReporting: 11,
          tenBitTagCompleter: 16,
          tenBitTagRequester: 17,
          extendedFmt: 20,
          endEndTlpPrefix: 21,
          functionReadinessStatus: 31,
        }),
      },
    }),
  },
  {
    at: 0x28,
    size: 2,
    name: "Device Control 2",
    decode: (value) => ({
      deviceControl2: {
        completionTimeout: bits(value, 0, 4),
        obff: bits(value, 13, 2),
        ...flags(value, {
          completionTimeoutDisable: 4,
          ariForwarding: 5,
          atomicOpRequester: 6,
          atomicOpEgressBlocking: 7,
          idBasedOrderingRequest: 8,
          idBasedOrderingCompletion: 9,
          latencyToleranceReporting: 10,
          tenBitTagRequester: 12,
          endEndTlpPrefixBlocking: 15,
        }),
      },
    }),
  },
  { at: 0x2a, size: 2, name: "Device Status 2" },
  {
    at: 0x2c,
    size: 4,
    name: "Link Capabilities 2",
    part: "link",
    decode: (value) => ({
      linkCapabilities2: {
        supportedSpeeds: [1, 2, 3, 4, 5, 6].filter((code) => bit(value, code)).map(speed),
        ...flags(value, { crosslink: 8, retimer: 23, twoRetimers: 24, deviceReadinessStatus: 31 }),
      },
    }),
  },
  {
    at: 0x30,
    size: 2,
    name: "Link Control 2",
    part: "link",
    decode: (value) => ({
      linkControl2: {
        targetSpeed: speed(bits(value, 0, 4)),
        transmitMargin: bits(value, 7, 3),
        compliancePreset: bits(value, 12, 4),
        ...flags(value, {
          enterCompliance: 4,
          hardwareAutonomousSpeedDisable: 5,
          selectableDeemphasis: 6,
          enterModifiedCompliance: 10,
          complianceSos: 11,
        }),
      },
    }),
  },
  {
    at: 0x32,
    size: 2,
    name: "Link Status 2",
    part: "link",
    decode: (value) => ({
      linkStatus2: {
        deemphasis: bit(value, 0) ? "-3.5 dB" : "-6 dB",
        ...flags(value, {
          equalizationComplete: 1,
          equalizationPhase1: 2,
          equalizationPhase2: 3,
          equalizationPhase3: 4,
          equalizationRequest: 5,
          retimer: 6,
          twoRetimers: 7,
        }),
      },
    }),
  },
  { at: 0x34, size: 4, name: "Slot Capabilities 2", part: "slot" },
  { at: 0x38, size: 2, name: "Slot Control 2", part: "slot" },
  { at: 0x3a, size: 2, name: "Slot Status 2", part: "slot" },
];

/** Whether the port type in a PCI Express Capabilities register is one with root port duties. */
export function hasRootDuties(expressCapabilities: number): boolean {
  const type = bits(expressCapabilities, 4, 4);
  return type === ROOT_PORT || type === EVENT_COLLECTOR;
}

/**
 * PCI Express (10h), PCI Express Base, section 7.5.3. All registers are named; those of a part the
 * function does not have are reserved and not decoded.
 */
export function expressLayout({ bytes }: { readonly bytes: Uint8Array }): CapabilityLayout {
  const capabilities = get16(bytes, 2);
  const type = bits(capabilities, 4, 4);
  const hasSlot = bit(capabilities, 8) && SLOT_TYPES.includes(type);
  const parts: Readonly<Record<Part, boolean>> = {
    link: type !== INTEGRATED_ENDPOINT && type !== EVENT_COLLECTOR,
    slot: hasSlot,
    root: hasRootDuties(capabilities),
  };
  const registers: readonly RegisterLayout[] = [
    {
      at: 0x02,
      size: 2,
      name: "PCI Express Capabilities",
      decode: (value) => ({
        version: bits(value, 0, 4),
        portType: PORT_TYPES[type] ?? `Reserved type ${type}`,
        slotImplemented: bit(value, 8),
        interruptMessageNumber: bits(value, 9, 5),
      }),
    },
    ...REGISTERS.map(({ part, decode, ...register }) =>
      decode === undefined || (part && !parts[part]) ? register : { ...register, decode }
    ),
  ];
  return { length: expressLength(bits(capabilities, 0, 4), type, hasSlot), registers };
}

/**
 * Version 1 ends after the last register its port type needs. Later versions have all registers,
 * reserved or not, but a root complex integrated endpoint may end before Link Capabilities 2.
 */
function expressLength(version: number, type: number, hasSlot: boolean): number {
  if (version >= 2) return type === INTEGRATED_ENDPOINT ? 0x2c : 0x3c;
  if (type === ROOT_PORT || type === EVENT_COLLECTOR) return 0x24;
  if (type === INTEGRATED_ENDPOINT) return 0x0c;
  return hasSlot ? 0x1c : 0x14;
}

function speed(code: number): string {
  return SPEEDS[code] ?? `Unknown speed ${code}`;
}

function aspm(code: number): string {
  return ASPM[code] ?? "none";
}
