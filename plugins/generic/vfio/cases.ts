import type { CaseSide, PolicyCase } from "premigrate/policy";
import type { CODES } from "./codes.ts";

// A ConnectX VF as sysfs shows it: no ids of its own, MSI-X at 0x9c.
const VF = {
  0x00: "ff ff ff ff 00 00 10 00 00 00 00 02",
  0x2c: "b3 15 5b 00",
  0x34: "9c",
  0x9c: "11 00 0b 00",
};

const BARS = [0x100000, 0, 0, 0, 0, 0];
const OFFERED = { offered: true, features: ["stop-copy", "p2p", "pre-copy", "dirty-tracking"] };

/** What is known where the kernel does not tell. */
function untold(driver: string, facts: CaseSide = {}): CaseSide {
  return side({ driver: { name: driver }, migration: undefined, ...facts });
}

function side(facts: CaseSide = {}): CaseSide {
  return {
    qemu: "9.2",
    libvirt: "10.0.0",
    kernel: "6.8.0-45-generic",
    vendor: 0x15b3,
    device: 0x101e,
    class: 0x020000,
    driver: { name: "mlx5_vfio_pci" },
    migration: OFFERED,
    bars: BARS,
    view: "sysfs",
    config: VF,
    ...facts,
  };
}

const UNTOLD_VGPU: CaseSide = {
  view: "realize",
  config: { ...VF, 0x00: "de 10 b8 1e" },
  vendor: 0x10de,
  device: undefined,
  vgpuType: 558,
};

const GUEST = { machine: "pc-q35-9.1", vfioDevices: 1, viommu: false } as const;
const SAME = { ...GUEST, source: side(), destination: side() };

