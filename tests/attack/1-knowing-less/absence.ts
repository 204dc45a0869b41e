/**
 * What it means that a fact is absent, for every fact of a device, a host, a migration, a stamp.
 *
 * - `not-read`: nobody knows, and what depends on it is undecided. Where there can be none of it, that
 *   is said by a value: the text says which.
 * - `no-reader`: no reader gathers it yet, so that it is never missing.
 * - `no-part`: no verdict depends on it.
 *
 * What is in a fact that is an object is as the fact is. Keys of the probe's report have their table in
 * lib/facts/probe/keys.ts.
 */
import type { CapturedDevice, CapturedHost, Facts } from "premigrate";
import type { Migration } from "premigrate/policy";
import type { Stamp } from "../../../lib/facts/stamp/stamp.ts";

/** What absence means, and the value that says that there is none. */
export type Absence =
  | "not-read"
  | readonly ["not-read", none: string]
  | "no-reader"
  | "no-part"
  | readonly ["no-part", why: string];

type Rows<T> = Readonly<Record<keyof Required<T>, Absence>>;

export const DEVICE: Rows<CapturedDevice> = {
  address: "not-read",
  config: "not-read",
  vendor: "not-read",
  device: ["not-read", "the address of an mdev, which has none"],
  class: ["not-read", "the address of an mdev, which has none"],
  bars: ["not-read", "0 in each place"],
  romSize: ["not-read", "0"],
  driver: "not-read",
  mdevType: ["not-read", "the address of a PCI function, which has none"],
  managedDriver: "not-read",
  numaNode: ["no-part", "of two devices that may be chosen the nearer one is taken"],
  inUse: "not-read", // at the hook libvirt itself refuses next (virHostdevPreparePCIDevices)
  migration: ["not-read", "a driver that gives each of its devices the operations"],
  firmware: ["not-read", "a driver that devlink is not asked about"],
  vgpuType: ["not-read", "0, or the ids of another device"],
  nvml: "no-reader",
  attributes: [
    "not-read",
    "null for the one that is not there, an empty text, or the ids of another device",
  ],
  source: "no-part",
  iommuGroup: "no-part",
  parent: "no-part",
  vfIndex: "no-part",
  powerState: ["no-part", "bytes of a device in D3cold are no config in the facts"],
  resetMethods: "no-part",
  missing: "no-part",
};

export const HOST: Rows<CapturedHost> = {
  name: "not-read",
  uuid: "not-read",
  time: "no-part",
  qemu: "not-read",
  skipVscCheck: "not-read",
  machineTypes: "not-read",
  libvirt: "not-read",
  emulator: "no-part",
  kernel: "not-read",
  bootId: "not-read",
  machineId: "no-part",
  nvidiaDriver: ["not-read", "a host without devices of NVIDIA's"],
  romFiles: ["not-read", "null for a file that is not there"],
  networks: ["not-read", "a list without the network"],
  modules: "no-part",
  missing: "no-part",
};

export const FACTS: Rows<Facts> = {
  premigrate: "not-read",
  note: "no-part",
  host: "not-read",
  devices: "not-read",
};

export const MIGRATION: Rows<Migration> = {
  guest: "no-part",
  machine: "not-read",
  source: "not-read",
  destination: "not-read",
  vfioDevices: "not-read",
  viommu: "not-read",
  postCopy: ["no-part", "it is asked about, or it is not"],
  bytesOnly: "no-part",
};

export const STAMP: Rows<Stamp> = {
  guest: "not-read",
  time: "not-read",
  devices: "not-read",
  facts: "not-read",
};

/** What kind of row it is. */
export function kindOf(absence: Absence): string {
  return typeof absence === "string" ? absence : absence[0];
}
