/** Complete guests that may migrate: one at least for each policy that lets a device pass. */
import { encodeHex } from "@std/encoding/hex";
import { type Domain, parseDomain } from "premigrate";
import { spaceOf } from "../../cases/pci/space.ts";

/** Anything that JSON can say. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

/** A part of a facts file. */
export type JsonObject = { readonly [key: string]: Json };

/** A facts file, as it is written. */
export interface FactsFile {
  readonly premigrate: "facts/1";
  readonly host: JsonObject;
  readonly devices: readonly JsonObject[];
}

/** A guest, and all that is known of its devices on both hosts. */
export interface Guest {
  readonly name: string;
  readonly source: FactsFile;
  readonly destination: FactsFile;
  readonly domain: Domain;
  readonly xml: string;
}

/** What a kind of device has beside what every device has. */
interface Kind {
  readonly ids: readonly [vendor: number, device: number];
  readonly class: number;
  readonly driver: string;
  readonly bars?: readonly number[];
  readonly facts?: JsonObject;
  /** Its own bytes; a VF's unless given. */
  readonly bytes?: Uint8Array;
  /** The device id of the function that a vGPU is on, which its bytes do not show. */
  readonly function?: string;
  /** It has no place among the PCI functions of its host. */
  readonly isMdev?: boolean;
}

const MACHINE = "pc-q35-9.1";
const MDEV = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a0";

/** A vGPU: MSI, and a Vendor Specific Capability with the host driver's version. */
const VGPU = spaceOf({
  0x00: "de 10 b8 1e 00 00 10 00 a1 00 00 03",
  0x14: "0c",
  0x1c: "0c",
  0x2c: "de 10 0f 13",
  0x34: "d0",
  0x3d: "01",
  0x68: "05 00 80",
  0xd0: "09 68 1b 56 46 00 16 35 35 30 2e 35 34 2e 31 36 00 72 35 35 30 5f 30 30",
});

/** A virtual function: PCI Express, MSI-X, ARI. Its ids in the bytes are those that vfio-pci shows. */
function virtualFunction([vendor, device]: Kind["ids"], base: number): Uint8Array {
  const id = (value: number): string => encodeHex(Uint8Array.of(value & 0xff, value >> 8));
  return spaceOf({
    0x00: id(vendor) + id(device),
    0x06: "10 00 01 00",
    0x0a: encodeHex(Uint8Array.of(base >> 8 & 0xff, base >> 16)),
    0x2c: id(vendor) + "08 00",
    0x34: "60",
    0x60: "10 9c 02 00 e2 8f 00 10 5e 29 00 00 04 41 0e 00",
    0x9c: "11 00 0f 80 00 20 00 00 00 30 00 00",
    0x100: "0e 00 01 00 00 00 00 00",
  }, 4096);
}

const FEATURES = ["stop-copy", "p2p", "pre-copy", "dirty-tracking"];
const NVIDIA = { ids: [0x10de, 0x1eb8], class: 0x030000, bytes: VGPU } as const;

const KINDS = {
  "nvidia mdev": {
    ...NVIDIA,
    driver: "nvidia-vgpu-vfio",
    isMdev: true,
    facts: {
      mdevType: {
        id: "nvidia-231",
        name: "GRID T4-2Q",
        description: "num_heads=4",
        availableInstances: 3,
      },
      attributes: { "nvidia/vgpu_params": "frame_rate_limiter=1" },
    },
  },
  "nvidia vGPU VF": {
    ...NVIDIA,
    driver: "nvidia",
    function: "0x2235",
    facts: {
      vgpuType: 558,
      attributes: {
        "nvidia/creatable_vgpu_types": "558   : NVIDIA A40-8Q\n557   : NVIDIA A40-6Q",
        "nvidia/vgpu_params": "frame_rate_limiter=1",
      },
    },
  },
  mlx5: {
    ids: [0x15b3, 0x101e],
    class: 0x020000,
    driver: "mlx5_vfio_pci",
    facts: { firmware: { version: "28.41.1000", psid: "MT_0000000844" } },
  },
  qat: {
    ids: [0x8086, 0x4941],
    class: 0x0b4000,
    driver: "qat_vfio_pci",
    facts: { attributes: { "parent/qat/cfg_services": "sym;asym" } },
  },
  xe: { ids: [0x8086, 0x56c0], class: 0x038000, driver: "xe-vfio-pci" },
  "kunpeng zip": { ids: [0x19e5, 0xa251], class: 0x120000, driver: "hisi_acc_vfio_pci" },
  pensando: {
    ids: [0x1dd8, 0x1003],
    class: 0x020000,
    driver: "pds_vfio_pci",
    facts: { firmware: { version: "1.51.0-73" } },
  },
  virtio: { ids: [0x1af4, 0x1041], class: 0x020000, driver: "virtio_vfio_pci" },
} satisfies Readonly<Record<string, Kind>>;
type KindName = keyof typeof KINDS;

