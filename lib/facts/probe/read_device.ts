import { isAttributeName, MOST_ATTRIBUTES_READ } from "../../policy/attributes.ts";
import type { Firmware, MdevType, MigrationSupport } from "../../policy/migration.ts";
import { CONFIG_SPACE_SIZES } from "../../pci/mod.ts";
import type { CapturedConfig, CapturedDevice } from "../schema.ts";
import { toldKeys } from "./keys.ts";
import { type Attributes, DECLARED, type Missing, ProbeError, type Section } from "./sections.ts";

/** A device as the probe read it. */
export interface ProbedDevice extends CapturedDevice {
  /** What drivers are matched by: `pci:v000015B3d0000101E...`. */
  readonly modalias: string | undefined;
  readonly missing: Missing;
}

/**
 * Reads what a report tells of a device.
 *
 * @param time When it was read, in ISO 8601.
 * @throws {ProbeError} When there is no word of what the probe says of every device.
 */
export function readDevice(
  { argument, attributes }: Section,
  time: string | undefined,
): ProbedDevice {
  const parent = attributes.name("parent");
  const untold = attributes.untold(toldKeys(argument, parent !== undefined));
  if (untold !== undefined) {
    throw new ProbeError("malformed", `found nothing of ${untold} of the device ${argument}`);
  }
  const mdevType = readMdevType(attributes);
  const powerState = attributes.matching(
    "power_state",
    /^(D[0-2]|D3hot|D3cold|unknown|error)$/,
    "a power state",
  );
  const sizes = readResources(attributes);
  return {
    address: argument,
    source: "sysfs",
    config: readConfig(attributes, powerState, time),
    // An mdev has no ids of its own in sysfs; its vendor is that of the driver that made it.
    vendor: attributes.hex("vendor", 4) ?? (mdevType && attributes.hex("parent/vendor", 4)),
    device: attributes.hex("device", 4),
    class: attributes.hex("class", 6),
    modalias: attributes.text("modalias"),
    bars: sizes?.slice(0, 6),
    romSize: sizes?.[6],
    driver: readDriver(attributes),
    mdevType,
    numaNode: readNumaNode(attributes, "numa_node") ?? readNumaNode(attributes, "parent/numa_node"),
    iommuGroup: attributes.name("iommu_group"),
    parent,
    vfIndex: attributes.count("vf_index"),
    powerState,
    resetMethods: attributes.text("reset_method")?.split(" ").filter((method) => method !== ""),
    migration: readMigration(attributes),
    firmware: readFirmware(attributes.text("devlink") ?? attributes.text("parent/devlink")),
    vgpuType: attributes.count("nvidia/current_vgpu_type"),
    attributes: readDeclared(attributes),
    missing: attributes.missing,
  };
}

function readDriver(attributes: Attributes): CapturedDevice["driver"] {
  const name = attributes.name("driver");
  const version = attributes.name("driver/module/version");
  return name === undefined ? undefined : { name, version };
}

function readConfig(
  attributes: Attributes,
  powerState: string | undefined,
  time: string | undefined,
): CapturedConfig | undefined {
  const bytes = attributes.bytes("config");
  const why = bytes === undefined
    ? whyNoConfig(attributes)
    : whyNotBelieved(bytes, powerState, attributes.isNotThere("power_state"));
  if (why !== undefined) return attributes.refuse("config", why);
  return bytes && { kind: "sysfs", bytes, source: "sysfs", time };
}

/** `undefined` where the report says it. */
function whyNoConfig(attributes: Attributes): string | undefined {
  return attributes.has("config")
    ? undefined
    : "sysfs has none for a mediated device; only its VFIO config region tells";
}

/**
 * Why bytes are no reading of the device. In D3cold it answers nothing, and may still be waking; in
 * D3hot, where vfio-pci keeps idle functions, it answers config reads (PCI Bus Power Management 5.4.1).
 *
 * @param isOld Kernels before 5.11 tell no power state.
 */