/** What `generic/vfio` says, case by case. */
export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  { name: "two VFs that can migrate", ...SAME, findings: [], decision: "allow" },
  {
    name: "plain vfio-pci on the destination, as with managed='yes' before libvirt 10.0",
    ...SAME,
    destination: untold("vfio-pci"),
    findings: [["no-migration", "veto", undefined, { side: "destination", driver: "vfio-pci" }]],
    decision: "veto",
  },
  {
    name: "a vendor's driver whose physical function does not allow migration",
    ...SAME,
    source: side({ migration: { offered: false } }),
    findings: [["no-migration", "veto", undefined, { side: "source", driver: "mlx5_vfio_pci" }]],
    decision: "veto",
  },
  {
    name: "a driver that nobody knows",
    ...SAME,
    destination: untold("acme_vfio"),
    findings: [["driver-unknown", "undecided", undefined, { driver: "acme_vfio" }]],
    decision: "undecided",
  },
  {
    name: "a driver that the site knows",
    ...SAME,
    options: { drivers: ["acme_vfio"] },
    destination: untold("acme_vfio"),
    findings: [],
    decision: "allow",
  },
  {
    name: "a driver that nobody knows, on a kernel that tells what it offers",
    ...SAME,
    destination: side({
      driver: { name: "acme_vfio" },
      migration: OFFERED,
    }),
    findings: [],
    decision: "allow",
  },
  {
    name: "a driver that is not known, as with managed='yes' where libvirt's choice is not",
    ...SAME,
    destination: side({ driver: undefined, migration: undefined }),
    findings: [
      ["fact-unknown", "undecided", undefined, { side: "destination", fact: "driver" }],
    ],
    decision: "undecided",
  },
  {
    name: "a driver that is not known, where the kernel says that it can",
    ...SAME,
    destination: side({ driver: undefined }),
    findings: [
      ["fact-unknown", "undecided", undefined, { side: "destination", fact: "driver" }],
    ],
    decision: "undecided",
  },
  {
    name: "hosts of which only the devices are known",
    ...SAME,
    machine: undefined,
    source: side({ qemu: undefined, libvirt: undefined, kernel: undefined }),
    findings: [
      ["fact-unknown", "undecided", undefined, { side: "source", fact: "kernel" }],
      ["fact-unknown", "undecided", undefined, { side: "source", fact: "QEMU version" }],
      ["fact-unknown", "undecided", undefined, { side: "source", fact: "libvirt version" }],
    ],
    decision: "undecided",
  },
  {
    name: "a QEMU that is not known",
    ...SAME,
    destination: side({ qemu: undefined }),
    findings: [["fact-unknown", "undecided", undefined, { fact: "QEMU version" }]],
    decision: "undecided",
  },
  {
    name: "a driver that binds virtual functions without migration, too",
    ...SAME,
    source: untold("mlx5_vfio_pci"),
    findings: [["driver-tells-not", "undecided", undefined, {
      side: "source",
      driver: "mlx5_vfio_pci",
    }]],
    decision: "undecided",
  },
  {
    name: "NVIDIA's driver, whose name does not tell",
    ...SAME,
    source: untold("nvidia-vgpu-vfio"),
    destination: untold("nvidia"),
    findings: [
      ["driver-tells-not", "undecided", undefined, { driver: "nvidia-vgpu-vfio" }],
      ["driver-tells-not", "undecided", undefined, { driver: "nvidia" }],
    ],
    decision: "undecided",
  },
  {
    name: "the same, by the site's word",
    ...SAME,
    options: { drivers: ["nvidia"] },
    source: untold("nvidia"),
    destination: untold("nvidia"),
    findings: [],
    decision: "allow",
  },
  {
    name: "a variant driver that binds none without",
    ...SAME,
    source: untold("qat_vfio_pci"),
    destination: untold("qat_vfio_pci"),
    findings: [],
    decision: "allow",
  },
  {
    name: "managed='yes' on a virtual function with a vGPU",
    ...SAME,
    source: side({ driver: { name: "nvidia" }, vendor: 0x10de, vgpuType: 1152 }),
    destination: untold("vfio-pci", { vendor: 0x10de, vgpuType: 1152 }),
    findings: [["managed-takes-vgpu", "veto", undefined, { side: "destination" }]],
    decision: "veto",
  },
  {
    name: "an old kernel",
    ...SAME,
    options: { drivers: ["nvidia"] },
    destination: untold("acme_vfio", { kernel: "5.15.0-125-generic" }),
    findings: [
      ["kernel-too-old", "veto", undefined, {
        side: "destination",
        kernel: "5.15.0-125-generic",
        floor: "5.18",
      }],
      ["driver-unknown", "undecided"],
    ],
    decision: "veto",
  },
  {
    name: "an old kernel into which the distribution has brought a variant driver",
    ...SAME,
    destination: untold("xe-vfio-pci", { kernel: "5.15.0-151-generic" }),
    findings: [
      ["driver-tells-not", "undecided"],
      ["kernel-too-old", "warn", undefined, { kernel: "5.15.0-151-generic" }],
    ],
    decision: "undecided",
  },
  {
    name: "Red Hat's kernel of an old number, before 9.4",
    ...SAME,
    source: untold("qat_vfio_pci", { kernel: "5.14.0-362.8.1.el9_3.x86_64" }),
    findings: [["kernel-too-old", "warn"]],
    decision: "allow",
  },
  {
    name: "Red Hat's kernels since 9.4",
    ...SAME,
    source: untold("qat_vfio_pci", { kernel: "5.14.0-427.13.1.el9_4.x86_64" }),
    destination: untold("qat_vfio_pci", { kernel: "5.14.0-503.el9.x86_64" }),
    findings: [],
    decision: "allow",
  },
  {
    name: "an old kernel that has it by the site's word",
    ...SAME,
    options: { kernel: "5.15" },
    source: untold("qat_vfio_pci", { kernel: "5.15.0-125-generic" }),
    findings: [],
    decision: "allow",
  },
  {
    name: "a QEMU of the first protocol, although it was told to migrate",
    ...SAME,
    machine: "pc-q35-7.2",
    properties: { "x-enable-migration": "on" },
    destination: side({ qemu: "7.2" }),
    findings: [["qemu-too-old", "veto", undefined, { side: "destination", floor: "8.1" }]],
    decision: "veto",
  },
  {
    name: "a QEMU that was not told to migrate",
    ...SAME,
    machine: "pc-q35-8.0",
    source: side({ qemu: "8.0" }),
    findings: [["qemu-too-old", "veto", undefined, { side: "source" }]],
    decision: "veto",
  },
  {
    name: "a QEMU that was told to",
    ...SAME,
    machine: "pc-q35-8.0",
    properties: { "x-enable-migration": "on" },
    source: side({ qemu: "8.0" }),
    destination: side({ qemu: "8.0" }),
    findings: [],
    decision: "allow",
  },
  {
    name: "a distribution's old QEMU that migrates by the site's word",
    ...SAME,
    machine: "pc-q35-7.2",
    options: { qemu: "7.2" },
    destination: side({ qemu: "7.2.22" }),
    findings: [],
    decision: "allow",
  },
  {
    name: "an old libvirt on the source",
    ...SAME,
    source: side({ libvirt: "8.0.0" }),
    destination: side({ libvirt: "8.0.0" }),
    findings: [["libvirt-too-old", "veto", undefined, { libvirt: "8.0.0", floor: "8.6" }]],
    decision: "veto",
  },
  {
    name: "migration disabled for the device",
    ...SAME,
    properties: { "enable-migration": "off" },
    findings: [["migration-disabled", "veto"]],
    decision: "veto",
  },
  {
    name: "two devices, and a destination that migrates one",
    ...SAME,
    machine: "pc-q35-8.1",
    vfioDevices: 2,
    source: side({ migration: OFFERED }),
    destination: side({ qemu: "8.1" }),
    findings: [["several-devices", "veto", undefined, { side: "destination", count: 2 }]],
    decision: "veto",
  },
  {
    name: "two devices of which the kernels say little",
    ...SAME,
    vfioDevices: 2,
    source: side({ migration: { offered: true } }),
    destination: side({ migration: { offered: true } }),
    findings: [
      ["p2p-unknown", "undecided", undefined, { side: "source", count: 2 }],
      ["p2p-unknown", "undecided", undefined, { side: "destination", count: 2 }],
    ],
    decision: "undecided",
  },
  {
    name: "two devices of which one has no P2P",
    ...SAME,
    vfioDevices: 2,
    source: side({ migration: OFFERED }),
    destination: side({ migration: { offered: true, features: ["stop-copy", "dirty-tracking"] } }),
    findings: [["p2p-missing", "veto", undefined, { side: "destination" }]],
    decision: "veto",
  },
  {
    name: "no dirty tracking before QEMU 9.1",
    ...SAME,
    machine: "pc-q35-9.0",
    source: side({ qemu: "9.0", migration: { offered: true, features: ["stop-copy"] } }),
    findings: [["no-dirty-tracking", "veto", undefined, { side: "source", qemu: "9.0" }]],
    decision: "veto",
  },
  {
    name: "a kernel that does not tell of dirty tracking, before QEMU 9.1",
    ...SAME,
    machine: "pc-q35-9.0",
    destination: side({ qemu: "9.0", migration: { offered: true } }),
    findings: [["dirty-tracking-unknown", "undecided", undefined, { side: "destination" }]],
    decision: "undecided",
  },
  {
    name: "no dirty tracking of the device's own since",
    ...SAME,
    source: side({ migration: { offered: true, features: ["stop-copy"] } }),
    findings: [["no-dirty-tracking", "warn"]],
    decision: "allow",
  },
  {
    name: "no dirty tracking, and the device is to migrate all the same",
    ...SAME,
    properties: { "enable-migration": "on" },
    source: side({ migration: { offered: true, features: ["stop-copy"] } }),
    findings: [],
    decision: "allow",
  },
  {
    name: "a guest with an IOMMU, and QEMU 11.0 on the source only",
    ...SAME,
    viommu: true,
    source: side({ qemu: "11.0" }),
    findings: [
      ["viommu", "veto", undefined, { side: "destination", qemu: "9.2" }],
      ["viommu", "warn", undefined, { side: "source", qemu: "11.0" }],
    ],
    decision: "veto",
  },
  {
    name: "a guest of which nothing is known",
    ...SAME,
    viommu: undefined,
    findings: [["viommu-unknown", "undecided"]],
    decision: "undecided",
  },
  {
    name: "a migration that may go over to post-copy",
    ...SAME,
    postCopy: true,
    findings: [["post-copy", "veto"]],
    decision: "veto",
  },
  {
    name: "another model",
    ...SAME,
    destination: side({ device: 0x1018 }),
    findings: [["identity-differs", "veto", undefined, {
      field: "device id",
      source: 0x101e,
      destination: 0x1018,
    }]],
    decision: "veto",
  },
  {
    name: "a model that is not known",
    ...SAME,
    destination: side({ device: undefined }),
    findings: [["fact-unknown", "undecided", undefined, {
      side: "destination",
      fact: "device id",
    }]],
    decision: "undecided",
  },
  {
    name: "a function whose bytes have other ids, and one of which only the bytes are known",
    ...SAME,
    source: side({ view: "realize", config: { ...VF, 0x00: "b3 15 1e 10" }, device: 0x101c }),
    destination: side({
      view: "realize",
      config: { ...VF, 0x00: "b3 15 1e 10" },
      device: undefined,
    }),
    findings: [
      ["identity-differs", "veto", undefined, { field: "device id" }],
      ["fact-unknown", "undecided", undefined, { side: "destination", fact: "device id" }],
    ],
    decision: "veto",
  },
  {
    name: "vGPUs of whose functions nothing is known but their own bytes",
    ...SAME,
    source: side(UNTOLD_VGPU),
    destination: side(UNTOLD_VGPU),
    findings: [
      ["fact-unknown", "undecided", undefined, { side: "source", fact: "device id" }],
      ["fact-unknown", "undecided", undefined, { side: "destination", fact: "device id" }],
    ],
    decision: "undecided",
  },
  {
    name: "another revision",
    ...SAME,
    destination: side({ config: { ...VF, 0x08: "01 00 00 02" } }),
    findings: [["identity-differs", "veto", undefined, { field: "revision", destination: 1 }]],
    decision: "veto",
  },
  {
    name: "another board",
    ...SAME,
    destination: side({ config: { ...VF, 0x2c: "b3 15 61 00" } }),
    findings: [["subsystem-differs", "warn", 0x2e, { source: 0x5b, destination: 0x61 }]],
    decision: "allow",
  },
  {
    name: "fewer MSI-X vectors",
    ...SAME,
    destination: side({ config: { ...VF, 0x9c: "11 00 03 00" } }),
    findings: [["msix-count-differs", "veto", 0x9e, { source: 12, destination: 4 }]],
    decision: "veto",
  },
  {
    name: "fewer MSI-X vectors in what stands in for the destination's device",
    ...SAME,
    destination: side({ derived: true, config: { ...VF, 0x9c: "11 00 03 00" } }),
    findings: [["msix-count-differs", "undecided", 0x9e]],
    decision: "undecided",
  },
  {
    name: "a BAR that is smaller on the destination",
    ...SAME,
    destination: side({ bars: [0x10000, 0, 0, 0, 0, 0] }),
    findings: [["bar-shrinks", "veto", undefined, {
      bar: 0,
      source: 0x100000,
      destination: 0x10000,
    }]],
    decision: "veto",
  },
  {
    name:
      "a BAR that is smaller on the destination, of which sysfs tells, and QEMU's view on the source",
    ...SAME,
    source: side({ view: "realize", config: { ...VF, 0x00: "b3 15 1e 10" } }),
    destination: side({ bars: [0x10000, 0, 0, 0, 0, 0] }),
    findings: [["bar-shrinks", "veto", undefined, { bar: 0, destination: 0x10000 }]],
    decision: "veto",
  },
  {
    name: "a BAR that was read as the vGPU's on the source and as the VF's on the destination",
    ...SAME,
    source: side({ vendor: 0x10de, view: "realize", config: { ...VF, 0x00: "de 10 1e 10" } }),
    destination: side({ vendor: 0x10de, vgpuType: 558, bars: [0x10000, 0, 0, 0, 0, 0] }),
    findings: [],
    decision: "allow",
  },
];
