import { assertEquals, assertExists } from "@std/assert";
import { decodeConfigSpace, type Fields } from "../../../lib/pci/mod.ts";
import { ENDPOINT, ROOT_PORT, spaceOf, VGPU } from "../../cases/pci/space.ts";

interface Found {
  readonly length: number;
  readonly fields: Fields;
}

/**
 * The capability with this id (standard or extended by its width) in a space, or one of only this
 * capability.
 */
function only(id: string, bytes: string | Uint8Array): Found {
  const extended = id.length === 4;
  const space = typeof bytes !== "string"
    ? bytes
    : extended
    ? spaceOf({ 0x100: bytes }, 4096)
    : spaceOf({ 0x06: "10", 0x34: "40", 0x40: bytes });
  const { capabilities, extended: extendedCapabilities } = decodeConfigSpace(space);
  const found = (extended ? extendedCapabilities : capabilities)
    .find((capability) => capability.id === parseInt(id, 16));
  assertExists(found);
  return found;
}

/** Whole results, for capabilities with few fields. */
const CAPABILITIES: readonly {
  name: string;
  id: string;
  bytes: string | Uint8Array;
  length: number;
  fields: Fields;
}[] = [
  {
    name: "power management",
    id: "01",
    bytes: ENDPOINT,
    length: 8,
    fields: {
      version: 3,
      auxCurrent: 7,
      pmeFrom: ["D0", "D3hot", "D3cold"],
      pmeClock: false,
      immediateReadiness: false,
      deviceSpecificInitialization: false,
      d1: false,
      d2: false,
      powerState: "D0",
      dataSelect: 0,
      dataScale: 1,
      noSoftReset: true,
      pmeEnabled: false,
      pmeStatus: false,
      data: 0,
    },
  },
  {
    name: "vital product data",
    id: "03",
    bytes: "03 00 fc ff 82 0d 00 80",
    length: 8,
    fields: { address: 0x7ffc, flag: true, data: 0x80000d82 },
  },
  {
    name: "MSI with 64-bit address",
    id: "05",
    bytes: VGPU,
    length: 14,
    fields: {
      vectorsCapable: 1,
      vectorsEnabled: 1,
      enabled: true,
      address64: true,
      perVectorMasking: false,
      extendedData: false,
      extendedDataEnabled: false,
      address: "0xfee00000",
      data: 0x404e,
    },
  },
  {
    name: "MSI with 32-bit address",
    id: "05",
    bytes: "05 00 4a 00 00 10 e0 fe 21 41",
    length: 10,
    fields: {
      vectorsCapable: 32,
      vectorsEnabled: 16,
      enabled: false,
      address64: false,
      perVectorMasking: false,
      extendedData: false,
      extendedDataEnabled: false,
      address: "0xfee01000",
      data: 0x4121,
    },
  },
  {
    name: "MSI with 32-bit address and masks",
    id: "05",
    bytes: "05 00 00 01 00 10 e0 fe 21 41 00 00 0f 00 00 00 01 00 00 80",
    length: 20,
    fields: {
      vectorsCapable: 1,
      vectorsEnabled: 1,
      enabled: false,
      address64: false,
      perVectorMasking: true,
      extendedData: false,
      extendedDataEnabled: false,
      address: "0xfee01000",
      data: 0x4121,
      mask: "0x0000000f",
      pending: "0x80000001",
    },
  },
  {
    name: "MSI with 64-bit address, masks and extended data",
    id: "05",
    bytes: "05 00 80 07 00 00 e0 fe 01 00 00 00 4e 40 01 00 03 00 00 00 00 00 00 00",
    length: 24,
    fields: {
      vectorsCapable: 1,
      vectorsEnabled: 1,
      enabled: false,
      address64: true,
      perVectorMasking: true,
      extendedData: true,
      extendedDataEnabled: true,
      address: "0x1fee00000",
      data: 0x404e,
      mask: "0x00000003",
      pending: "0x00000000",
    },
  },
  {
    name: "vendor specific",
    id: "09",
    bytes: VGPU,
    length: 0x1b,
    fields: { declaredLength: 0x1b, bodyOffset: 0xd3, bodyLength: 0x18 },
  },
  {
    name: "vendor specific without a body",
    id: "09",
    bytes: "09 00 03",
    length: 3,
    fields: { declaredLength: 3 },
  },
  {
    name: "vendor specific of length 0",
    id: "09",
    bytes: "09 00 00",
    length: 3,
    fields: { declaredLength: 0 },
  },
  {
    name: "vendor specific past the end",
    id: "09",
    bytes: "09 00 ff",
    length: 0xc0,
    fields: { declaredLength: 0xff, bodyOffset: 0x43, bodyLength: 0xbd },
  },
  {
    name: "bridge subsystem",
    id: "0d",
    bytes: ROOT_PORT,
    length: 8,
    fields: { subsystemVendor: 0x1b36, subsystemDevice: 1 },
  },
  {
    name: "MSI-X",
    id: "11",
    bytes: "11 00 3f c0 03 20 00 80 02 30 00 00",
    length: 12,
    fields: {
      tableSize: 64,
      functionMask: true,
      enabled: true,
      tableBar: 3,
      tableOffset: 0x80002000,
      pbaBar: 2,
      pbaOffset: 0x3000,
    },
  },
  {
    name: "advanced features",
    id: "13",
    bytes: "13 00 06 03 00 01",
    length: 6,
    fields: {
      declaredLength: 6,
      transactionsPending: true,
      functionLevelReset: true,
      transactionsPendingNow: true,
    },
  },
  { name: "one that is not decoded", id: "04", bytes: "04 00 2f 01", length: 0xc0, fields: {} },
  {
    name: "advanced error reporting of an endpoint, with prefix log",
    id: "0001",
    bytes: ENDPOINT,
    length: 0x48,
    fields: {
      uncorrectableStatus: ["unsupportedRequest"],
      uncorrectableMask: ["ecrc", "unsupportedRequest"],
      uncorrectableFatal: [
        "dataLinkProtocol",
        "surpriseDown",
        "flowControlProtocol",
        "receiverOverflow",
        "malformedTlp",
      ],
      correctableStatus: ["advisoryNonFatal"],
      correctableMask: ["advisoryNonFatal"],
      firstErrorPointer: 31,
      ecrcGenerationCapable: true,
      ecrcGeneration: true,
      ecrcCheckCapable: true,
      ecrcCheck: false,
      multipleHeaderCapable: true,
      multipleHeader: false,
      tlpPrefixLogPresent: true,
      headerLog: ["0x04000001", "0x0000120f", "0x7f090000", "0x00000000"],
    },
  },
  {
    name: "device serial number",
    id: "0003",
    bytes: ENDPOINT,
    length: 12,
    fields: { serialNumber: "b8-ce-a0-03-00-12-cb-4c" },
  },
  {
    name: "vendor-specific extended",
    id: "000b",
    bytes: ENDPOINT,
    length: 0x10,
    fields: {
      vsecId: 0x1234,
      vsecRevision: 1,
      declaredLength: 0x10,
      bodyOffset: 0x238,
      bodyLength: 8,
    },
  },
  {
    name: "vendor-specific extended of length 0",
    id: "000b",
    bytes: "0b 00 01 00 34 12 01 00",
    length: 8,
    fields: { vsecId: 0x1234, vsecRevision: 1, declaredLength: 0 },
  },
  {
    name: "alternative routing-ID",
    id: "000e",
    bytes: ENDPOINT,
    length: 8,
    fields: {
      nextFunction: 1,
      mfvcFunctionGroups: true,
      acsFunctionGroups: true,
      functionGroup: 2,
      mfvcFunctionGroupsEnabled: true,
      acsFunctionGroupsEnabled: false,
    },
  },
  {
    name: "address translation; a queue depth of 0 means 32",
    id: "000f",
    bytes: ENDPOINT,
    length: 8,
    fields: {
      invalidateQueueDepth: 32,
      pageAlignedRequest: true,
      globalInvalidate: true,
      relaxedOrdering: false,
      smallestTranslationUnit: 0,
      enabled: true,
    },
  },
  {
    name: "SR-IOV",
    id: "0010",
    bytes: ENDPOINT,
    length: 0x40,
    fields: {
      vfMigration: false,
      ariPreserved: true,
      vfTenBitTagRequester: false,
      interruptMessageNumber: 7,
      vfEnabled: true,
      vfMigrationEnabled: true,
      vfMigrationInterrupt: false,
      vfMemorySpace: true,
      ariCapableHierarchy: true,
      vfTenBitTagEnabled: false,
      vfMigrationStatus: true,
      initialVfs: 8,
      totalVfs: 16,
      numVfs: 2,
      functionDependencyLink: 3,
      firstVfOffset: 4,
      vfStride: 1,
      vfDevice: 0x101a,
      supportedPageSizes: "0x00000553",
      systemPageSize: "0x00000001",
      vfMigrationStateArray: "0x00000000",
      vfBars: [{
        index: 0,
        offset: 0x184,
        kind: "memory64",
        prefetchable: true,
        address: "0xf0000000",
      }],
    },
  },
  {
    name: "resizable BARs",
    id: "0015",
    bytes: ENDPOINT,
    length: 20,
    fields: {
      bars: [
        {
          bar: 1,
          sizeMib: 4096,
          supportedMib: [64, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072],
        },
        { bar: 2, sizeMib: 256, supportedMib: [1, 2, 4, 8, 2 ** 28] },
      ],
    },
  },
  {
    name: "resizable VF BAR; a number of 0 means 1",
    id: "0024",
    bytes: "24 00 01 00 10 00 00 00 00 00 00 00",
    length: 12,
    fields: { bars: [{ bar: 0, sizeMib: 1, supportedMib: [1] }] },
  },
  {
    name: "designated vendor-specific",
    id: "0023",
    bytes: ENDPOINT,
    length: 0x3c,
    fields: {
      dvsecVendor: 0x1e98,
      dvsecRevision: 1,
      declaredLength: 0x3c,
      dvsecId: 8,
      bodyOffset: 0x24a,
      bodyLength: 0x32,
    },
  },
  {
    name: "an extended one that is not decoded",
    id: "001e",
    bytes: "1e 00 01 00 1f",
    length: 0xf00,
    fields: {},
  },
];

