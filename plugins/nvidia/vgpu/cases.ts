import type { CaseSide, PolicyCase } from "premigrate/policy";
import type { CODES } from "./codes.ts";

const MACHINE = { machine: "pc-q35-9.1" } as const;
const REALIZED = { config: { 0x00: "de 10 35 22" } };

/** An mdev whose bytes are not known. */
function mdev(name: string | undefined, nvidiaDriver: string, facts: CaseSide = {}): CaseSide {
  const mdevType = { id: "nvidia-558", name };
  return { qemu: "9.2", vendor: 0x10de, mdevType, nvidiaDriver, ...facts };
}

/** A VF with a vGPU of the type of that number in it, as sysfs shows it. */
function vf(vgpuType: number, facts: CaseSide = {}): CaseSide {
  const known = { qemu: "9.2", vendor: 0x10de, nvidiaDriver: "550.54.16" };
  return { ...known, view: "sysfs", config: { 0x00: "ff ff ff ff" }, vgpuType, ...facts };
}

/** An mdev whose bytes name one driver, on a host that has, where it is said, another. */
function withDriver(inBytes: string, onHost = inBytes, more: CaseSide["config"] = {}): CaseSide {
  const record = Array.from(inBytes, (char) => char.charCodeAt(0).toString(16)).join(" ");
  const config = {
    0x00: "de 10 35 22 00 00 10 00 a1 00 00 03",
    0x34: "d0",
    0xd0: "09 00 1b 56 46 00 16",
    0xd7: record,
    0xe1: "72 35 35 30 5f 30 30",
    ...more,
  };
  return mdev("NVIDIA A40-8Q", onHost, { config });
}

const A40 = mdev("NVIDIA A40-8Q", "550.54.16");
const SAME = { ...MACHINE, source: A40, destination: A40 };
const OTHER_DRIVER = mdev("NVIDIA A40-8Q", "535.161.05");
const TYPES = ["557   : NVIDIA A40-1Q", "558   : NVIDIA A40-2Q"];

/** The vGPU types that could be made of a VF, as sysfs lists them. */
function creatable(types: readonly string[]): CaseSide {
  const text = ["ID    : vGPU Name", ...types].join("\n");
  return { attributes: { "nvidia/creatable_vgpu_types": text } };
}

// What `runCase` calls every device.
const SOURCE = "0000:3b:00.4";

