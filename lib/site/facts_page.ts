import type { DeviceFacts, GuestDevice, HostFacts, Migration } from "../policy/mod.ts";
import type { FactName } from "./facts.ts";

/** What there is to say of a fact. */
interface Row {
  /** Its name in a site's file, where it has one. */
  readonly yaml?: readonly (FactName | "attribute")[];
  readonly about: string;
  readonly reader: string;
  /** What it means that it is absent, where that is more than that it is not known. */
  readonly absent?: string;
}

type Rows<T> = Readonly<Record<keyof Required<T>, Row>>;

const NEVER = "never absent";

const DEVICE: Rows<DeviceFacts> = {
  address: {
    about: "PCI address `DDDD:BB:SS.F`, or an mdev's UUID",
    reader: "the guest's document",
    absent: NEVER,
  },
  config: {
    about: "config space: its `bytes`, and whose view of them it is (`kind`)",
    reader:
      "the probe (`kind` `sysfs`); the VFIO reader, of a device that a running guest holds (`running`) or of an idle one (`realize`)",
    absent:
      "not known; sysfs has none of an mdev. `derived`: bytes of another device of the same kind",
  },
  vendor: {
    yaml: ["vendor"],
    about: "PCI vendor id, as `0x10de`",
    reader: "the probe (sysfs `vendor`); `identify` takes the config bytes where it does not tell",
    absent: "not known; an mdev has its parent's",
  },
  device: {
    yaml: ["device"],
    about: "PCI device id",
    reader: "the probe (sysfs `device`); `identify` takes the config bytes where it does not tell",
    absent: "not known; of an mdev only its config bytes tell",
  },
  class: {
    yaml: ["class"],
    about: "PCI class code, as `0x030200`",
    reader: "the probe (sysfs `class`); `identify` takes the config bytes where it does not tell",
    absent: "not known; of an mdev only its config bytes tell",
  },
  bars: {
    about: "sizes in bytes of BAR 0 to 5",
    reader: "the probe (sysfs `resource`), the VFIO reader",
    absent: "not known; 0 stands for no BAR",
  },
  romSize: {
    about: "size in bytes of the expansion ROM",
    reader: "the probe (sysfs `resource`), the VFIO reader",
    absent: "not known; 0 stands for no ROM",
  },
  driver: {
    yaml: ["driver", "driverVersion"],
    about: "the host's driver for it: `name`, `version`",
    reader: "the probe (sysfs `driver`, `driver/module/version`)",
    absent: "not known; so is the version of a driver that libvirt has yet to bind",
  },
  mdevType: {
    yaml: ["mdevType", "mdevName"],
    about: "an mdev's type: `id` (`nvidia-558`), `name` (`NVIDIA A40-8Q`), `description`",
    reader: "the probe (sysfs `mdev_type`)",
    absent: "of an mdev not known; a PCI function has none",
  },
  managedDriver: {
    about: "the VFIO driver that libvirt binds where the guest says `managed='yes'`",
    reader: "the probe (`modules.alias`) and libvirt's version",
  },
  numaNode: { about: "its NUMA node", reader: "the probe (sysfs `numa_node`)" },
  inUse: { about: "whether a guest has it now", reader: "libvirt (what its guests have)" },
  migration: {
    about: "whether its driver `offered` migration, and which `features`",
    reader: "the probe (the kernel's debugfs, `vfio/ADDRESS/migration`)",
    absent: "the kernel does not tell",
  },
  firmware: {
    yaml: ["firmware", "psid"],
    about: "firmware of the device or its parent: `version`; `psid`, the board that it is for",
    reader: "the probe (`devlink dev info`)",
  },
  vgpuType: {
    yaml: ["vgpuType"],
    about: "NVIDIA: number of a VF's vGPU type",
    reader: "the probe (sysfs `nvidia/current_vgpu_type`)",
    absent: "not known; 0 stands for no vGPU",
  },
  nvml: {
    about: "NVIDIA: what its management library says",
    reader: "nothing yet; a facts file can have it",
  },
  attributes: {
    yaml: ["attribute", "vgpuParams", "qatServices"],
    about: "sysfs attributes that a policy declares, by name",
    reader: "the probe, where a policy declares it (`attributes`)",
    absent: "nobody looked, or it cannot be read; `null` stands for no such attribute",
  },
};