for (const { name, id, bytes, length, fields } of CAPABILITIES) {
  Deno.test(`capability ${id}: ${name}`, () => {
    const found = only(id, bytes);
    assertEquals(found.length, length);
    assertEquals(found.fields, fields);
  });
}

Deno.test("capability 01: power states", () => {
  const states = ["00", "01", "02", "03"].map((state) =>
    only("01", `01 00 03 00 ${state} 00`).fields.powerState
  );
  assertEquals(states, ["D0", "D1", "D2", "D3hot"]);
});

Deno.test("capability 0001: root ports have root error registers", () => {
  const { length, fields } = only("0001", ROOT_PORT);
  assertEquals(length, 0x38);
  assertEquals(fields.rootErrorReporting, ["correctable", "nonFatal", "fatal"]);
  assertEquals(fields.rootErrorStatus, ["correctable", "uncorrectable", "fatal"]);
  assertEquals(fields.rootErrorInterruptMessageNumber, 1);
  assertEquals([fields.correctableErrorSource, fields.uncorrectableErrorSource], [0x108, 0x210]);
});

Deno.test("capability 0015: pairs past the end are left out", () => {
  const { length, fields } = only(
    "0015",
    spaceOf({ 0x100: "03 00 41 ff", 0xff4: "15 00 01 00 10 00 00 00 40 00 00 00" }, 4096),
  );
  assertEquals(length, 12);
  assertEquals(fields, { bars: [{ bar: 0, sizeMib: 1, supportedMib: [1] }] });
});

