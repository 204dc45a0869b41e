import { decodeHex } from "@std/encoding/hex";
import * as v from "valibot";
import { FILE_PATH, MOST_FILES } from "./probe/file_path.ts";
import { ATTRIBUTE_NAME, LONGEST_ATTRIBUTE, MOST_ATTRIBUTES_READ } from "../policy/attributes.ts";
import type { DeviceFacts, HostFacts } from "../policy/migration.ts";
import { QemuText } from "./qemu_text.ts";
import type { ConfigView } from "../qemu/view.ts";

/** What is known of one host and its devices, read from a facts file. */
export interface Facts {
  /** What the file is, and the version of its form. */
  readonly premigrate: "facts/1";
  /** Anything for people. */
  readonly note?: string | undefined;
  /** The host. */
  readonly host: CapturedHost;
  /** Its devices, each once. */
  readonly devices: readonly CapturedDevice[];
}

/** A host, with where its facts come from. */
export interface CapturedHost extends HostFacts {
  /** The QEMU binary that was asked. */
  readonly emulator?: string | undefined;
  /** Another one after each boot. */
  readonly bootId?: string | undefined;
  /** `/etc/machine-id`. */
  readonly machineId?: string | undefined;
  /** Versions of the kernel modules with a part in migration; empty where a module tells none. */
  readonly modules?: Readonly<Record<string, string>> | undefined;
  /** Why a fact is not known, by its name. */
  readonly missing?: Readonly<Record<string, string>> | undefined;
}

/** A device, with where its facts come from. */
export interface CapturedDevice extends DeviceFacts {
  /** Where all come from but the config bytes, which say it themselves. */
  readonly source?: FactSource | undefined;
  /** Number of its IOMMU group. */
  readonly iommuGroup?: string | undefined;
  /** A VF's physical function, or an mdev's parent. */
  readonly parent?: string | undefined;
  /** Which VF of its parent it is, from 0. */
  readonly vfIndex?: number | undefined;
  /** `D0` to `D3cold`. */
  readonly powerState?: string | undefined;
  /** How the kernel would reset it; the first is tried first. */
  readonly resetMethods?: readonly string[] | undefined;
  /** Why a fact is not known, by its name. */
  readonly missing?: Readonly<Record<string, string>> | undefined;
  /** Its config space. */
  readonly config?: CapturedConfig | undefined;
}

/** Where facts can come from. */
export const FACT_SOURCES = [
  "vfio-region",
  "sysfs",
  "nodedev",
  "ecam",
  "lspci",
  "stamp",
  "composed",
] as const;

/** Where a fact comes from; `composed`: made up, for examples and tests. */
export type FactSource = typeof FACT_SOURCES[number];

/** Config bytes, with where they come from and when they were read (ISO 8601). */
export type CapturedConfig = ConfigView & {
  readonly source: FactSource;
  /** When, in ISO 8601. */
  readonly time?: string | undefined;
};

const Hex16 = v.pipe(
  v.string(),
  v.regex(/^0x[0-9a-f]{1,4}$/, "wanted 16 bits like 0x10de"),
  v.transform(Number),
);
const Uint32 = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(0xffffffff));
const Hex24 = v.pipe(
  v.string(),
  v.regex(/^0x[0-9a-f]{1,6}$/, "wanted 24 bits like 0x030200"),
  v.transform(Number),
);
const Size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Time = v.pipe(v.string(), v.isoTimestamp());
const Name = v.pipe(v.string(), v.nonEmpty(), v.maxLength(1024));

// As much as the probe brings of one attribute, which may well be empty.
const Text = v.pipe(v.string(), v.maxLength(65_536));
// Empty it says nothing, and what says nothing is not known.
const NonEmpty = v.pipe(Text, v.nonEmpty());
const Known = v.pipe(Text, v.transform((text) => text === "" ? undefined : text));
const Source = v.picklist(FACT_SOURCES);
const Missing = v.optional(
  v.pipe(v.record(Name, Text), v.description("Why a fact is not known, by its name")),
);

