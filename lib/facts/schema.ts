import { decodeHex } from "@std/encoding/hex";
import * as v from "valibot";
import type { DeviceFacts, HostFacts } from "../policy/migration.ts";
import { parseQemuVersion, QemuVersionError } from "../qemu/version.ts";
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

/** A host, with when its facts were gathered (ISO 8601). */
export interface CapturedHost extends HostFacts {
  /** When, in ISO 8601. */
  readonly time?: string | undefined;
}

/** A device, with where its config bytes come from. */
export interface CapturedDevice extends DeviceFacts {
  /** Its config space. */
  readonly config?: CapturedConfig | undefined;
}

/** Config bytes, with where they come from and when they were read (ISO 8601). */
export type CapturedConfig = ConfigView & {
  readonly source: "vfio-region" | "sysfs" | "ecam" | "lspci" | "stamp" | "composed";
  /** When, in ISO 8601. */
  readonly time?: string | undefined;
};

const Hex16 = v.pipe(
  v.string(),
  v.regex(/^0x[0-9a-f]{1,4}$/, "wanted 16 bits like 0x10de"),
  v.transform(Number),
);
const Hex24 = v.pipe(
  v.string(),
  v.regex(/^0x[0-9a-f]{1,6}$/, "wanted 24 bits like 0x030200"),
  v.transform(Number),
);
const Size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Time = v.pipe(v.string(), v.isoTimestamp());
const Name = v.pipe(v.string(), v.nonEmpty(), v.maxLength(1024));

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
      v.picklist(["realize", "sysfs", "guest"]),
      v.description("Whose view of the config space this is; realize: what QEMU itself reads"),
    ),
    source: v.pipe(
      v.picklist(["vfio-region", "sysfs", "ecam", "lspci", "stamp", "composed"]),
      v.description("Where the bytes come from"),
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
  v.transform(({ view, source, time, hex }) => ({
    kind: view,
    bytes: decodeHex(hex),
    source,
    ...time === undefined ? {} : { time },
  })),
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
  driver: v.optional(v.strictObject({ name: Name, version: v.optional(Name) })),
  mdevType: v.optional(v.strictObject({ id: Name, name: v.optional(Name) })),
});

const QemuText = v.pipe(
  v.string(),
  v.check(isQemuVersion, 'wanted a QEMU version like "9.1" or "7.2.22"'),
  v.transform(parseQemuVersion),
);

// Far above the functions of any host; each is looked for among all of the other host's.
const MOST_DEVICES = 4096;

/** The schema of a facts file: what is known of one host and its devices. */
export const FactsSchema: v.GenericSchema<unknown, Facts> = v.strictObject({
  premigrate: v.pipe(v.literal("facts/1"), v.description("What this file is, and its version")),
  note: v.optional(v.string()),
  host: v.strictObject({
    name: Name,
    time: v.optional(v.pipe(Time, v.description("When the facts were gathered"))),
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

function isQemuVersion(text: string): boolean {
  try {
    parseQemuVersion(text);
    return true;
  } catch (error) {
    if (error instanceof QemuVersionError) return false;
    throw error;
  }
}
