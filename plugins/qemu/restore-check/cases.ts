import type { CaseSide, PolicyCase } from "premigrate/policy";
import type { CODES } from "./codes.ts";

// A conventional function as a vGPU shows itself: MSI and a Vendor Specific Capability.
const VGPU = {
  0x00: "de 10 b8 1e 00 00 10 00 a1 00 00 03",
  0x14: "0c",
  0x1c: "0c",
  0x2c: "de 10 0f 13",
  0x34: "d0",
  0x3d: "01",
  0x68: "05 00 80 00",
  0xd0: "09 68 1b 56 46 00 16 35 33 35 2e 31 36 31 2e 30 35 72 35 33 35 5f 30 30",
};
const VGPU_BARS = [0x0100_0000, 0x1000_0000, 0, 0x0200_0000, 0, 0];

// An express endpoint as a NIC's virtual function shows itself through vfio-pci: MSI-X and PCI
// Express, then Advanced Error Reporting and Alternative Routing-ID.
const VF = {
  0x00: "b3 15 1e 10 00 00 10 00 00 00 00 02",
  0x10: "0c",
  0x2c: "b3 15 08 00",
  0x34: "60",
  0x60: "10 9c 02 00 e1 8f e8 17 10 29 00 00 04 41 46 00 00 00 04 01",
  0x9c: "11 00 0b 00 00 20 00 00 00 30 00 00",
  0x100: "01 00 02 15",
  0x104: "00 00 00 00 00 00 18 00 30 20 06 00 00 00 00 00 00 20 00 00",
  0x150: "0e 00 01 00",
};
const VF_BARS = [0x0010_0000, 0, 0, 0, 0, 0];

const EXPRESS = { 0x00: "b3 15 1e 10 00 00 10", 0x34: "60", 0x60: "10 00 02" };

const R550 = "09 68 1b 56 46 00 16 35 35 30 2e 35 34 2e 31 36 00 72 35 35 30 5f 30 30";

// Those that the cases name.
const MACHINES = ["8.0", "8.2", "9.0", "9.1", "9.2", "12.0", "rhel9.4.0"].map((name) =>
  `pc-q35-${name}`
);
const QEMU = { qemu: "9.2", machineTypes: MACHINES };

function vgpu(changes: CaseSide["config"] = {}, facts: CaseSide = {}): CaseSide {
  return { ...QEMU, bars: VGPU_BARS, romSize: 0, config: { ...VGPU, ...changes }, ...facts };
}

function vf(changes: CaseSide["config"] = {}, facts: CaseSide = {}): CaseSide {
  return {
    ...QEMU,
    size: 4096,
    bars: VF_BARS,
    romSize: 0,
    config: { ...VF, ...changes },
    ...facts,
  };
}

const ROM = "/usr/share/vgabios/t4.rom";

function vgpuWithRom(size: number | null, facts: CaseSide = {}): CaseSide {
  return vgpu({}, { romFiles: { [ROM]: size }, ...facts });
}

const ROOT = { machine: "pc-q35-9.1", bus: "root" } as const;
const PORT = { machine: "pc-q35-9.1", bus: "port" } as const;