const Address = v.pipe(
  v.string(),
  v.regex(
    /^(([0-9a-f]{4}|[1-9a-f][0-9a-f]{4,7}):[0-9a-f]{2}:[01][0-9a-f]\.[0-7]|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/,
    "wanted a PCI address DDDD:BB:SS.F or an mdev's UUID, in lower case",
  ),
  v.description("Where the device is on its host: DDDD:BB:SS.F, or an mdev's UUID"),
);

const Config = v.pipe(
  v.strictObject({
    view: v.pipe(
      v.picklist(["realize", "running", "sysfs", "guest"]),
      v.description(
        "Whose view of the config space this is; realize: what QEMU itself reads when it opens the device, running: the same read while it runs",
      ),
    ),
    source: v.pipe(Source, v.description("Where the bytes come from")),
    derived: v.optional(
      v.pipe(v.boolean(), v.description("Read of another device, of the same type and driver")),
    ),
    arrived: v.optional(
      v.pipe(
        v.boolean(),
        v.description("Read while it runs of a guest that arrived from a host, or from a file"),
      ),
    ),
    time: v.optional(v.pipe(Time, v.description("When they were read"))),
    hex: v.pipe(
      v.string(),
      v.regex(
        /^(([0-9a-f]{2}){64}|([0-9a-f]{2}){256}|([0-9a-f]{2}){4096})$/,
        "wanted 64, 256 or 4096 bytes in lower-case hexadecimal",
      ),
      v.description("The bytes from offset 0: 64, 256 or 4096, without spaces"),
    ),
  }),
  v.transform(({ view, hex, ...origin }) => ({ kind: view, bytes: decodeHex(hex), ...origin })),
);

const Device = v.strictObject({
  address: Address,
  config: v.optional(Config),
  vendor: v.optional(v.pipe(Hex16, v.description("sysfs vendor"))),
  device: v.optional(v.pipe(Hex16, v.description("sysfs device"))),
  class: v.optional(v.pipe(Hex24, v.description("sysfs class"))),
  bars: v.optional(
    v.pipe(v.array(Size), v.length(6), v.description("Sizes in bytes of BAR 0 to 5, 0 for none")),
  ),
  romSize: v.optional(
    v.pipe(Size, v.description("Size in bytes of the expansion ROM, 0 for none")),
  ),
  driver: v.optional(v.strictObject({ name: NonEmpty, version: v.optional(Known) })),
  mdevType: v.optional(
    v.strictObject({
      id: NonEmpty,
      name: v.optional(Known),
      description: v.optional(Text),
      availableInstances: v.optional(Size),
    }),
  ),
  source: v.optional(v.pipe(Source, v.description("Where all but the config bytes come from"))),
  managedDriver: v.optional(
    v.pipe(Name, v.description("VFIO driver that libvirt binds to it where managed='yes'")),
  ),
  numaNode: v.optional(v.pipe(v.number(), v.integer(), v.description("-1 for none"))),
  inUse: v.optional(v.pipe(v.boolean(), v.description("A guest has it now"))),
  iommuGroup: v.optional(Known),
  parent: v.optional(v.pipe(Known, v.description("Physical function of a VF, parent of an mdev"))),
  vfIndex: v.optional(Size),
  powerState: v.optional(Known),
  resetMethods: v.optional(v.array(Text)),
  vgpuType: v.optional(v.pipe(Size, v.description("NVIDIA: number of the vGPU type of a VF"))),
  nvml: v.optional(
    v.pipe(
      v.strictObject({
        guestDriver: v.optional(Known),
        guestVgpuVersion: v.optional(Uint32),
        hostVgpuRange: v.optional(v.strictObject({ min: Uint32, max: Uint32 })),
        ecc: v.optional(v.boolean()),
        mig: v.optional(v.boolean()),
        compatibility: v.optional(
          v.pipe(
            v.strictObject({ source: Address, vm: Uint32, limit: Uint32 }),
            v.description("nvmlGetVgpuCompatibility's answer for the source's vGPU"),
          ),
        ),
      }),
      v.description("NVIDIA: what its management library says; capture does not ask it"),
    ),
  ),
  migration: v.optional(
    v.pipe(
      v.strictObject({ offered: v.boolean(), features: v.optional(v.array(Text)) }),
      v.description("What its VFIO driver offers, as the kernel's debugfs tells"),
    ),
  ),
  firmware: v.optional(v.strictObject({ version: v.optional(Known), psid: v.optional(Known) })),
  attributes: v.optional(
    v.pipe(
      v.record(
        v.pipe(v.string(), v.regex(ATTRIBUTE_NAME, "wanted the name of a sysfs attribute")),
        v.nullable(v.pipe(v.string(), v.maxLength(LONGEST_ATTRIBUTE))),
      ),
      v.maxEntries(MOST_ATTRIBUTES_READ),
      v.description("Sysfs attributes that policies declare, by their names; null: not there"),
    ),
  ),
  missing: Missing,
});

const Network = v.union([
  v.literal("plain"),
  v.strictObject({
    managed: v.boolean(),
    model: v.optional(Text),
    devices: v.pipe(v.array(Address), v.maxLength(4096)),
  }),
]);

// Far above the functions of any host; each is looked for among all of the other host's.
const MOST_DEVICES = 4096;

/** The schema of a facts file: what is known of one host and its devices. */
export const FactsSchema: v.GenericSchema<unknown, Facts> = v.strictObject({
  premigrate: v.pipe(v.literal("facts/1"), v.description("What this file is, and its version")),
  note: v.optional(v.string()),
  host: v.strictObject({
    name: Name,
    time: v.optional(v.pipe(Time, v.description("When the facts were gathered"))),
    machineTypes: v.optional(
      v.pipe(v.array(Name), v.maxLength(4096), v.description("Of the host's QEMU, aliases too")),
    ),
    uuid: v.optional(Known),
    libvirt: v.optional(Known),
    emulator: v.optional(Known),
    kernel: v.optional(Known),
    bootId: v.optional(Known),
    machineId: v.optional(Known),
    nvidiaDriver: v.optional(Known),
    modules: v.optional(v.record(Name, Text)),
    romFiles: v.optional(
      v.pipe(
        v.record(
          v.pipe(v.string(), v.regex(FILE_PATH, "wanted an absolute path")),
          v.nullable(Size),
        ),
        v.maxEntries(MOST_FILES),
        v.description("Sizes of the ROM files of guests' devices by path; null: not there"),
      ),
    ),
    networks: v.optional(
      v.pipe(
        v.record(Name, Network),
        v.description("Its libvirt networks: plain, or what the pool of host devices hands out"),
      ),
    ),
    missing: Missing,
    qemu: v.optional(v.pipe(QemuText, v.description("Version of the QEMU that runs the guest"))),
    skipVscCheck: v.optional(
      v.pipe(
        v.record(Name, v.boolean()),
        v.description("Machine type to its compat value of vfio-pci.skip-vsc-check"),
      ),
    ),
  }),
  devices: v.pipe(v.array(Device), v.maxLength(MOST_DEVICES)),
});