const BARS = [16777216, 268435456, 0, 33554432, 0, 0];

function device(name: KindName, index: number, view: string): JsonObject {
  const kind: Kind = KINDS[name];
  const { ids: [vendor, id], isMdev = false } = kind;
  const bytes = (kind.bytes ?? virtualFunction(kind.ids, kind.class)).slice();
  // A virtual function's own ids read as ff (SR-IOV 3.4.1.1), where nobody puts others in their place.
  if (view === "sysfs") bytes.fill(0xff, 0, 4);
  return {
    address: addressOf(name, index),
    config: {
      view,
      source: view === "sysfs" ? "sysfs" : "vfio-region",
      time: "2026-03-01T12:00:00Z",
      hex: encodeHex(bytes),
    },
    source: "sysfs",
    vendor: `0x${vendor.toString(16)}`,
    ...isMdev ? {} : {
      device: kind.function ?? `0x${id.toString(16)}`,
      class: `0x${kind.class.toString(16).padStart(6, "0")}`,
      managedDriver: kind.driver,
      vfIndex: index,
    },
    bars: [...kind.bars ?? BARS],
    romSize: 0,
    driver: { name: kind.driver, version: "550.54.16" },
    numaNode: 0,
    inUse: false,
    iommuGroup: `${20 + index}`,
    parent: "0000:3b:00.0",
    powerState: "D0",
    resetMethods: ["flr"],
    migration: { offered: true, features: FEATURES },
    ...kind.facts,
  };
}

function addressOf(name: KindName, index: number): string {
  const kind: Kind = KINDS[name];
  return kind.isMdev ? `${MDEV}${index}` : `0000:3b:00.${index + 1}`;
}

function hostFacts(name: string, uuid: string): JsonObject {
  return {
    name,
    time: "2026-03-01T12:00:00Z",
    uuid,
    bootId: uuid.replace(/^../, "b0"),
    machineId: uuid.replaceAll("-", ""),
    libvirt: "10.0.0",
    emulator: "/usr/bin/qemu-system-x86_64",
    kernel: "6.14.0",
    nvidiaDriver: "550.54.16",
    modules: { nvidia: "550.54.16", vfio_pci: "" },
    machineTypes: [MACHINE, "pc-q35-9.0", "pc-q35-8.2", "pc-q35-9.2", "pc-q35-noble"],
    skipVscCheck: { [MACHINE]: true, "pc-q35-noble": true },
  };
}

/** What is otherwise with a guest and its hosts. */
interface Otherwise {
  readonly machine?: string;
  readonly qemu?: string;
  /** The kernel does not tell what the driver offers. */
  readonly isUntold?: boolean;
  /** Libvirt binds the devices to their drivers. */
  readonly isManaged?: boolean;
}