const EXPRESS: readonly { name: string; bytes: Uint8Array; fields: Fields }[] = [
  {
    name: "an endpoint",
    bytes: ENDPOINT,
    fields: {
      version: 2,
      portType: "Endpoint",
      slotImplemented: false,
      interruptMessageNumber: 0,
      deviceCapabilities: {
        maxPayloadSize: 512,
        phantomFunctionBits: 0,
        l0sAcceptableLatency: 7,
        l1AcceptableLatency: 7,
        slotPowerLimitValue: 250,
        slotPowerLimitScale: 1,
        extendedTag: true,
        roleBasedErrorReporting: true,
        functionLevelReset: true,
      },
      deviceControl: {
        maxPayloadSize: 512,
        maxReadRequestSize: 512,
        correctableErrorReporting: false,
        nonFatalErrorReporting: true,
        fatalErrorReporting: true,
        unsupportedRequestReporting: true,
        relaxedOrdering: true,
        extendedTag: true,
        phantomFunctions: false,
        auxPower: false,
        noSnoop: true,
      },
      deviceStatus: {
        correctableError: true,
        nonFatalError: true,
        fatalError: true,
        unsupportedRequest: true,
        auxPower: true,
        transactionsPending: false,
      },
      linkCapabilities: {
        maxSpeed: "16.0 GT/s",
        maxWidth: 16,
        aspm: "none",
        l0sExitLatency: 4,
        l1ExitLatency: 4,
        portNumber: 0,
        clockPowerManagement: true,
        surpriseDownReporting: true,
        dataLinkLayerActiveReporting: false,
        bandwidthNotification: false,
        aspmOptionalityCompliance: false,
      },
      linkControl: {
        aspm: "none",
        readCompletionBoundary: 64,
        linkDisable: false,
        retrainLink: false,
        commonClock: true,
        extendedSynch: false,
        clockPowerManagement: true,
        hardwareAutonomousWidthDisable: false,
        bandwidthManagementInterrupt: false,
        autonomousBandwidthInterrupt: false,
      },
      linkStatus: {
        speed: "16.0 GT/s",
        width: 16,
        training: false,
        slotClock: true,
        dataLinkLayerActive: false,
        bandwidthManagement: false,
        autonomousBandwidth: false,
      },
      deviceCapabilities2: {
        completionTimeoutRanges: 15,
        tphCompleter: 0,
        obff: 0,
        maxEndEndTlpPrefixes: 4,
        emergencyPowerReduction: 0,
        completionTimeoutDisable: true,
        ariForwarding: false,
        atomicOpRouting: false,
        atomicOp32: false,
        atomicOp64: false,
        atomicOp128Cas: false,
        noRelaxedOrderingPassing: false,
        latencyToleranceReporting: false,
        tenBitTagCompleter: true,
        tenBitTagRequester: false,
        extendedFmt: false,
        endEndTlpPrefix: false,
        functionReadinessStatus: false,
      },
      deviceControl2: {
        completionTimeout: 9,
        obff: 0,
        completionTimeoutDisable: false,
        ariForwarding: false,
        atomicOpRequester: false,
        atomicOpEgressBlocking: false,
        idBasedOrderingRequest: false,
        idBasedOrderingCompletion: false,
        latencyToleranceReporting: true,
        tenBitTagRequester: false,
        endEndTlpPrefixBlocking: false,
      },
      linkCapabilities2: {
        supportedSpeeds: [
          "2.5 GT/s",
          "5.0 GT/s",
          "8.0 GT/s",
          "16.0 GT/s",
        ],
        crosslink: false,
        retimer: true,
        twoRetimers: true,
        deviceReadinessStatus: false,
      },
      linkControl2: {
        targetSpeed: "16.0 GT/s",
        transmitMargin: 0,
        compliancePreset: 0,
        enterCompliance: false,
        hardwareAutonomousSpeedDisable: false,
        selectableDeemphasis: false,
        enterModifiedCompliance: false,
        complianceSos: false,
      },
      linkStatus2: {
        deemphasis: "-6 dB",
        equalizationComplete: true,
        equalizationPhase1: true,
        equalizationPhase2: true,
        equalizationPhase3: true,
        equalizationRequest: false,
        retimer: false,
        twoRetimers: false,
      },
    },
  },
  {
    name: "a root port with a slot",
    bytes: ROOT_PORT,
    fields: {
      version: 2,
      portType: "Root Port",
      slotImplemented: true,
      interruptMessageNumber: 0,
      deviceCapabilities: {
        maxPayloadSize: 128,
        phantomFunctionBits: 0,
        l0sAcceptableLatency: 0,
        l1AcceptableLatency: 0,
        slotPowerLimitValue: 0,
        slotPowerLimitScale: 0,
        extendedTag: false,
        roleBasedErrorReporting: true,
        functionLevelReset: false,
      },
      deviceControl: {
        maxPayloadSize: 128,
        maxReadRequestSize: 128,
        correctableErrorReporting: false,
        nonFatalErrorReporting: false,
        fatalErrorReporting: false,
        unsupportedRequestReporting: false,
        relaxedOrdering: false,
        extendedTag: false,
        phantomFunctions: false,
        auxPower: false,
        noSnoop: false,
      },
      deviceStatus: {
        correctableError: false,
        nonFatalError: false,
        fatalError: false,
        unsupportedRequest: false,
        auxPower: false,
        transactionsPending: false,
      },
      linkCapabilities: {
        maxSpeed: "8.0 GT/s",
        maxWidth: 16,
        aspm: "none",
        l0sExitLatency: 7,
        l1ExitLatency: 7,
        portNumber: 0,
        clockPowerManagement: false,
        surpriseDownReporting: false,
        dataLinkLayerActiveReporting: true,
        bandwidthNotification: false,
        aspmOptionalityCompliance: false,
      },
      linkControl: {
        aspm: "none",
        readCompletionBoundary: 128,
        linkDisable: false,
        retrainLink: false,
        commonClock: false,
        extendedSynch: false,
        clockPowerManagement: false,
        hardwareAutonomousWidthDisable: false,
        bandwidthManagementInterrupt: false,
        autonomousBandwidthInterrupt: false,
      },
      linkStatus: {
        speed: "2.5 GT/s",
        width: 2,
        training: false,
        slotClock: true,
        dataLinkLayerActive: true,
        bandwidthManagement: false,
        autonomousBandwidth: false,
      },
      slotCapabilities: {
        powerLimitValue: 0,
        powerLimitScale: 0,
        physicalSlotNumber: 1,
        attentionButton: true,
        powerController: true,
        mrlSensor: false,
        attentionIndicator: true,
        powerIndicator: true,
        hotPlugSurprise: true,
        hotPlug: true,
        electromechanicalInterlock: true,
        noCommandCompleted: false,
      },
      slotControl: {
        attentionIndicator: 3,
        powerIndicator: 3,
        attentionButtonPressed: false,
        powerFaultDetected: false,
        mrlSensorChanged: false,
        presenceDetectChanged: false,
        commandCompletedInterrupt: false,
        hotPlugInterrupt: true,
        powerOff: true,
        dataLinkLayerStateChanged: false,
      },
      slotStatus: {
        attentionButtonPressed: false,
        powerFaultDetected: false,
        mrlSensorChanged: false,
        presenceDetectChanged: false,
        commandCompleted: false,
        mrlSensorOpen: false,
        cardPresent: true,
        electromechanicalInterlock: false,
        dataLinkLayerStateChanged: true,
      },
      rootControl: {
        systemErrorOnCorrectable: false,
        systemErrorOnNonFatal: false,
        systemErrorOnFatal: false,
        pmeInterrupt: true,
        requestRetryStatusVisibility: false,
      },
      rootCapabilities: {
        requestRetryStatusVisibility: true,
      },
      rootStatus: {
        pmeRequesterId: 272,
        pmeStatus: true,
        pmePending: true,
      },
      deviceCapabilities2: {
        completionTimeoutRanges: 0,
        tphCompleter: 0,
        obff: 0,
        maxEndEndTlpPrefixes: 4,
        emergencyPowerReduction: 0,
        completionTimeoutDisable: false,
        ariForwarding: false,
        atomicOpRouting: false,
        atomicOp32: false,
        atomicOp64: false,
        atomicOp128Cas: false,
        noRelaxedOrderingPassing: false,
        latencyToleranceReporting: false,
        tenBitTagCompleter: false,
        tenBitTagRequester: false,
        extendedFmt: false,
        endEndTlpPrefix: false,
        functionReadinessStatus: false,
      },
      deviceControl2: {
        completionTimeout: 0,
        obff: 0,
        completionTimeoutDisable: false,
        ariForwarding: false,
        atomicOpRequester: false,
        atomicOpEgressBlocking: false,
        idBasedOrderingRequest: false,
        idBasedOrderingCompletion: false,
        latencyToleranceReporting: false,
        tenBitTagRequester: false,
        endEndTlpPrefixBlocking: false,
      },
      linkCapabilities2: {
        supportedSpeeds: [
          "2.5 GT/s",
          "5.0 GT/s",
          "8.0 GT/s",
          "16.0 GT/s",
        ],
        crosslink: false,
        retimer: false,
        twoRetimers: false,
        deviceReadinessStatus: false,
      },
      linkControl2: {
        targetSpeed: "Unknown speed 0",
        transmitMargin: 0,
        compliancePreset: 0,
        enterCompliance: false,
        hardwareAutonomousSpeedDisable: false,
        selectableDeemphasis: false,
        enterModifiedCompliance: false,
        complianceSos: false,
      },
      linkStatus2: {
        deemphasis: "-6 dB",
        equalizationComplete: false,
        equalizationPhase1: false,
        equalizationPhase2: false,
        equalizationPhase3: false,
        equalizationRequest: false,
        retimer: false,
        twoRetimers: false,
      },
    },
  },
];

