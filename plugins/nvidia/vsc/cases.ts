import type { CaseSide, PolicyCase } from "premigrate/policy";
import type { CODES } from "./codes.ts";

// A T4's vGPU: the layout is that of NVIDIA's own test data (k8s-device-plugin, internal/vgpu), the
// capability at 0xd0, MSI at 0x68. The driver's strings are examples.
const VGPU = {
  0x00: "de 10 b8 1e 00 00 10 00 a1 00 00 03",
  0x14: "0c",
  0x1c: "0c",
  0x2c: "de 10 0f 13",
  0x34: "d0",
  0x3d: "01",
  0x68: "05 00 80 00",
  0xd0: "09 68 1b 56 46",
};

/** Record 0, as it stands behind the signature. */
function driver(version: string, branch: string): string {
  const text = version.padEnd(10, "\0") + branch.padEnd(10, "\0");
  return `00 16 ${hex(text)}`;
}

function hex(text: string): string {
  return Array.from(text, (char) => char.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");
}

const R460_16 = { ...VGPU, 0xd5: driver("460.16", "r460_00") };
const R460_32 = { ...VGPU, 0xd5: driver("460.32", "r460_00") };
const R535 = { ...VGPU, 0xd5: driver("535.161.05", "r535_00") };
const R550 = { ...VGPU, 0xd5: driver("550.54.16", "r550_00") };

// A whole GPU of the Ampere generation: PM, MSI, PCI Express, and the capability at 0xb4.
const GPU = {
  0x00: "de 10 30 22 00 00 10 00 a1 00 00 03",
  0x14: "0c",
  0x1c: "0c",
  0x24: "01",
  0x2c: "de 10 59 14",
  0x34: "60",
  0x3d: "01",
  0x60: "01 68 03 48 08",
  0x68: "05 78 80 00",
  0x78: "10 b4 12 00 e1 8d 2c 11 30 29 00 00 04 4d 45 00 40 01 04 11",
  0x9c: "13 08 07 00 00 04 00 00 1e 00 80 01 04 00 1f",
  0xb4: "09 00 14 01 01 00 13 0b 80 00 00 00 2d c4 51 8e",
};

function side(config: CaseSide["config"], facts: CaseSide = {}): CaseSide {
  return { qemu: "9.2", config, ...facts };
}

const COMPARES = { machine: "pc-q35-9.0", bus: "root" } as const;
const SKIPS = { machine: "pc-q35-9.1", bus: "root" } as const;

/** What `nvidia/vsc` says, case by case. */
export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "the same driver on both hosts",
    ...COMPARES,
    source: side(R535),
    destination: side(R535),
    findings: [["host-driver", "info", undefined, { version: "535.161.05", branch: "r535_00" }]],
    decision: "allow",
  },
  {
    name: "another driver, and a machine type that compares the body",
    ...COMPARES,
    source: side(R460_16),
    destination: side(R460_32),
    findings: [["body-compared", "veto", 0xdb, {
      count: 2,
      read: 0x31,
      device: 0x33,
      source: "460.16",
      destination: "460.32",
      comparer: "machine type pc-q35-9.0",
    }]],
    decision: "veto",
  },
  {
    name: "another driver in what stands in for the destination's device",
    ...COMPARES,
    source: side(R460_16),
    destination: side(R460_32, { derived: true }),
    findings: [["body-compared", "undecided", 0xdb]],
    decision: "undecided",
  },
  {
    name: "another driver, and a distribution's machine type of a QEMU that knows no exemption",
    machine: "pc-q35-noble",
    bus: "root",
    source: side(R535, { qemu: "8.2" }),
    destination: side(R550, { qemu: "8.2" }),
    findings: [["body-compared", "veto", 0xd8]],
    decision: "veto",
  },
  {
    name: "another driver, and the property that has the body compared",
    ...SKIPS,
    properties: { "skip-vsc-check": "off" },
    source: side(R535),
    destination: side(R550),
    findings: [["body-compared", "veto", 0xd8]],
    decision: "veto",
  },
  {
    name: "two cards of one model, and a machine type that compares what is the card's own",
    ...COMPARES,
    source: side({ ...GPU, 0xb4: "09 00 14 01 01 00 13 0b 80 00 00 00 2d c4 51 8e" }),
    destination: side({ ...GPU, 0xb4: "09 00 14 01 01 00 13 0b 80 00 00 00 91 0a 77 3c" }),
    findings: [["per-card-bytes-compared", "veto", 0xc0, { last: 0xc3 }]],
    decision: "veto",
  },
  {
    name: "two whole GPUs that differ in more than what is the card's own",
    ...COMPARES,
    source: side({ ...GPU, 0xb4: "09 00 14 01 01 00 13 0b 80 00 00 00 2d c4 51 8e" }),
    destination: side({ ...GPU, 0xb4: "09 00 14 01 01 00 13 0c 80 00 00 00 91 0a 77 3c" }),
    findings: [["other-bytes-compared", "veto", 0xbb, { count: 5, read: 0x0b, device: 0x0c }]],
    decision: "veto",
  },
  {
    name: "one driver, another second record, and a machine type that compares the body",
    ...COMPARES,
    source: side({ ...R535, 0xd2: "1f", 0xeb: "05 04 01 00" }),
    destination: side({ ...R535, 0xd2: "1f", 0xeb: "05 04 02 00" }),
    findings: [["other-bytes-compared", "veto", 0xed]],
    decision: "veto",
  },
  {
    name: "vGPUs whose bytes name no driver, and a machine type that compares the body",
    ...COMPARES,
    source: side({ ...VGPU, 0xd2: "09", 0xd5: "05 04 01 00" }),
    destination: side({ ...VGPU, 0xd2: "09", 0xd5: "05 04 02 00" }),
    findings: [["body-compared", "veto", 0xd7, {
      source: "of unknown version",
      destination: "of unknown version",
    }]],
    decision: "veto",
  },
  {
    name: "another driver, and a machine type that leaves the body alone",
    ...SKIPS,
    source: side(R535),
    destination: side(R550),
    findings: [["host-driver-differs", "warn", undefined, {
      source: "535.161.05 (r535_00)",
      destination: "550.54.16 (r550_00)",
      accepted: "any",
    }]],
    decision: "allow",
  },
  {
    name: "another driver, and the property that exempts the body on an old machine type",
    ...COMPARES,
    properties: { "skip-vsc-check": "on" },
    source: side(R535),
    destination: side(R550),
    findings: [["host-driver-differs", "warn"]],
    decision: "allow",
  },
  {
    name: "another driver, and an alias that was an old machine type on the source",
    machine: "q35",
    bus: "root",
    source: side(R535, { qemu: "9.0" }),
    destination: side(R550),
    findings: [["body-compared", "veto", 0xd8]],
    decision: "veto",
  },
  {
    name: "another driver, and a distribution's machine type",
    machine: "pc-q35-noble",
    bus: "root",
    source: side(R535),
    destination: side(R550),
    findings: [["body-check-unknown", "undecided", 0xd8, {
      source: "535.161.05",
      destination: "550.54.16",
      comparer: "machine type pc-q35-noble",
    }]],
    decision: "undecided",
  },
  {
    name: "another driver, and a distribution's machine type whose compat QEMU has told",
    machine: "pc-q35-noble",
    bus: "root",
    source: side(R535),
    destination: side(R550, { skipVscCheck: { "pc-q35-noble": true } }),
    findings: [["host-driver-differs", "warn"]],
    decision: "allow",
  },
  {
    name: "another driver, and a machine type named like what every object has",
    machine: "constructor",
    bus: "root",
    source: side(R535),
    destination: side(R550, { skipVscCheck: {} }),
    findings: [["body-check-unknown", "undecided", 0xd8]],
    decision: "undecided",
  },
  {
    name: "another driver, and an unknown machine type",
    source: side(R535),
    destination: side(R550),
    findings: [["body-check-unknown", "undecided", 0xd8]],
    decision: "undecided",
  },
  {
    name: "another driver of the branch, on a site that wants equal ones",
    ...SKIPS,
    options: { drivers: "equal" },
    source: side(R460_16),
    destination: side(R460_32),
    findings: [["host-driver-differs", "veto", undefined, { accepted: "equal" }]],
    decision: "veto",
  },
  {
    name: "another driver of the branch, on a site that wants one branch",
    ...SKIPS,
    options: { drivers: "same-branch" },
    source: side(R460_16),
    destination: side(R460_32),
    findings: [["host-driver-differs", "warn", undefined, { accepted: "same-branch" }]],
    decision: "allow",
  },
  {
    name: "another branch, on a site that wants one",
    ...SKIPS,
    options: { drivers: "same-branch" },
    source: side(R535),
    destination: side(R550),
    findings: [["host-driver-differs", "veto"]],
    decision: "veto",
  },
  {
    name: "driver strings with bytes that are no text",
    ...SKIPS,
    source: side({ ...VGPU, 0xd5: driver("460\x1b[2J", "r460\\00") }),
    destination: side({ ...VGPU, 0xd5: driver("460\0.16", "r460\\00") }),
    findings: [["host-driver-differs", "warn", undefined, {
      source: "460\\x1b[2J (r460\\x5c00)",
      destination: "460\\x00.16 (r460\\x5c00)",
    }]],
    decision: "allow",
  },
  {
    name: "no record of the driver, on a site that wants equal ones",
    ...SKIPS,
    options: { drivers: "equal" },
    source: side({ ...VGPU, 0xd5: "04 08 01 00 00 00 00 02" }),
    destination: side({ ...VGPU, 0xd5: "04 08 01 00 00 00 00 02" }),
    findings: [
      ["host-driver-unknown", "undecided", undefined, { accepted: "equal" }],
      ["unknown-record", "info"],
    ],
    decision: "undecided",
  },
  {
    name: "an unknown record with the same data",
    ...SKIPS,
    source: side({ ...R535, 0xd2: "21", 0xeb: "07 06 01 02 00 10" }),
    destination: side({ ...R550, 0xd2: "21", 0xeb: "07 06 01 02 00 10" }),
    findings: [
      ["host-driver-differs", "warn"],
      ["unknown-record", "info", undefined, { id: 7, length: 6, state: "equal" }],
    ],
    decision: "allow",
  },
  {
    name: "an unknown record with other data",
    ...SKIPS,
    source: side({ ...R535, 0xd2: "21", 0xeb: "07 06 01 02 00 10" }),
    destination: side({ ...R535, 0xd2: "21", 0xeb: "07 06 01 03 00 10" }),
    findings: [
      ["unknown-record", "warn", undefined, { id: 7, length: 6, state: "different" }],
      ["host-driver", "info"],
    ],
    decision: "allow",
  },
  {
    name: "an unknown record, on a site that wants none",
    ...COMPARES,
    options: { unknownRecords: "veto" },
    source: side({ ...R535, 0xd2: "21", 0xeb: "07 06 01 02 00 10" }),
    destination: side({ ...R535, 0xd2: "21", 0xeb: "07 06 01 02 00 10" }),
    findings: [["unknown-record", "veto"], ["host-driver", "info"]],
    decision: "veto",
  },
  {
    name: "a second record 0, which nobody has described",
    ...SKIPS,
    source: side({ ...R535, 0xd2: "1f", 0xeb: "00 04 01 02" }),
    destination: side({ ...R535, 0xd2: "1f", 0xeb: "00 04 01 03" }),
    findings: [
      ["unknown-record", "warn", undefined, { id: 0, length: 4, state: "different" }],
      ["host-driver", "info"],
    ],
    decision: "allow",
  },
  {
    name: "a record that only the destination has",
    ...SKIPS,
    source: side({ ...R535, 0xd2: "21" }),
    destination: side({ ...R550, 0xd2: "21", 0xeb: "07 06 01 02 00 10" }),
    findings: [["records-differ", "veto", 0xd5, { source: "0:22", destination: "0:22 7:6" }]],
    decision: "veto",
  },
  {
    name: "a source without records",
    ...SKIPS,
    source: side(VGPU),
    destination: side(R550),
    findings: [["records-differ", "veto", 0xd5, { source: "none", destination: "0:22" }]],
    decision: "veto",
  },
  {
    name: "a record of no length",
    ...SKIPS,
    source: side(R535),
    destination: side({ ...VGPU, 0xd5: "01 00 35 35 30" }),
    findings: [["records-unreadable", "undecided", 0xd5, { side: "destination" }]],
    decision: "undecided",
  },
  {
    name: "a record shorter than its own header",
    ...SKIPS,
    source: side({ ...VGPU, 0xd5: "01 01 35 35 30" }),
    destination: side(R550),
    findings: [["records-unreadable", "undecided", 0xd5, { side: "source" }]],
    decision: "undecided",
  },
  {
    name: "records that run past the capability",
    ...SKIPS,
    source: side({ ...R535, 0xd6: "17" }),
    destination: side({ ...R550, 0xd6: "17" }),
    findings: [["records-unreadable", "undecided", 0xd5, { side: "two sides" }]],
    decision: "undecided",
  },
  {
    name: "a length byte of 0 hides no difference",
    ...SKIPS,
    source: side({ ...R535, 0xd2: "00" }),
    destination: side({ ...R550, 0xd2: "00" }),
    findings: [["records-unreadable", "undecided", 0xd5]],
    decision: "undecided",
  },
  {
    name: "a capability at an unaligned place, where QEMU finds it too",
    ...SKIPS,
    source: side({ ...VGPU, 0x34: "d1", 0xd0: "00 09 68 1b 56 46 04 08 01" }),
    destination: side({ ...VGPU, 0x34: "d1", 0xd0: "00 09 68 1b 56 46 04 07 01" }),
    findings: [["records-differ", "veto", 0xd6, { source: "4:8", destination: "4:7" }]],
    decision: "veto",
  },
  {
    name: "a length past the end of config space",
    ...SKIPS,
    source: side({ ...GPU, 0xb6: "f0" }),
    destination: side({ ...GPU, 0xb6: "f0", 0xe0: "01" }),
    findings: [["body-differs", "undecided", 0xe0, { count: 1 }]],
    decision: "undecided",
  },
  {
    name: "a capability that is no vGPU's on the destination",
    ...SKIPS,
    source: side(R535),
    destination: side({ ...R535, 0xd3: "00 00" }),
    findings: [["signature-differs", "veto", 0xd3, {
      source: "vGPU",
      destination: "device of unknown kind",
    }]],
    decision: "veto",
  },
  {
    name: "two cards of one model",
    ...SKIPS,
    source: side(GPU),
    destination: side({ ...GPU, 0xc0: "91 0a 77 3c" }),
    findings: [["per-card-bytes", "info", 0xc0, { last: 0xc3 }]],
    decision: "allow",
  },
  {
    name: "two cards that differ in more than the per-card bytes",
    ...SKIPS,
    source: side(GPU),
    destination: side({ ...GPU, 0xbb: "0c", 0xc0: "91 0a 77 3c" }),
    findings: [["body-differs", "undecided", 0xbb, { count: 5 }]],
    decision: "undecided",
  },
  {
    name: "a body of unknown format that differs",
    ...SKIPS,
    source: side({ ...VGPU, 0xd3: "02 00 11" }),
    destination: side({ ...VGPU, 0xd3: "02 00 12" }),
    findings: [["body-differs", "undecided", 0xd5, { count: 1 }]],
    decision: "undecided",
  },
  {
    name: "another length",
    ...SKIPS,
    source: side(R535),
    destination: side({ ...R535, 0xd2: "21", 0xeb: "07 06 01 02 00 10" }),
    findings: [["header-differs", "veto", 0xd2, {
      what: "length",
      source: "0x1b",
      destination: "0x21",
    }]],
    decision: "veto",
  },
  {
    name: "another capability behind it",
    ...SKIPS,
    source: side(R535),
    destination: side({ ...R535, 0x58: "01 00 03 00", 0x69: "58", 0xd1: "58" }),
    findings: [["header-differs", "veto", 0xd1, { source: "0x68", destination: "0x58" }]],
    decision: "veto",
  },
  {
    name: "another place",
    ...SKIPS,
    source: side(GPU),
    destination: side({
      ...GPU,
      0x79: "b8",
      0xb4: "00 00 00 00 09 00 14 01 01 00 13 0b 80 00 00 00 2d c4 51 8e",
    }),
    findings: [["header-differs", "veto", 0xb4, {
      what: "offset",
      source: "0xb4",
      destination: "0xb8",
    }]],
    decision: "veto",
  },
  {
    name: "a capability that the destination lacks",
    ...SKIPS,
    source: side(R535),
    destination: side({ ...VGPU, 0x34: "68", 0xd0: "00 00 00 00 00" }),
    findings: [["header-differs", "veto", undefined, {
      what: "number",
      source: 1,
      destination: 0,
    }]],
    decision: "veto",
  },
  {
    name: "two capabilities, the second with another body",
    ...COMPARES,
    source: side({ ...R535, 0x69: "a0", 0xa0: "09 00 08 01 00 00 00 10" }),
    destination: side({ ...R535, 0x69: "a0", 0xa0: "09 00 08 01 00 00 00 20" }),
    findings: [["other-bytes-compared", "veto", 0xa7], ["host-driver", "info"]],
    decision: "veto",
  },
  {
    name: "a guest's view, with the capability that QEMU adds for GPUDirect",
    ...SKIPS,
    properties: { "x-nv-gpudirect-clique": "1" },
    source: side({ ...GPU, 0xb5: "d4", 0xd4: "09 00 08 50 32 50 08 00" }, { view: "guest" }),
    destination: side(GPU),
    findings: [],
    decision: "allow",
  },
  {
    name: "another vGPU type",
    ...SKIPS,
    source: side(R535),
    destination: side({ ...R535, 0x2e: "10 13" }),
    findings: [
      ["subsystem-differs", "veto", 0x2c, { source: "10de:130f", destination: "10de:1310" }],
      ["host-driver", "info"],
    ],
    decision: "veto",
  },
  {
    name: "another vGPU type, seen without privileges",
    ...SKIPS,
    source: side({ ...VGPU, 0x34: "d0" }),
    destination: side({
      0x00: "de 10 b8 1e 00 00 10 00 a1 00 00 03",
      0x2c: "de 10 10 13",
    }, { size: 64 }),
    findings: [["subsystem-differs", "veto", 0x2c]],
    decision: "veto",
  },
  {
    name: "sysfs of the virtual function that carries the vGPU",
    ...SKIPS,
    source: side(R535),
    destination: side({ 0x00: "ff ff ff ff 00 00 10 00 a1 00 00 03", 0x2c: "de 10 12 15" }, {
      view: "sysfs",
      vendor: 0x10de,
      device: 0x1eb8,
    }),
    findings: [["virtual-function", "undecided", undefined, { side: "destination" }]],
    decision: "undecided",
  },
  {
    name: "a device without the capability on both sides",
    ...COMPARES,
    source: side({ 0x00: "de 10 b8 0f 00 00 10 00 a1 00 03 04", 0x34: "60", 0x60: "01 00 03" }),
    destination: side({
      0x00: "de 10 b8 0f 00 00 10 00 a1 00 03 04",
      0x34: "60",
      0x60: "01 00 03",
    }),
    findings: [],
    decision: "allow",
  },
];
