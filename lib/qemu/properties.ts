import { PremigrateError } from "../error/mod.ts";
import type { QemuVersion } from "./version.ts";
import { parseQapiBool } from "./qapi_bool.ts";

/** A vfio-pci property that this QEMU would refuse, or that cannot be read. */
export class QemuPropertyError extends PremigrateError {
  /** The property's name. */
  readonly property: string;
  /** The value that was found. */
  readonly value: string;

  /** `wanted` ends the message. */
  constructor(property: string, value: string, wanted: string) {
    super(
      "qemu-property",
      `Cannot use the vfio-pci property ${property.slice(0, 80)}`,
      `found ${JSON.stringify(value.slice(0, 80))}, wanted ${wanted}`,
    );
    this.property = property;
    this.value = value;
  }
}

/** The properties of `-device vfio-pci` that change what is compared. Absent: QEMU's default. */
export interface VfioPciProperties {
  /** `skip-vsc-check` (9.1+): leave the body of the Vendor Specific Capability uncompared. */
  readonly skipVscCheck?: boolean;
  /** `multifunction`: bit 7 of the header type. */
  readonly multifunction?: boolean;
  /** `x-pci-vendor-id`, 16 bits. */
  readonly vendorId?: number;
  /** `x-pci-device-id`, 16 bits. */
  readonly deviceId?: number;
  /** `x-pci-sub-vendor-id`, 16 bits. */
  readonly subVendorId?: number;
  /** `x-pci-sub-device-id`, 16 bits. */
  readonly subDeviceId?: number;
  /** `x-pci-class-code` (10.1+), 24 bits. */
  readonly classCode?: number;
  /** `x-nv-gpudirect-clique`, 0 to 15. */
  readonly gpudirectClique?: number;
  /** `rombar`: `false` for 0, `true` for a value above 0. */
  readonly romBar?: boolean;
  /** `romfile`: a file, or empty for none; either way the device's own ROM BAR is not shown. */
  readonly romFile?: string;
  /** `romsize`, bytes: the size of the ROM BAR when there is a `romfile`. */
  readonly romSize?: number;
  /** `ats` (11.1+): `off` hides the ATS capability. */
  readonly ats?: "on" | "off" | "auto";
  /** Properties that move compared bytes in ways that the model does not know. */
  readonly unmodelled?: readonly string[];
}

/**
 * Properties of vfio-pci, and of every PCI device, that change no compared byte and not whether the
 * device migrates, or that are judged elsewhere (`vfio_pci_properties` in hw/vfio/pci.c, `pci_props`
 * in hw/pci/pci.c). What x-igd-opregion emulates, at 0xfc, is the guest's to write.
 */
const HARMLESS: ReadonlySet<string> = new Set([
  "acpi-index",
  "bootindex",
  "display",
  "enable-migration", // judged by generic/vfio
  "failover_pair_id", // judged before a device is
  "migration-events",
  "ramfb",
  "vf-token",
  "x-balloon-allowed",
  "x-device-dirty-page-tracking",
  "x-enable-migration", // judged by generic/vfio
  "x-igd-opregion",
  "x-intx-mmap-timeout-ms",
  "x-no-geforce-quirks",
  "x-no-kvm-intx",
  "x-no-kvm-ioeventfd",
  "x-no-kvm-msi",
  "x-no-kvm-msix",
  "x-no-mmap",
  "x-no-vfio-ioeventfd",
  "x-pre-copy-dirty-page-tracking",
  "x-ramfb-migrate",
  "x-req",
  "x-vga",
  "xres",
  "yres",
]);

type Setter = (value: string, name: string) => VfioPciProperties;

const SETTERS: ReadonlyMap<string, Setter> = new Map<string, Setter>([
  ["skip-vsc-check", (value, name) => ({ skipVscCheck: parseBool(name, value) })],
  ["multifunction", (value, name) => ({ multifunction: parseBool(name, value) })],
  // vfio_pci_config_setup refuses a vendor id of 0xffff, and nothing above 16 bits elsewhere.
  ["x-pci-vendor-id", (value, name) => parseId(name, value, 0xfffe, (vendorId) => ({ vendorId }))],
  ["x-pci-device-id", (value, name) => parseId(name, value, 0xffff, (deviceId) => ({ deviceId }))],
  [
    "x-pci-sub-vendor-id",
    (value, name) => parseId(name, value, 0xffff, (subVendorId) => ({ subVendorId })),
  ],
  [
    "x-pci-sub-device-id",
    (value, name) => parseId(name, value, 0xffff, (subDeviceId) => ({ subDeviceId })),
  ],
  [
    "x-pci-class-code",
    (value, name) => parseId(name, value, 0xffffff, (classCode) => ({ classCode })),
  ],
  ["x-nv-gpudirect-clique", (value, name) => ({ gpudirectClique: parseNumber(name, value, 15) })],
  [
    "rombar",
    (value, name) => value === "-1" ? {} : { romBar: parseNumber(name, value, 0xffffffff) > 0 },
  ],
  ["romfile", (value) => ({ romFile: value })],
  ["romsize", parseRomSize],
  [
    "ats",
    (value, name) => ({ ats: value === "auto" ? "auto" : parseBool(name, value) ? "on" : "off" }),
  ],
  ["x-msix-relocation", (value, name) => value === "off" ? {} : { unmodelled: [name] }],
  ["x-vpasid-cap-offset", (_value, name) => ({ unmodelled: [name] })],
  ["x-igd-gms", (_value, name) => ({ unmodelled: [name] })],
]);