for (const { name, bytes, fields } of EXPRESS) {
  Deno.test(`capability 10: ${name}`, () => assertEquals(only("10", bytes).fields, fields));
}

const EXPRESS_FORMS: readonly {
  name: string;
  flags: string;
  portType: string;
  length: number;
  absent: readonly string[];
  present: readonly string[];
}[] = [
  {
    name: "version 1 endpoint",
    flags: "01 00",
    portType: "Endpoint",
    length: 0x14,
    present: ["linkStatus"],
    absent: ["slotStatus", "rootControl", "deviceCapabilities2"],
  },
  {
    name: "version 1 legacy endpoint, slot bit set without meaning",
    flags: "11 01",
    portType: "Legacy Endpoint",
    length: 0x14,
    present: ["linkStatus"],
    absent: ["slotStatus"],
  },
  {
    name: "version 1 downstream port with a slot",
    flags: "61 01",
    portType: "Downstream Port",
    length: 0x1c,
    present: ["slotStatus"],
    absent: ["rootControl"],
  },
  {
    name: "version 1 root port",
    flags: "41 00",
    portType: "Root Port",
    length: 0x24,
    present: ["rootStatus"],
    absent: ["slotStatus"],
  },
  {
    name: "version 1 integrated endpoint",
    flags: "91 00",
    portType: "Root Complex Integrated Endpoint",
    length: 0x0c,
    present: ["deviceStatus"],
    absent: ["linkStatus"],
  },
  {
    name: "version 2 integrated endpoint",
    flags: "92 00",
    portType: "Root Complex Integrated Endpoint",
    length: 0x2c,
    present: ["deviceControl2"],
    absent: ["linkStatus", "linkStatus2"],
  },
  {
    name: "version 2 event collector",
    flags: "a2 00",
    portType: "Root Complex Event Collector",
    length: 0x3c,
    present: ["rootStatus"],
    absent: ["linkStatus", "slotStatus"],
  },
  {
    name: "reserved port type",
    flags: "32 00",
    portType: "Reserved type 3",
    length: 0x3c,
    present: ["linkStatus"],
    absent: ["slotStatus"],
  },
];