/** What `nvidia/vgpu` says, case by case. */
export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  { name: "one type, one driver", ...SAME, findings: [], decision: "allow" },
  {
    name: "a device that is no vGPU",
    ...MACHINE,
    source: { vendor: 0x10de, driver: { name: "vfio-pci" } },
    destination: { vendor: 0x10de, driver: { name: "vfio-pci" } },
    findings: [],
    decision: "allow",
  },
  {
    name: "another type of the same number",
    ...SAME,
    destination: mdev("NVIDIA A40-4Q", "550.54.16"),
    findings: [["type-differs", "veto", undefined, { source: "A40-8Q", destination: "A40-4Q" }]],
    decision: "veto",
  },
  {
    name: "one type by two names",
    ...SAME,
    destination: mdev("GRID A40-8Q", "550.54.16"),
    findings: [],
    decision: "allow",
  },
  {
    name: "VFs with types of one number, by one driver",
    ...MACHINE,
    source: vf(558),
    destination: vf(558),
    findings: [],
    decision: "allow",
  },
  {
    name: "VFs with types of two numbers, by one driver",
    ...MACHINE,
    source: vf(558),
    destination: vf(557),
    findings: [["type-differs", "veto", undefined, {
      source: "type 558",
      destination: "type 557",
    }]],
    decision: "veto",
  },
  {
    name: "an mdev that becomes a VF with a vGPU of that name",
    ...MACHINE,
    source: mdev("NVIDIA A40-2Q", "550.54.16"),
    destination: vf(558, creatable(TYPES)),
    findings: [],
    decision: "allow",
  },
  {
    name: "types of one number, by two drivers",
    ...MACHINE,
    source: vf(558),
    destination: vf(558, { nvidiaDriver: "535.161.05" }),
    findings: [
      ["type-unknown", "undecided", undefined, { source: "type 558", destination: "type 558" }],
      ["host-driver-differs", "warn"],
    ],
    decision: "undecided",
  },
  {
    name: "the same, where the bytes are known",
    ...MACHINE,
    source: vf(558, { ...REALIZED, view: "realize" }),
    destination: vf(558, { nvidiaDriver: "535.161.05", ...REALIZED, view: "realize" }),
    findings: [["host-driver-differs", "warn"]],
    decision: "allow",
  },
  {
    name: "the same, where the bytes are another device's",
    ...MACHINE,
    source: vf(558, { ...REALIZED, view: "realize" }),
    destination: vf(558, { nvidiaDriver: "535.161.05", ...REALIZED, view: "guest" }),
    findings: [["type-unknown", "undecided"], ["host-driver-differs", "warn"]],
    decision: "undecided",
  },
  {
    name: "a type that is known on one side only",
    ...MACHINE,
    source: mdev("NVIDIA A40-8Q", "550.54.16", REALIZED),
    destination: mdev("NVIDIA A40-8Q", "550.54.16", { ...REALIZED, mdevType: undefined }),
    findings: [["type-unknown", "undecided", undefined, {
      source: "A40-8Q",
      destination: "an unknown type",
    }]],
    decision: "undecided",
  },
  {
    name: "a VF without a vGPU, with room for one",
    ...MACHINE,
    source: vf(558),
    destination: vf(0, creatable(TYPES)),
    findings: [["not-created", "veto", undefined, { type: "type 558" }]],
    decision: "veto",
  },
  {
    name: "a VF without a vGPU, with room for smaller ones only",
    ...MACHINE,
    source: vf(558, creatable(TYPES)),
    destination: vf(0, creatable(TYPES.slice(0, 1))),
    findings: [["no-capacity", "veto", undefined, { type: "A40-2Q" }]],
    decision: "veto",
  },
  {
    name: "a VF without a vGPU, of which no type is known by name, and another driver",
    ...MACHINE,
    source: vf(558),
    destination: vf(0, { nvidiaDriver: "535.161.05", ...creatable([]) }),
    findings: [["not-created", "veto"], ["host-driver-differs", "warn"]],
    decision: "veto",
  },
  {
    name: "another driver, and a machine type that leaves the body alone",
    ...SAME,
    destination: OTHER_DRIVER,
    findings: [["host-driver-differs", "warn", undefined, {
      source: "550.54.16",
      destination: "535.161.05",
      accepted: "any",
    }]],
    decision: "allow",
  },
  {
    name: "another driver that both sides' bytes name: nvidia/vsc says so",
    ...MACHINE,
    source: withDriver("550.54.16"),
    destination: withDriver("535.161.05"),
    findings: [],
    decision: "allow",
  },
  {
    name: "the same, where QEMU compares the bytes",
    machine: "pc-q35-9.0",
    source: withDriver("550.54.16"),
    destination: withDriver("535.161.05"),
    findings: [],
    decision: "allow",
  },
  {
    name: "the same, on a site that wants one branch",
    ...MACHINE,
    options: { drivers: "same-branch" },
    source: withDriver("550.54.16"),
    destination: withDriver("535.161.05"),
    findings: [["host-driver-differs", "veto", undefined, { accepted: "same-branch" }]],
    decision: "veto",
  },
  {
    name: "another driver, and bytes that still name the first one's",
    ...MACHINE,
    source: withDriver("550.54.16"),
    destination: withDriver("550.54.16", "535.161.05"),
    findings: [["host-driver-differs", "warn"]],
    decision: "allow",
  },
  {
    name: "another driver that only one side's bytes name",
    ...MACHINE,
    source: withDriver("550.54.16"),
    destination: { ...OTHER_DRIVER, ...REALIZED },
    findings: [["host-driver-differs", "warn"]],
    decision: "allow",
  },
  {
    name:
      "another driver, and a capability before another one, of which nvidia/vsc names no driver",
    ...MACHINE,
    source: withDriver("550.54.16"),
    destination: withDriver("535.161.05", undefined, { 0xd1: "68" }),
    findings: [["host-driver-differs", "warn"]],
    decision: "allow",
  },
  {
    name: "another driver, and a second record, of which nvidia/vsc may name no driver",
    ...MACHINE,
    source: withDriver("550.54.16", undefined, { 0xd2: "21" }),
    destination: withDriver("535.161.05", undefined, { 0xd2: "21" }),
    findings: [["host-driver-differs", "warn"]],
    decision: "allow",
  },
  {
    name: "another driver that only the device's module tells of",
    ...SAME,
    source: mdev("NVIDIA A40-8Q", "550.54.16", {
      nvidiaDriver: undefined,
      driver: { name: "nvidia-vgpu-vfio", version: "535.161.05" },
    }),
    findings: [["host-driver-differs", "warn"]],
    decision: "allow",
  },
  {
    name: "another driver, bytes that are not known, and a machine type that compares them",
    ...SAME,
    machine: "pc-q35-9.0",
    destination: OTHER_DRIVER,
    findings: [["host-driver-compared", "veto"]],
    decision: "veto",
  },
  {
    name: "the same with a distribution's machine type",
    ...SAME,
    machine: "pc-q35-rhel9.4.0",
    destination: OTHER_DRIVER,
    findings: [["host-driver-compared", "undecided"]],
    decision: "undecided",
  },
  {
    name: "another driver, on a site that wants one branch",
    ...SAME,
    options: { drivers: "same-branch" },
    destination: OTHER_DRIVER,
    findings: [["host-driver-differs", "veto", undefined, { accepted: "same-branch" }]],
    decision: "veto",
  },
  {
    name: "another driver of the branch, on such a site",
    ...SAME,
    options: { drivers: "same-branch" },
    destination: mdev("NVIDIA A40-8Q", "550.90.07"),
    findings: [["host-driver-differs", "warn"]],
    decision: "allow",
  },
  {
    name: "a driver that is not known, on a site that wants equal ones",
    ...SAME,
    options: { drivers: "equal" },
    destination: mdev("NVIDIA A40-8Q", "550.54.16", { nvidiaDriver: undefined }),
    findings: [["host-driver-unknown", "undecided", undefined, { accepted: "equal" }]],
    decision: "undecided",
  },
  {
    name: "another driver that NVML accepts",
    ...SAME,
    destination: { ...OTHER_DRIVER, nvml: { compatibility: { source: SOURCE, vm: 15, limit: 0 } } },
    findings: [["nvml-accepts", "info"]],
    decision: "allow",
  },
  {
    name: "another driver that NVML refuses",
    ...SAME,
    destination: { ...OTHER_DRIVER, nvml: { compatibility: { source: SOURCE, vm: 1, limit: 3 } } },
    findings: [["nvml-refuses", "veto", undefined, { limits: "host driver, guest driver" }]],
    decision: "veto",
  },
  {
    name: "an answer of NVML to another question",
    ...SAME,
    destination: {
      ...OTHER_DRIVER,
      nvml: { compatibility: { source: "0000:af:00.1", vm: 15, limit: 0 } },
    },
    findings: [["host-driver-differs", "warn"]],
    decision: "allow",
  },
  {
    name: "a vGPU version that the destination does not take",
    ...SAME,
    source: { ...A40, nvml: { guestVgpuVersion: 17 } },
    destination: { ...A40, nvml: { hostVgpuRange: { min: 9, max: 16 } } },
    findings: [["vgpu-version-out-of-range", "veto", undefined, { version: 17, min: 9, max: 16 }]],
    decision: "veto",
  },
  {
    name: "a vGPU version that it takes",
    ...SAME,
    source: { ...A40, nvml: { guestVgpuVersion: 16 } },
    destination: { ...A40, nvml: { hostVgpuRange: { min: 9, max: 16 } } },
    findings: [],
    decision: "allow",
  },
  {
    name: "a guest's driver of the branch before",
    ...SAME,
    source: { ...A40, nvml: { guestDriver: "535.129.03" } },
    findings: [],
    decision: "allow",
  },
  {
    name: "a guest's driver of the long-term support branch before the host's",
    ...SAME,
    source: { ...OTHER_DRIVER, nvml: { guestDriver: "470.256.02" } },
    destination: OTHER_DRIVER,
    findings: [],
    decision: "allow",
  },
  {
    name: "a guest's driver on Windows, of the host's branch",
    ...SAME,
    source: { ...OTHER_DRIVER, nvml: { guestDriver: "538.33" } },
    destination: OTHER_DRIVER,
    findings: [],
    decision: "allow",
  },
  {
    name: "a guest's driver of the long-term support branch, which the host's is not",
    ...SAME,
    source: { ...A40, nvml: { guestDriver: "470.256.02" } },
    findings: [["guest-driver-out-of-range", "warn"]],
    decision: "allow",
  },
  {
    name: "a guest's driver of a newer branch",
    ...SAME,
    source: { ...A40, nvml: { guestDriver: "570.86.15" } },
    findings: [["guest-driver-out-of-range", "warn", undefined, {
      guest: "570.86.15",
      host: "550.54.16",
    }]],
    decision: "allow",
  },
  {
    name: "GPUs of which one has ECC on",
    ...SAME,
    source: { ...A40, nvml: { ecc: true } },
    destination: { ...A40, nvml: { ecc: false } },
    findings: [
      ["gpu-mode-differs", "warn", undefined, { mode: "ECC", source: "on", destination: "off" }],
    ],
    decision: "allow",
  },
  {
    name: "a vGPU with unified memory",
    ...SAME,
    source: { ...A40, attributes: { "nvidia/vgpu_params": "enable_uvm=1,enable_profiling=0" } },
    findings: [["parameter-blocks", "warn", undefined, {
      side: "source",
      parameter: "enable_uvm=1",
    }]],
    decision: "allow",
  },
  {
    name: "from RHEL 10 to RHEL 9.4, whose kernel tells its minor release by its build only",
    ...SAME,
    source: { ...A40, kernel: "6.12.0-55.9.1.el10_0.x86_64" },
    destination: { ...A40, kernel: "5.14.0-427.el9.x86_64" },
    findings: [["hypervisors-unsupported", "veto", undefined, {
      source: "10.0",
      destination: "9.4",
    }]],
    decision: "veto",
  },
  {
    name: "from RHEL 9.4 to RHEL 10",
    ...SAME,
    source: { ...A40, kernel: "5.14.0-427.13.1.el9_4.x86_64" },
    destination: { ...A40, kernel: "6.12.0-55.9.1.el10_0.x86_64" },
    findings: [["hypervisors-unsupported", "veto", undefined, {
      source: "9.4",
      destination: "10.0",
    }]],
    decision: "veto",
  },
];