function whyNotBelieved(
  bytes: Uint8Array,
  powerState: string | undefined,
  isOld: boolean,
): string | undefined {
  if (powerState === "D3cold") return "the device was asleep (D3cold)";
  if (powerState === undefined && !isOld) return "whether the device was asleep is not known";
  // Whoever lacks CAP_SYS_ADMIN is shown 64 bytes (the kernel's `pci_read_config`).
  if (!CONFIG_SPACE_SIZES.some((size) => size === bytes.length)) {
    return `sysfs has ${bytes.length} bytes, wanted 64, 256 or 4096`;
  }
  return bytes.every((byte) => byte === 0xff) ? "the device answered with ff only" : undefined;
}

/** Sizes of BAR 0 to 5 and of the ROM; each line of the file has start, end and flags. */
function readResources(attributes: Attributes): number[] | undefined {
  const text = attributes.matching(
    "resource",
    /^(?:0x[0-9a-f]{1,16} 0x[0-9a-f]{1,16} 0x[0-9a-f]{1,16}(?:\n|$)){7,64}$/,
    "7 or more lines of start, end and flags",
  );
  const sizes = text?.split("\n").slice(0, 7).map((line) => {
    const [start = 0n, end = 0n, flags = 0n] = line.split(" ").map(BigInt);
    return flags === 0n ? 0 : Number(end - start + 1n);
  });
  if (sizes?.every((size) => Number.isSafeInteger(size) && size >= 0)) return sizes;
  return sizes && attributes.refuse("resource", "found no size in it");
}

function readNumaNode(attributes: Attributes, key: string): number | undefined {
  const text = attributes.matching(key, /^-?[0-9]{1,9}$/, "a number");
  if (text === undefined) return undefined;
  return text.startsWith("-") ? attributes.refuse(key, "the firmware names none") : Number(text);
}

function readMigration(attributes: Attributes): MigrationSupport | undefined {
  const offered = attributes.matching("migration", /^(yes|no)$/, "yes or no");
  const features = attributes.text("migration/features")?.split("\n")
    .filter((feature) => feature !== "");
  return offered === undefined ? undefined : { offered: offered === "yes", features };
}

function readMdevType(attributes: Attributes): MdevType | undefined {
  const id = attributes.name("mdev_type");
  return id === undefined ? undefined : {
    id,
    name: attributes.name("mdev_type/name"),
    description: attributes.text("mdev_type/description"),
    availableInstances: attributes.count("mdev_type/available_instances"),
  };
}

/** As devlink prints it: `fixed:`, `running:` and `stored:`, and below each its versions. */
function readFirmware(text: string | undefined): Firmware | undefined {
  if (text === undefined) return undefined;
  const versions = new Map<string, string>();
  let kind = "";
  for (const line of text.split("\n", 1000)) {
    kind = /^\s*(fixed|running|stored):\s*$/.exec(line)?.[1] ?? kind;
    const [, name, version] = /^\s*(fw\S*)\s+(\S+)\s*$/.exec(line) ?? [];
    if (name !== undefined && version !== undefined) versions.set(`${kind} ${name}`, version);
  }
  return {
    version: versions.get("running fw.version") ?? versions.get("running fw"),
    psid: versions.get("fixed fw.psid"),
  };
}

function readDeclared(attributes: Attributes): Record<string, string | null> | undefined {
  const names = Array.from(attributes.keys())
    .flatMap((key) => key.startsWith(DECLARED) ? [key.slice(DECLARED.length)] : [])
    .filter(isAttributeName);
  if (names.length > MOST_ATTRIBUTES_READ) {
    throw new ProbeError(
      "too-large",
      `found ${names.length} attributes, wanted at most ${MOST_ATTRIBUTES_READ}`,
    );
  }
  const known = names.flatMap((name) => {
    const key = `${DECLARED}${name}`;
    const text = attributes.isNotThere(key) ? null : attributes.plainText(key);
    return text === undefined ? [] : [[name, text] as const];
  });
  return names.length === 0 ? undefined : Object.fromEntries(known);
}