for (const { name, flags, portType, length, present, absent } of EXPRESS_FORMS) {
  Deno.test(`capability 10: ${name}`, () => {
    const found = only("10", `10 00 ${flags}`);
    assertEquals(found.fields.portType, portType);
    assertEquals(found.length, length);
    assertEquals(present.filter((field) => !(field in found.fields)), []);
    assertEquals(absent.filter((field) => field in found.fields), []);
  });
}

Deno.test("capability 10: registers past the end are not decoded", () => {
  const { length, fields } = only(
    "10",
    spaceOf({ 0x06: "10", 0x34: "f0", 0xf0: "10 00 02 00" }, 4096),
  );
  assertEquals(length, 0x10);
  assertEquals("linkCapabilities" in fields, true);
  assertEquals("linkControl" in fields, false);
});

Deno.test("capability 10: codes without a meaning are shown", () => {
  const { linkControl2, linkControl } = only(
    "10",
    `10 00 02 00 ${"00".repeat(12)} 03 00 ${"00".repeat(30)} 0f 00`,
  ).fields;
  assertEquals(linkControl, {
    aspm: "L0s and L1",
    readCompletionBoundary: 64,
    linkDisable: false,
    retrainLink: false,
    commonClock: false,
    extendedSynch: false,
    clockPowerManagement: false,
    hardwareAutonomousWidthDisable: false,
    bandwidthManagementInterrupt: false,
    autonomousBandwidthInterrupt: false,
  });
  assertEquals(linkControl2, {
    targetSpeed: "Unknown speed 15",
    transmitMargin: 0,
    compliancePreset: 0,
    enterCompliance: false,
    hardwareAutonomousSpeedDisable: false,
    selectableDeemphasis: false,
    enterModifiedCompliance: false,
    complianceSos: false,
  });
});
