import {
  type ConfigView,
  type DeviceFacts,
  type DevicePair,
  type HostFacts,
  identify,
  type Migration,
  spaceOf,
} from "../policy/mod.ts";
import { hex } from "./hex.ts";
import { timeText } from "./written.ts";

/** A fact of both sides in words. */
export interface ComparedFact {
  /** What it is. */
  readonly name: string;
  /** What is known of the source. */
  readonly source: string;
  /** What is known of the destination. */
  readonly destination: string;
  /** Whether both sides are known, and differ in what a guest may notice. */
  readonly differs: boolean;
}

/** In place of a fact. */
export const NOT_KNOWN = "not known";

const BYTES_READ = "Bytes read";

/** What two healthy sides differ in. */
const DIFFER_ALWAYS = new Set(["Address", "NUMA node", "In use", BYTES_READ, "Facts gathered"]);

/**
 * The facts of a pair of devices, side by side.
 *
 * @param written When the report was made.
 */
export function deviceFacts(
  { source, destination }: DevicePair,
  written?: string,
): ComparedFact[] {
  const names = [source, destination].flatMap(({ attributes = {} }) => Object.keys(attributes));
  const attributes = [...new Set(names)].sort().map((name) =>
    [`sysfs ${name}`, (facts: DeviceFacts) => attributeText(facts.attributes?.[name])] as const
  );
  const read = ({ config }: DeviceFacts): string | undefined =>
    config !== undefined && "time" in config && typeof config.time === "string"
      ? timeText(config.time, written)
      : undefined;
  const described = { ...DEVICE_FACTS, [BYTES_READ]: read, ...Object.fromEntries(attributes) };
  return sideBySide(described, source, destination)
    .filter(({ name, ...sides }) => name !== BYTES_READ || isKnownAt(sides));
}

/**
 * The facts of both hosts, side by side.
 *
 * @param written When the report was made.
 */
export function hostFacts(
  { source, destination }: Migration,
  written: string | undefined,
): ComparedFact[] {
  const gathered = ({ time }: HostFacts): string | undefined => time && timeText(time, written);
  return sideBySide({ ...HOST_FACTS, "Facts gathered": gathered }, source, destination)
    .filter(({ name, ...sides }) => ALWAYS.includes(name) || isKnownAt(sides));
}

/** Whether one of both sides is known. */
function isKnownAt({ source, destination }: Pick<ComparedFact, "source" | "destination">): boolean {
  return source !== NOT_KNOWN || destination !== NOT_KNOWN;
}

type Describe<Side> = (side: Side) => string | undefined;

function sideBySide<Side>(
  facts: Readonly<Record<string, Describe<Side>>>,
  source: Side,
  destination: Side,
): ComparedFact[] {
  return Object.entries(facts).map(([name, describe]) => {
    const [from, to] = [describe(source), describe(destination)];
    const isKnown = from !== undefined && to !== undefined;
    return {
      name,
      source: from ?? NOT_KNOWN,
      destination: to ?? NOT_KNOWN,
      differs: isKnown && from !== to && !DIFFER_ALWAYS.has(name),
    };
  });
}

const HOST_FACTS: Readonly<Record<string, Describe<HostFacts>>> = {
  "QEMU": ({ qemu }) => qemu?.toString(),
  "libvirt": ({ libvirt }) => libvirt,
  "Kernel": ({ kernel }) => kernel,
  "NVIDIA driver": ({ nvidiaDriver }) => nvidiaDriver,
};

/** Of the hosts these are told where neither is known. */
const ALWAYS = ["QEMU", "Facts gathered"];

const VIEWS: Readonly<Record<ConfigView["kind"], string>> = {
  realize: "of the VFIO config region",
  running: "of the VFIO config region, while the guest runs",
  sysfs: "of sysfs",
  guest: "as the guest sees them",
};

const DEVICE_FACTS: Readonly<Record<string, Describe<DeviceFacts>>> = {
  "Address": ({ address }) => address,
  "Vendor and device": (facts) => {
    const { vendor, device } = identify(facts);
    return vendor === undefined || device === undefined
      ? undefined
      : `${hex(vendor, 4)}:${hex(device, 4)}`;
  },
  "Subsystem": ({ config }) => {
    const { subsystemVendor, subsystemDevice = 0 } = config === undefined
      ? {}
      : spaceOf(config.bytes).header;
    return subsystemVendor === undefined
      ? undefined
      : `${hex(subsystemVendor, 4)}:${hex(subsystemDevice, 4)}`;
  },
  "Class": (facts) => {
    const { class: code } = identify(facts);
    return code === undefined ? undefined : hex(code, 6);
  },
  "Revision": ({ config }) =>
    config === undefined ? undefined : hex(spaceOf(config.bytes).header.revision, 2),
  "BARs": ({ bars }) =>
    bars?.flatMap((size, index) => size === 0 ? [] : [`${index}: ${bytesText(size)}`])
      .join(", "),
  "Expansion ROM": ({ romSize }) => romSize === undefined ? undefined : bytesText(romSize),
  "Host driver": ({ driver }) => driver && [driver.name, driver.version].join(" ").trim(),
  "VFIO driver when managed": ({ managedDriver }) => managedDriver,
  "mdev type": ({ mdevType }) =>
    mdevType &&
    [mdevType.id, mdevType.name, mdevType.description].filter((text) => text !== undefined)
      .join(", "),
  "NUMA node": ({ numaNode }) => numaNode?.toString(),
  "In use": ({ inUse }) => inUse === undefined ? undefined : inUse ? "yes" : "no",
  "Config space": ({ config }) => {
    if (config === undefined) return undefined;
    const whose = config.derived ? ", of another device of its kind" : "";
    return `${config.bytes.length} bytes, ${VIEWS[config.kind]}${whose}`;
  },
};

function attributeText(value: string | null | undefined): string | undefined {
  return value === null ? "not there" : value;
}

function bytesText(size: number): string {
  const exponent = size === 0 ? 0 : Math.floor(Math.log2(size) / 10);
  const unit = ["bytes", "KiB", "MiB", "GiB", "TiB"][exponent];
  return unit !== undefined && Number.isInteger(size / 1024 ** exponent)
    ? `${size / 1024 ** exponent} ${unit}`
    : `${size} bytes`;
}
