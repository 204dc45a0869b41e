import {
  type DeviceFacts,
  type HostFacts,
  identify,
  type Identity,
  type Migration,
} from "../policy/mod.ts";

/** One side of a migration, as far as a site's policy speaks of it. */
export interface Side {
  /** Absent where the policy is on the guest as a whole. */
  readonly device?: DeviceFacts | undefined;
  readonly host: HostFacts;
  readonly migration: Migration;
}

/** Both. */
export type Sides = Readonly<Record<"source" | "destination", Side>>;

/** The values of a fact: one, or those of a list; none where it is known that there is none. */
export type FactValues = readonly string[];

/** A fact that a site's policy can name. */
export interface SiteFact {
  /** Of what it is; what is the guest's is the same on both sides. */
  readonly of: "device" | "host" | "guest";
  /** How its values are compared: as texts, numbers, versions, or as a set of texts. */
  readonly kind: "text" | "number" | "version" | "list";
  /** Of a version: how many of its first numbers name its branch. */
  readonly branch?: number;
  /** Config bytes tell it. */
  readonly isInBytes?: true;
  /** What it is, for the documentation. */
  readonly about: string;
  /** `undefined` where it is not known. */
  readonly read: (side: Side) => FactValues | undefined;
}

export const FACT_NAMES = [
  "vendor",
  "device",
  "class",
  "driver",
  "driverVersion",
  "mdevType",
  "mdevName",
  "firmware",
  "psid",
  "vgpuType",
  "vgpuParams",
  "qatServices",
  "host",
  "qemu",
  "libvirt",
  "kernel",
  "nvidiaDriver",
  "machineTypes",
  "guest",
  "machine",
] as const;

export type FactName = typeof FACT_NAMES[number];

/** All facts that a site's policy can name. */
export const SITE_FACTS: Readonly<Record<FactName, SiteFact>> = {
  vendor: {
    of: "device",
    kind: "number",
    isInBytes: true,
    about: "PCI vendor id, as `0x10de`",
    read: ({ device }) => hexOf(identityOf(device).vendor, 4),
  },
  device: {
    of: "device",
    kind: "number",
    isInBytes: true,
    about: "PCI device id",
    read: ({ device }) => hexOf(identityOf(device).device, 4),
  },
  class: {
    of: "device",
    kind: "number",
    isInBytes: true,
    about: "PCI class code, as `0x030200`",
    read: ({ device }) => hexOf(identityOf(device).class, 6),
  },
  driver: {
    of: "device",
    kind: "text",
    about: "the host's driver for it",
    read: ({ device }) => idOf(device?.driver?.name, device?.driver?.version),
  },
  driverVersion: {
    of: "device",
    kind: "version",
    branch: 1,
    about: "that driver's version; not known of one that libvirt has yet to bind",
    read: ({ device }) => textOf(device?.driver?.version),
  },
  mdevType: {
    of: "device",
    kind: "text",
    about: "an mdev's type, as `nvidia-558`",
    read: ({ device }) => isMdev(device) ? idOf(device?.mdevType?.id, device?.mdevType?.name) : [],
  },
  mdevName: {
    of: "device",
    kind: "text",
    about: "its name, as `NVIDIA A40-8Q`",
    read: ({ device }) => isMdev(device) ? textOf(device?.mdevType?.name) : [],
  },
  firmware: {
    of: "device",
    kind: "version",
    branch: 2,
    about: "firmware version of the device or its parent",
    read: ({ device }) => textOf(device?.firmware?.version),
  },
  psid: {
    of: "device",
    kind: "text",
    about: "the board that the firmware is for",
    read: ({ device }) => textOf(device?.firmware?.psid),
  },
  vgpuType: {
    of: "device",
    kind: "number",
    about: "NVIDIA: number of a VF's vGPU type",
    read: ({ device }) => textOf(device?.vgpuType?.toString().replace(/^0$/, "")),
  },
  vgpuParams: {
    of: "device",
    kind: "text",
    about: "NVIDIA: plugin parameters",
    read: ({ device }) => textOf(device?.attributes?.["nvidia/vgpu_params"] ?? undefined),
  },
  qatServices: {
    of: "device",
    kind: "list",
    about: "QAT: what it is set up for, as `[sym, dc]`",
    read: ({ device }) => servicesOf(device?.attributes?.["parent/qat/cfg_services"]),
  },
  host: {
    of: "host",
    kind: "text",
    about: "the host's name",
    // `unnamed` is a host whose name nobody could read (hostFacts).
    read: ({ host }) => ["", "unnamed"].includes(host.name) ? undefined : [host.name],
  },
  qemu: {
    of: "host",
    kind: "version",
    branch: 2,
    about: "version of the QEMU that runs the guest",
    read: ({ host }) => textOf(host.qemu?.toString()),
  },
  libvirt: {
    of: "host",
    kind: "version",
    branch: 2,
    about: "version of libvirt's daemon",
    read: ({ host }) => textOf(host.libvirt),
  },
  kernel: {
    of: "host",
    kind: "version",
    branch: 2,
    about: "`uname -r`",
    read: ({ host }) => textOf(host.kernel),
  },
  nvidiaDriver: {
    of: "host",
    kind: "version",
    branch: 1,
    about: "version of NVIDIA's driver",
    read: ({ host }) => textOf(host.nvidiaDriver),
  },
  machineTypes: {
    of: "host",
    kind: "list",
    about: "machine types of the host's QEMU; a stamp does not carry them",
    read: ({ host }) => host.machineTypes,
  },
  guest: {
    of: "guest",
    kind: "text",
    about: "the guest's name",
    read: ({ migration }) => textOf(migration.guest),
  },
  machine: {
    of: "guest",
    kind: "text",
    about: "the guest's machine type, as `pc-q35-9.1`",
    read: ({ migration }) => textOf(migration.machine?.name),
  },
};