const HOST: Rows<HostFacts> = {
  name: {
    yaml: ["host"],
    about: "the host's name",
    reader: "libvirt, else the probe",
    absent: "never absent; `unnamed` where it is not known",
  },
  uuid: { about: "by which libvirt tells hosts apart", reader: "libvirt" },
  networks: {
    about: "its libvirt networks, and which of them hand out host devices",
    reader: "libvirt",
  },
  qemu: {
    yaml: ["qemu"],
    about: "version of the QEMU that runs, or will run, the guest",
    reader: "QEMU itself (QMP), else libvirt",
  },
  skipVscCheck: {
    about: "machine type to its default of `vfio-pci`'s `skip-vsc-check`",
    reader: "QEMU itself (QMP), 9.1 or later",
  },
  machineTypes: {
    yaml: ["machineTypes"],
    about: "machine types of the host's QEMU, aliases too",
    reader: "libvirt",
    absent: "not known; a stamp does not carry them",
  },
  libvirt: { yaml: ["libvirt"], about: "version of libvirt's daemon", reader: "libvirt" },
  kernel: { yaml: ["kernel"], about: "`uname -r`", reader: "the probe" },
  nvidiaDriver: {
    yaml: ["nvidiaDriver"],
    about: "version of NVIDIA's driver",
    reader: "the probe (`/proc/driver/nvidia/version`)",
    absent: "not known, or the host has none",
  },
  romFiles: {
    about: "sizes of the ROM files of the guest's devices, by path",
    reader: "the probe",
    absent: "not known; `null` stands for no such file",
  },
  time: { about: "when its facts were gathered, for reports", reader: "the probe, else libvirt" },
};

const GUEST_DEVICE: Rows<GuestDevice> = {
  bus: { about: "what bus it sits on in the guest", reader: "the guest's document" },
  properties: {
    about: "its properties on QEMU's command line, as texts",
    reader: "the guest's document",
    absent: NEVER,
  },
};

const MIGRATION: Rows<Omit<Migration, "source" | "destination">> = {
  guest: { yaml: ["guest"], about: "the guest's name", reader: "the guest's document" },
  machine: {
    yaml: ["machine"],
    about: "the guest's machine type, as `pc-q35-9.1`",
    reader: "the guest's document, or `--machine`",
  },
  vfioDevices: {
    about: "how many VFIO devices the guest takes along",
    reader: "the guest's document",
  },
  viommu: {
    about: "whether the guest has an IOMMU of its own",
    reader: "the guest's document",
  },
  postCopy: { about: "whether the migration may go over to post-copy", reader: "`--postcopy`" },
  bytesOnly: {
    about: "nothing but config bytes was asked about: other facts are not missing",
    reader: "the command (`compare`)",
    absent: NEVER,
  },
};

/**
 * All facts that a policy can ask for, as one Markdown page.
 *
 * @example
 * ```ts
 * import { factsPage } from "./facts_page.ts";
 * import { assertStringIncludes } from "@std/assert";
 *
 * assertStringIncludes(factsPage(), "| `kernel` | `kernel` | `uname -r` | the probe | not known |\n");
 * ```
 */
export function factsPage(): string {
  return [
    "# Facts",
    "All that a policy can ask for: the name in a policy in TypeScript, the name in " +
    "[a site's file](site-policies.md) where it has one, what it is, what reads it, and what it " +
    "means that it is absent. The probe is a script that premigrate runs on each host, as root; a " +
    "stamp carries the source's facts to the destination. A fact that is absent is `undefined`: " +
    "make it a finding of severity `undecided`, never a silent pass. This page is made of the code " +
    "(`deno task docs`).",
    ...section("A device", "`pair.source`, `pair.destination`", DEVICE),
    ...section("A host", "`migration.source`, `migration.destination`", HOST),
    ...section("The guest's device", "`pair.guest`", GUEST_DEVICE),
    ...section("The migration", "`migration`", MIGRATION),
  ].join("\n\n") + "\n";
}

function section(title: string, where: string, rows: Readonly<Record<string, Row>>): string[] {
  const lines = Object.entries(rows).map(([name, { yaml = [], about, reader, absent }]) => {
    const names = yaml.map((name) => `\`${name}\``).join(", ");
    return `| \`${name}\` | ${names} | ${about} | ${reader} | ${absent ?? "not known"} |`;
  });
  const head = [
    "| TypeScript | site's file | what it is | what reads it | absent |",
    "|-|-|-|-|-|",
  ];
  return [`## ${title}`, `In TypeScript ${where}.`, [...head, ...lines].join("\n")];
}