/** A guest with devices of these kinds, each with the views of its two hosts. */
function guest(
  kinds: readonly KindName[],
  views: readonly [source: string, destination: string],
  otherwise: Otherwise = {},
): Guest {
  const { qemu = "9.2.0", isUntold = false } = otherwise;
  const [source, destination] = ["a", "b"].map((host, side): FactsFile => ({
    premigrate: "facts/1",
    host: { ...hostFacts(`host${host}`, `${host.repeat(8)}-1111-4111-8111-111111111111`), qemu },
    devices: kinds.map((kind, index) => {
      const { migration, ...facts } = device(kind, index, views[side] ?? "realize");
      return migration === undefined || isUntold ? facts : { ...facts, migration };
    }),
  }));
  if (source === undefined || destination === undefined) throw new Error("two sides are wanted");
  const name = [kinds.join(" and "), views.join(" -> "), ...Object.entries(otherwise).map(String)]
    .join("; ");
  const xml = domainXml(kinds, otherwise);
  return { name, source, destination, domain: parseDomain(xml), xml };
}

/** Its XML, with its machine type. */
export function xmlOf({ xml, domain: { machine = "q35" } }: Guest): string {
  return xml.replace(/machine='[^']*'/, `machine='${machine}'`);
}

function domainXml(
  kinds: readonly KindName[],
  { machine = MACHINE, isManaged = false }: Otherwise,
): string {
  const devices = kinds.map((kind, index) => {
    const address = addressOf(kind, index);
    const [domain, bus, slot, fn] = address.split(/[:.]/);
    const source = address.length === 36
      ? `<address uuid='${address}'/>`
      : `<address domain='0x${domain}' bus='0x${bus}' slot='0x${slot}' function='0x${fn}'/>`;
    const type = address.length === 36
      ? "type='mdev' model='vfio-pci'"
      : `type='pci' managed='${isManaged ? "yes" : "no"}'`;
    return `<controller type='pci' index='${index + 1}' model='pcie-root-port'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x0${index + 1}' function='0x0'/>
    </controller>
    <hostdev mode='subsystem' ${type}>
      <source>${source}</source>
      <address type='pci' domain='0x0000' bus='0x0${index + 1}' slot='0x00' function='0x0'/>
    </hostdev>`;
  });
  return `<domain type='kvm'>
  <name>vm1</name>
  <uuid>4dea22b3-1d52-48f3-a516-782e98ab3fa0</uuid>
  <os><type arch='x86_64' machine='${machine}'>hvm</type></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='pci' index='0' model='pcie-root'/>
    ${devices.join("\n    ")}
  </devices>
</domain>`;
}

const REALIZE = ["realize", "realize"] as const;
const SYSFS = ["sysfs", "sysfs"] as const;

/** All of them. Of `ice`, MxGPU and whole GPUs no guest is ever allowed. */
export const GUESTS: readonly Guest[] = [
  guest(["nvidia mdev"], REALIZE),
  guest(["nvidia mdev"], ["realize", "guest"]),
  guest(["nvidia mdev"], REALIZE, { machine: "pc-q35-9.0", qemu: "9.0.2" }),
  guest(["nvidia mdev"], REALIZE, { machine: "pc-q35-noble" }),
  guest(["nvidia vGPU VF"], REALIZE),
  guest(["nvidia vGPU VF"], REALIZE, { machine: "pc-q35-8.2", qemu: "8.2.5" }),
  guest(["nvidia vGPU VF", "nvidia vGPU VF"], REALIZE),
  guest(["nvidia mdev", "nvidia vGPU VF"], REALIZE),
  ...(["mlx5", "qat", "xe", "kunpeng zip", "pensando", "virtio"] as const).flatMap((kind) => [
    guest([kind], REALIZE),
    guest([kind], SYSFS),
    guest([kind], ["realize", "sysfs"]),
  ]),
  // Their drivers give each device the operations, so that the driver tells.
  ...(["qat", "pensando"] as const).map((kind) => guest([kind], SYSFS, { isUntold: true })),
  guest(["qat"], SYSFS, { isManaged: true }),
  guest(["mlx5"], SYSFS, { machine: "pc-q35-8.2", qemu: "8.2.5" }),
  guest(["mlx5", "mlx5"], REALIZE),
  guest(["mlx5", "qat", "kunpeng zip"], SYSFS),
  guest(["nvidia mdev", "mlx5", "virtio"], REALIZE),
];