/**
 * The names of properties that are neither modelled nor known to be harmless.
 *
 * @example
 * ```ts
 * import { propertiesNotUnderstood } from "premigrate/qemu";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(propertiesNotUnderstood({ "x-vga": "on", rombar: "0", "x-new": "1" }), ["x-new"]);
 * ```
 */
export function propertiesNotUnderstood(properties: Readonly<Record<string, string>>): string[] {
  return Object.entries(properties)
    // The other model of the same device (qemuBuildHostdevMediatedDevProps).
    .filter(([name, value]) => name !== "driver" || !/^vfio-pci(-nohotplug)?$/.test(value))
    .map(([name]) => name)
    .filter((name) => !SETTERS.has(name) && !HARMLESS.has(name));
}

type Release = readonly [major: number, minor: number];

const SINCE: ReadonlyMap<string, Release> = new Map<string, Release>([
  ["enable-migration", [8, 1]],
  ["migration-events", [9, 1]],
  ["romsize", [6, 0]],
  ["skip-vsc-check", [9, 1]],
  ["vf-token", [8, 1]],
  ["x-device-dirty-page-tracking", [9, 1]],
  ["x-pci-class-code", [10, 1]],
  ["x-ramfb-migrate", [8, 2]],
  ["x-vpasid-cap-offset", [11, 0]],
  ["ats", [11, 1]],
]);

/** The release that has a property no longer: commit 8bbcb64a71 renamed it to enable-migration. */
const UNTIL: ReadonlyMap<string, Release> = new Map([["x-enable-migration", [8, 1]]]);

/**
 * Reads the properties of a vfio-pci device, names and values as on QEMU's command line. Those that
 * change no compared byte are passed over.
 *
 * @throws {QemuPropertyError} When a value cannot be read, or the property is not in this QEMU.
 *
 * @example
 * ```ts
 * import { parseQemuVersion, parseVfioPciProperties } from "premigrate/qemu";
 * import { assertEquals } from "@std/assert";
 *
 * const properties = parseVfioPciProperties(
 *   { "skip-vsc-check": "off", "x-pci-device-id": "0x1eb8", "enable-migration": "on" },
 *   parseQemuVersion("9.1"),
 * );
 * assertEquals(properties, { skipVscCheck: false, deviceId: 0x1eb8 });
 * ```
 */
export function parseVfioPciProperties(
  properties: Readonly<Record<string, string>>,
  qemu: QemuVersion,
): VfioPciProperties {
  let parsed: VfioPciProperties = {};
  for (const [name, value] of Object.entries(properties)) {
    const since = SINCE.get(name);
    if (since !== undefined && !qemu.atLeast(...since)) {
      throw new QemuPropertyError(name, value, `QEMU ${since.join(".")} or later, not ${qemu}`);
    }
    const until = UNTIL.get(name);
    if (until !== undefined && qemu.atLeast(...until)) {
      throw new QemuPropertyError(name, value, `QEMU before ${until.join(".")}, not ${qemu}`);
    }
    const set = SETTERS.get(name)?.(value, name);
    if (set === undefined) continue;
    const unmodelled = [...parsed.unmodelled ?? [], ...set.unmodelled ?? []];
    parsed = { ...parsed, ...set, ...unmodelled.length > 0 ? { unmodelled } : {} };
  }
  return parsed;
}

/**
 * Splits `name=value,name=value`, as after `-device vfio-pci,`; `,,` stands for a comma (QemuOpts).
 *
 * @throws {QemuPropertyError} When a part has no name.
 */
export function splitProperties(text: string): Record<string, string> {
  const properties: Record<string, string> = {};
  for (const part of text.split(/(?<!,),(?!,)/)) {
    if (part.trim() === "") continue;
    const [name = "", ...rest] = part.trim().replaceAll(",,", ",").split("=");
    if (name === "") throw new QemuPropertyError(part, part, "name=value");
    // A name alone means "on", as QEMU's short form of booleans does.
    properties[name] = rest.length === 0 ? "on" : rest.join("=");
  }
  return properties;
}

function parseBool(name: string, value: string): boolean {
  const bool = parseQapiBool(value);
  if (bool === undefined) throw new QemuPropertyError(name, value, "on or off");
  return bool;
}

// PCI_ANY_ID is the default: the device's own.
function parseId(
  name: string,
  value: string,
  max: number,
  set: (id: number) => VfioPciProperties,
): VfioPciProperties {
  return readNumber(value) === 0xffffffff ? {} : set(parseNumber(name, value, max));
}

// pci_qdev_realize wants a power of two; UINT32_MAX is the default: the romfile's size.
function parseRomSize(value: string, name: string): VfioPciProperties {
  const romSize = readNumber(value);
  if (romSize === 0xffffffff) return {};
  if (romSize > 0 && Number.isInteger(Math.log2(romSize))) return { romSize };
  throw new QemuPropertyError(name, value, "a power of two up to 2147483648");
}

function parseNumber(name: string, value: string, max: number): number {
  const number = readNumber(value);
  if (!(number <= max)) throw new QemuPropertyError(name, value, `a number from 0 to ${max}`);
  return number;
}

// qemu_strtou64 with base 0, so that a leading 0 means octal
function readNumber(value: string): number {
  if (/^0[0-7]{1,12}$/.test(value)) return parseInt(value, 8);
  return /^(0x[0-9a-f]{1,8}|0|[1-9]\d{0,9})$/i.test(value) ? Number(value) : NaN;
}