/** What `qemu/restore-check` says, case by case. */
export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name:
      "a difference where a guest sees the end of no capability: QEMU may have hidden one there",
    ...PORT,
    source: vf({ 0x100: "01 00 02 00", 0x150: "00", 0x158: "01" }, { view: "guest" }),
    destination: vf({ 0x100: "01 00 02 00", 0x150: "00", 0x158: "02" }, { view: "guest" }),
    findings: [["may-fail", "undecided", 0x158]],
    decision: "undecided",
  },
  {
    name: "equal devices",
    ...ROOT,
    source: vgpu(),
    destination: vgpu(),
    findings: [["will-pass", "info", undefined, { exempt: 45 }]],
    decision: "allow",
  },
  {
    name: "another revision",
    ...ROOT,
    source: vgpu(),
    destination: vgpu({ 0x08: "a2" }),
    findings: [["will-fail", "veto", 0x08, {
      field: "Revision ID",
      line:
        "get_pci_config_device: Bad config data: i=0x8 read: a1 device: a2 cmask: ff wmask: 0 w1cmask:0",
      failing: 1,
    }]],
    decision: "veto",
  },
  {
    name: "another host driver, and a machine type that compares it",
    machine: "pc-q35-9.0",
    bus: "root",
    source: vgpu(),
    destination: vgpu({ 0xd0: R550 }),
    findings: [["will-fail", "veto", 0xd8, { read: 0x33, device: 0x35 }]],
    decision: "veto",
  },
  {
    name: "another host driver, and a machine type that does not",
    ...ROOT,
    source: vgpu(),
    destination: vgpu({ 0xd0: R550 }),
    findings: [["exempt-differs", "warn", 0xd8], ["will-pass", "info"]],
    decision: "allow",
  },
  {
    name: "another host driver, and a distribution's machine type",
    machine: "pc-q35-rhel9.4.0",
    bus: "root",
    source: vgpu(),
    destination: vgpu({ 0xd0: R550 }),
    findings: [["cannot-tell", "undecided", 0xd8, {
      missing: "skip-vsc-check of the machine type",
      failure: "Vendor Specific capability at 0xd0, byte +0x08 (body)",
    }]],
    decision: "undecided",
  },
  {
    name: "an old machine type decides, whatever the destination's QEMU",
    machine: "pc-q35-9.0",
    bus: "root",
    source: vgpu(),
    destination: vgpu({ 0xd0: R550 }, { qemu: undefined }),
    findings: [["will-fail", "veto", 0xd8], ["qemu-not-known", "undecided"]],
    decision: "veto",
  },
  {
    name: "MSI of more vectors",
    ...ROOT,
    source: vgpu(),
    destination: vgpu({ 0x6a: "82" }),
    findings: [["will-fail", "veto", 0x6a, { wmask: 0x71 }]],
    decision: "veto",
  },
  {
    name: "another subsystem and no interrupt pin",
    ...ROOT,
    source: vgpu(),
    destination: vgpu({ 0x2e: "10", 0x3d: "00" }),
    findings: [
      ["will-pass", "info"],
      ["unchecked-differs", "info", 0x2e, { fields: "subsystem id, interrupt pin" }],
    ],
    decision: "allow",
  },
  {
    name: "another link status, as QEMU has read it",
    ...PORT,
    source: vf(),
    destination: vf({ 0x72: "02 01" }),
    findings: [["will-fail", "veto", 0x72]],
    decision: "veto",
  },
  {
    name: "another link status, in sysfs",
    ...PORT,
    source: vf(),
    destination: vf({ 0x72: "02 01" }, { view: "sysfs" }),
    findings: [["may-fail", "undecided", 0x72, { count: 1 }]],
    decision: "undecided",
  },
  {
    name: "equal devices, in the guests' view",
    ...PORT,
    source: vf({}, { view: "guest" }),
    destination: vf({}, { view: "guest" }),
    findings: [["will-pass", "info"], ["equal-for-now", "info", 0x68]],
    decision: "allow",
  },
  {
    name: "256 bytes of an express device of a guest",
    ...PORT,
    source: vf({}, { size: 256, view: "sysfs", config: EXPRESS }),
    destination: vf({}, { size: 256, view: "sysfs", config: EXPRESS }),
    findings: [
      ["extended-unknown", "undecided", undefined, { side: "source and destination" }],
      ["will-pass", "info"],
      ["equal-for-now", "info", 0x68],
    ],
    decision: "undecided",
  },
  {
    name: "256 bytes of an express device, and nothing else was asked about",
    ...PORT,
    bytesOnly: true,
    source: { qemu: "9.2", config: EXPRESS },
    destination: { qemu: "9.2", config: EXPRESS },
    findings: [
      ["extended-unknown", "warn", undefined, { side: "source and destination" }],
      ["bars-unknown", "info", undefined, { side: "source" }],
      ["bars-unknown", "info", undefined, { side: "destination" }],
      ["will-pass", "info"],
    ],
    decision: "allow",
  },
  {
    name: "a ROM of unknown size",
    ...ROOT,
    source: vgpu(),
    destination: vgpu({}, { romSize: undefined }),
    findings: [
      ["rom-size-unknown", "undecided", undefined, { side: "destination" }],
      ["will-pass", "info"],
    ],
    decision: "undecided",
  },
  {
    name: "BAR sizes that nobody has told",
    ...ROOT,
    source: vgpu(),
    destination: vgpu({}, { bars: undefined }),
    findings: [
      ["bars-unknown", "undecided", undefined, { side: "destination" }],
      ["will-pass", "info"],
    ],
    decision: "undecided",
  },
  {
    name: "a bigger BAR",
    ...ROOT,
    source: vgpu(),
    destination: vgpu({}, { bars: [0x0100_0000, 0x2000_0000, 0, 0x0200_0000, 0, 0] }),
    findings: [
      ["bar-may-fail", "undecided", undefined, {
        bar: 1,
        source: 0x1000_0000,
        destination: 0x2000_0000,
      }],
      ["will-pass", "info"],
    ],
    decision: "undecided",
  },
  {
    name: "a bigger BAR, and the guest's address is a multiple of its size",
    ...ROOT,
    source: vgpu({ 0x04: "02", 0x14: "0c 00 00 e0" }, { view: "guest" }),
    destination: vgpu({}, { bars: [0x0100_0000, 0x2000_0000, 0, 0x0200_0000, 0, 0] }),
    findings: [["bar-differs", "warn", undefined, { bar: 1 }], ["will-pass", "info"]],
    decision: "allow",
  },
  {
    name: "a bigger BAR, and the guest's address is none for it",
    ...ROOT,
    source: vgpu({ 0x04: "02", 0x14: "0c 00 00 f0" }, { view: "guest" }),
    destination: vgpu({}, { bars: [0x0100_0000, 0x2000_0000, 0, 0x0200_0000, 0, 0] }),
    findings: [["bar-will-fail", "veto", undefined, { bar: 1 }], ["will-pass", "info"]],
    decision: "veto",
  },
  {
    name: "a smaller BAR, and a bigger ROM",
    ...ROOT,
    source: vgpu({}, { romSize: 0x1_0000 }),
    destination: vgpu({}, {
      bars: [0x0100_0000, 0x0800_0000, 0, 0x0200_0000, 0, 0],
      romSize: 0x2_0000,
    }),
    findings: [
      ["bar-may-fail", "undecided", undefined, { bar: "ROM" }],
      ["bar-differs", "warn", undefined, { bar: 1 }],
      ["will-pass", "info"],
    ],
    decision: "undecided",
  },
  {
    name: "config regions of 4096 and 256 bytes",
    ...ROOT,
    source: vgpu({}, { size: 4096 }),
    destination: vgpu(),
    findings: [["out-of-step", "veto", undefined, { source: 4096, destination: 256 }]],
    decision: "veto",
  },
  {
    name: "dumps of 4096 and 256 bytes",
    ...ROOT,
    source: vgpu({}, { size: 4096, view: "sysfs" }),
    destination: vgpu({}, { view: "sysfs" }),
    findings: [["out-of-step", "undecided"]],
    decision: "undecided",
  },
  {
    name: "an interrupt pin that QEMU refuses",
    ...ROOT,
    source: vgpu(),
    destination: vgpu({ 0x3d: "11" }),
    findings: [
      ["destination-refuses", "veto", undefined, { reason: "invalid PCI interrupt pin 17" }],
      ["unchecked-differs", "info", 0x3d],
    ],
    decision: "veto",
  },
  {
    name: "capabilities that overlap, in the guest's view",
    ...ROOT,
    source: vgpu(),
    destination: vgpu({ 0x69: "6c", 0x6c: "05 00 80 00" }, { view: "guest" }),
    findings: [["destination-may-refuse", "undecided"]],
    decision: "undecided",
  },
  {
    name: "a source that QEMU would not have opened",
    ...ROOT,
    source: vgpu({ 0x3d: "11" }),
    destination: vgpu(),
    findings: [["source-impossible", "undecided"], ["unchecked-differs", "info", 0x3d]],
    decision: "undecided",
  },
  {
    name: "extended capabilities that only the source has",
    ...PORT,
    source: vf(),
    destination: vf({ 0x100: "00 00 00 00" }),
    findings: [
      ["capability-only-at-source", "warn", 0x100, { name: "Advanced Error Reporting" }],
      ["will-pass", "info"],
    ],
    decision: "allow",
  },
  {
    name: "nothing known of the destination's bytes",
    ...ROOT,
    source: vgpu(),
    destination: { ...QEMU, bars: VGPU_BARS, romSize: 0 },
    findings: [["no-config", "undecided", undefined, { side: "destination" }]],
    decision: "undecided",
  },
  {
    name: "bytes in sysfs that are a virtual function's, not those of the vGPU in it",
    ...ROOT,
    source: vgpu(),
    destination: vgpu({ 0x00: "ff ff ff ff" }, { view: "sysfs", vendor: 0x10de, vgpuType: 558 }),
    findings: [["no-config", "undecided", undefined, { side: "destination" }]],
    decision: "undecided",
  },
  {
    name: "64 bytes, read without privileges",
    ...ROOT,
    source: { ...QEMU, size: 64, view: "sysfs", config: { 0x00: "de 10 b8 1e" } },
    destination: vgpu(),
    findings: [["short-config", "undecided", undefined, { side: "source", length: 64 }]],
    decision: "undecided",
  },
  {
    name: "a virtual function whose ids sysfs has not told",
    ...PORT,
    source: vf({ 0x00: "ff ff ff ff" }, { view: "sysfs" }),
    destination: vf({ 0x00: "ff ff ff ff" }, { view: "sysfs", vendor: 0x15b3, device: 0x101e }),
    findings: [["not-answering", "undecided", undefined, { side: "source" }]],
    decision: "undecided",
  },
  {
    name: "sysfs of the virtual function that carries a vGPU: not the vGPU's bytes",
    ...PORT,
    source: vf({ 0x00: "ff ff ff ff" }, { view: "sysfs", vendor: 0x10de, vgpuType: 558 }),
    destination: vf({ 0x00: "ff ff ff ff" }, { view: "sysfs", vendor: 0x10de, vgpuType: 558 }),
    findings: [
      ["no-config", "undecided", undefined, { side: "source" }],
      ["no-config", "undecided", undefined, { side: "destination" }],
    ],
    decision: "undecided",
  },
  {
    name: "a guest whose device does not answer",
    ...ROOT,
    source: vgpu({ 0x00: "ff ff ff ff" }, { view: "guest", vendor: 0x10de }),
    destination: vgpu(),
    findings: [["not-answering", "undecided", undefined, { side: "source" }]],
    decision: "undecided",
  },
  {
    name: "a machine type that the destination's QEMU does not have",
    machine: "pc-q35-9.2",
    bus: "root",
    source: vgpu(),
    destination: vgpu({}, { qemu: "9.1" }),
    findings: [
      ["machine-too-new", "veto", undefined, { machine: "pc-q35-9.2", qemu: "9.1" }],
      ["will-pass", "info"],
    ],
    decision: "veto",
  },
  {
    name: "a distribution's machine type that the destination's QEMU does not have",
    machine: "pc-q35-noble",
    bus: "root",
    source: vgpu(),
    destination: vgpu({}, { machineTypes: ["pc-q35-9.2", "q35"] }),
    findings: [["machine-missing", "veto", undefined, { machine: "pc-q35-noble" }], [
      "will-pass",
      "info",
    ]],
    decision: "veto",
  },
  {
    name: "a property that the destination's QEMU does not have",
    machine: "pc-q35-8.2",
    bus: "root",
    properties: { "skip-vsc-check": "on" },
    source: vgpu(),
    destination: vgpu({}, { qemu: "9.0" }),
    findings: [["property-refused", "veto"]],
    decision: "veto",
  },
  {
    name: "a property that the destination's QEMU may not have",
    machine: "pc-q35-8.2",
    bus: "root",
    properties: { "skip-vsc-check": "on" },
    source: vgpu(),
    destination: vgpu({ 0xd0: R550 }, { qemu: undefined }),
    findings: [
      ["qemu-not-known", "undecided", undefined, { side: "destination" }],
      ["property-may-be-refused", "undecided", undefined, { property: "skip-vsc-check" }],
      ["exempt-differs", "warn", 0xd8],
      ["will-pass", "info"],
    ],
    decision: "undecided",
  },
  {
    name: "a property that the source's QEMU cannot have",
    ...ROOT,
    properties: { ats: "off" },
    source: vgpu(),
    destination: vgpu({}, { qemu: "11.1" }),
    findings: [["source-impossible", "undecided"]],
    decision: "undecided",
  },
  {
    name: "a property that moves the MSI-X table",
    ...PORT,
    properties: { "x-msix-relocation": "bar2" },
    source: vf(),
    destination: vf(),
    findings: [["property-unmodelled", "undecided", undefined, { property: "x-msix-relocation" }]],
    decision: "undecided",
  },
  {
    name: "ROM files of one size, a power of two above theirs",
    ...ROOT,
    properties: { romfile: ROM },
    source: vgpuWithRom(33_000),
    destination: vgpuWithRom(65_536),
    findings: [["will-pass", "info"]],
    decision: "allow",
  },
  {
    name: "ROM files of two sizes",
    ...ROOT,
    properties: { romfile: ROM },
    source: vgpuWithRom(32_768),
    destination: vgpuWithRom(131_072),
    findings: [
      ["rom-file-differs", "veto", undefined, {
        file: ROM,
        block: "vfio-pci.rom",
        source: 0x8000,
        destination: 0x2_0000,
      }],
      ["will-pass", "info"],
    ],
    decision: "veto",
  },
  {
    name: "ROM files of two sizes, both within a page",
    ...ROOT,
    properties: { romfile: ROM },
    source: vgpuWithRom(1000),
    destination: vgpuWithRom(2000),
    findings: [["rom-file-unknown", "undecided"], ["will-pass", "info"]],
    decision: "undecided",
  },
  {
    name: "ROM files of two sizes that firmware gets, and no BAR",
    ...ROOT,
    properties: { romfile: ROM, rombar: "0" },
    source: vgpuWithRom(32_768),
    destination: vgpuWithRom(null),
    findings: [["will-pass", "info"]],
    decision: "allow",
  },
  {
    name: "no ROM file on the destination",
    ...ROOT,
    properties: { romfile: ROM },
    source: vgpuWithRom(32_768),
    destination: vgpuWithRom(null),
    findings: [["rom-file-missing", "veto", undefined, { file: ROM }], ["will-pass", "info"]],
    decision: "veto",
  },
  {
    name: "an empty ROM file on the destination",
    ...ROOT,
    properties: { romfile: ROM },
    source: vgpuWithRom(32_768),
    destination: vgpuWithRom(0),
    findings: [["rom-file-refused", "veto", undefined, { size: 0 }], ["will-pass", "info"]],
    decision: "veto",
  },
  {
    name: "romsize, and a QEMU that does not look for the file as a guest arrives",
    ...ROOT,
    properties: { romfile: ROM, romsize: "65536" },
    source: vgpu(),
    destination: vgpuWithRom(null),
    findings: [["will-pass", "info"]],
    decision: "allow",
  },
  {
    name: "romsize, and a QEMU that does, with a larger file",
    machine: "pc-q35-8.0",
    bus: "root",
    properties: { romfile: ROM, romsize: "65536" },
    source: vgpu({}, { qemu: "8.0" }),
    destination: vgpuWithRom(131_072, { qemu: "8.0" }),
    findings: [["rom-file-refused", "veto"], ["will-pass", "info"]],
    decision: "veto",
  },
  {
    name: "a ROM file that the source's host was not asked for",
    ...ROOT,
    properties: { romfile: ROM },
    source: vgpu(),
    destination: vgpuWithRom(32_768),
    findings: [
      ["rom-file-unknown", "undecided", undefined, {
        file: ROM,
        missing: "the file's size on the source",
      }],
      ["will-pass", "info"],
    ],
    decision: "undecided",
  },
  {
    name: "a ROM file, and QEMUs that name its RAM block in two ways",
    ...ROOT,
    properties: { romfile: ROM },
    source: vgpuWithRom(32_768, { qemu: "10.0" }),
    destination: vgpuWithRom(32_768, { qemu: "10.1" }),
    findings: [
      ["rom-block-unknown", "veto", undefined, {
        source: "vfio-pci.rom",
        destination: "vfio-cpr-pci.rom",
      }],
      ["will-pass", "info"],
    ],
    decision: "veto",
  },
  {
    name: "a ROM file, and a QEMU that may name its RAM block in another way",
    ...ROOT,
    properties: { romfile: ROM },
    source: vgpuWithRom(32_768, { qemu: "10.0" }),
    destination: vgpuWithRom(32_768, { qemu: undefined }),
    findings: [
      ["qemu-not-known", "undecided"],
      ["rom-file-unknown", "undecided", undefined, {
        missing: "the destination's QEMU version",
      }],
      ["will-pass", "info"],
    ],
    decision: "undecided",
  },
  {
    name: "a QEMU of the future",
    ...ROOT,
    source: vgpu(),
    destination: vgpu({}, { qemu: "12.0" }),
    findings: [
      ["qemu-not-modelled", "undecided", undefined, { side: "destination", qemu: "12.0" }],
      ["will-pass", "info"],
    ],
    decision: "undecided",
  },
  {
    name: "a machine type of the future, and no QEMU version",
    machine: "pc-q35-12.0",
    bus: "root",
    source: vgpu({}, { qemu: undefined }),
    destination: vgpu({}, { qemu: undefined }),
    findings: [
      ["qemu-not-known", "undecided", undefined, { side: "source" }],
      ["qemu-not-modelled", "undecided"],
      ["qemu-not-known", "undecided", undefined, { side: "destination" }],
      ["qemu-not-modelled", "undecided"],
    ],
    decision: "undecided",
  },
  {
    name: "a QEMU that nobody has asked",
    ...ROOT,
    source: vgpu(),
    destination: vgpu({}, { qemu: undefined }),
    findings: [
      ["qemu-not-known", "undecided", undefined, { side: "destination" }],
      ["will-pass", "info"],
    ],
    decision: "undecided",
  },
  {
    name: "a guest of unknown machine type",
    bus: "root",
    source: vgpu(),
    destination: vgpu(),
    findings: [["machine-not-known", "undecided"], ["will-pass", "info"]],
    decision: "undecided",
  },
  {
    name: "a destination whose machine types nobody has asked for",
    ...ROOT,
    source: vgpu(),
    destination: vgpu({}, { machineTypes: undefined }),
    findings: [
      ["machine-types-not-known", "undecided", undefined, { machine: "pc-q35-9.1" }],
      ["will-pass", "info"],
    ],
    decision: "undecided",
  },
  {
    name: "the bytes of another device of the kind, and they are equal",
    ...ROOT,
    source: vgpu(),
    destination: vgpu({}, { derived: true }),
    findings: [["as-expected", "info"]],
    decision: "allow",
  },
  {
    name: "the bytes of another device of the kind, and they differ",
    ...ROOT,
    source: vgpu(),
    destination: vgpu({ 0x08: "a2" }, { derived: true }),
    findings: [["expected-to-fail", "undecided", 0x08, { field: "Revision ID" }]],
    decision: "undecided",
  },
];