/** What every message may say of the migration. */
export const TOLD: Readonly<Record<string, (sides: Sides) => FactValues | undefined>> = {
  guest: ({ source }) => SITE_FACTS.guest.read(source),
  machine: ({ source }) => SITE_FACTS.machine.read(source),
  sourceHost: ({ source }) => SITE_FACTS.host.read(source),
  destinationHost: ({ destination }) => SITE_FACTS.host.read(destination),
};

/** A sysfs attribute that the probe brings, as a fact; its version's branch is as of firmware. */
export function attributeFact(attribute: string): SiteFact {
  return {
    of: "device",
    kind: "version",
    branch: 2,
    about: `the sysfs attribute ${attribute}`,
    read: ({ device }) => {
      const value = new Map(Object.entries(device?.attributes ?? {})).get(attribute);
      return value === null ? [] : textOf(value);
    },
  };
}

/** What another device of the kind showed is no evidence of this one. */
function identityOf(device: DeviceFacts | undefined): Partial<Identity> {
  if (device === undefined) return {};
  return identify(device.config?.derived ? { ...device, config: undefined } : device);
}

/** By its address: a UUID. */
function isMdev(device: DeviceFacts | undefined): boolean {
  return device?.address.length === 36;
}

function servicesOf(text: string | null | undefined): FactValues | undefined {
  return text ? text.split(";").filter((name) => name !== "") : undefined;
}

/** What has a name or version of its own is not none, and an empty id is not known. */
function idOf(id: string | undefined, other: string | undefined): FactValues | undefined {
  return id === "" && other !== undefined ? undefined : textOf(id);
}

function textOf(value: string | undefined): FactValues | undefined {
  return value === undefined ? undefined : value === "" ? [] : [value];
}

function hexOf(value: number | undefined, digits: number): FactValues | undefined {
  return value === undefined ? undefined : [`0x${value.toString(16).padStart(digits, "0")}`];
}
