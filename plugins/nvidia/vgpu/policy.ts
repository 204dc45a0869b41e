import {
  definePolicy,
  type DeviceFacts,
  type DevicePair,
  get16,
  type Migration,
  type NvmlCompatibility,
  ownFacts,
  type PolicyFinding,
  redHatRelease,
  type Side,
  SIDES,
  skipsVscCheck,
  spaceOf,
  v,
} from "premigrate/policy";
import { findVscs, hostDriver, ownRegion, type Vsc } from "../body.ts";
import { CODES } from "./codes.ts";
import documentation from "./README.md" with { type: "text" };

type Finding = PolicyFinding<typeof CODES>;
const CREATABLE = "nvidia/creatable_vgpu_types";
const PARAMETERS = "nvidia/vgpu_params";

const OPTIONS = v.strictObject({
  drivers: v.pipe(
    v.optional(v.picklist(["equal", "same-branch", "any"]), "any"),
    v.description("Which pairs of host drivers are accepted, besides what QEMU and NVML say"),
  ),
});
type Options = v.InferOutput<typeof OPTIONS>;

/** NVIDIA vGPUs: their types, the drivers on both sides, and what NVML says. */
export default definePolicy({
  id: "nvidia/vgpu",
  title: "NVIDIA vGPU: type, capacity, drivers",
  documentation,
  match: { vendors: [0x10de] },
  attributes: [CREATABLE, PARAMETERS],
  judgesUnread: true,
  options: OPTIONS,
  codes: CODES,
  *evaluate(pair, migration, options): Generator<Finding> {
    if (!SIDES.some((side) => isVgpu(pair[side]))) {
      // That one side has no vGPU says nothing of the other.
      const told = SIDES.filter((side) => pair[side].vgpuType !== undefined);
      if (told.length !== 1) return;
      const [source, destination] = SIDES.map((side) => nameOf(typeOf(pair[side])));
      yield { code: "type-unknown", data: { source: `${source}`, destination: `${destination}` } };
      return;
    }
    yield* checkType(pair, migration);
    yield* checkHostDrivers(pair, migration, options);
    yield* checkVgpuVersion(pair);
    yield* checkGuestDriver(pair, migration);
    yield* checkModes(pair);
    yield* checkParameters(pair);
    yield* checkHypervisors(migration);
  },
});

function isVgpu({ address, mdevType, vgpuType = 0 }: DeviceFacts): boolean {
  return mdevType !== undefined || vgpuType > 0 || isMdev(address);
}

/** An mdev's address is its UUID. */
function isMdev(address: string): boolean {
  return !address.includes(":");
}

function* checkType(pair: DevicePair, migration: Migration): Generator<Finding> {
  const { source, destination } = pair;
  const [from, to] = [typeOf(source), typeOf(destination)];
  const drivers = hostDrivers(pair, migration);
  // A type's number may be another one in another driver; its name is not.
  const isOneDriver = drivers.source !== undefined && drivers.source === drivers.destination;
  const isSame = (type: VgpuType): boolean =>
    from.name !== undefined && type.name !== undefined
      ? from.name === type.name
      : isOneDriver && from.id !== undefined && from.id === type.id;
  if (destination.mdevType === undefined && destination.vgpuType === 0) {
    const types = creatableTypes(destination);
    const isFull = types !== undefined && (from.name !== undefined || isOneDriver) &&
      !types.some(isSame);
    yield { code: isFull ? "no-capacity" : "not-created", data: { type: nameOf(from) } };
    return;
  }
  const areNamed = from.name !== undefined && to.name !== undefined;
  const areNumbers = areNumbered(pair, from, to);
  if (areNamed || (areNumbers && isOneDriver)) {
    if (isSame(to)) return;
    yield { code: "type-differs", data: { source: nameOf(from), destination: nameOf(to) } };
  } else if (!areNumbers || !isTypeInBytes(pair, drivers)) {
    yield { code: "type-unknown", data: { source: nameOf(from), destination: nameOf(to) } };
  }
}

// An mdev's type has its name beside it in sysfs: one without is not known.
function areNumbered(pair: DevicePair, from: VgpuType, to: VgpuType): boolean {
  return from.id !== undefined && to.id !== undefined &&
    SIDES.every((side) => pair[side].mdevType === undefined);
}

/**
 * Whether the types' numbers cannot be compared, being those of two drivers, and the subsystem id in
 * the bytes is the type: nvidia/vsc compares that. A type in use has no name where no more of it can be
 * made. Bytes that QEMU did not read of this device are no evidence.
 */
function isTypeInBytes(
  pair: DevicePair,
  { source, destination }: Drivers,
): boolean {
  return source !== undefined && destination !== undefined &&
    SIDES.every((side) => {
      const { config } = pair[side];
      const isRegion = config?.kind === "realize" || config?.kind === "running";
      return isRegion && config.derived !== true && answers(pair[side]);
    });
}

interface VgpuType {
  readonly id: number | undefined;
  readonly name: string | undefined;
}

function typeOf(facts: DeviceFacts): VgpuType {
  const { mdevType, vgpuType } = facts;
  if (mdevType !== undefined) {
    const [, id] = /^nvidia-([0-9]{1,9})$/.exec(mdevType.id) ?? [];
    return { id: id === undefined ? undefined : Number(id), name: plain(mdevType.name) };
  }
  const found = creatableTypes(facts)?.find(({ id }) => id === vgpuType);
  return found ?? { id: vgpuType, name: undefined };
}

/** What NVIDIA's driver could make of a VF now, a line each: `558   : NVIDIA A40-2Q`. */
function creatableTypes({ attributes = {} }: DeviceFacts): VgpuType[] | undefined {
  return attributes[CREATABLE]?.split("\n").flatMap((line) => {
    const [, id, name] = /^\s*([0-9]{1,9})\s*:\s*(\S.*?)\s*$/.exec(line) ?? [];
    return id === undefined ? [] : [{ id: Number(id), name: plain(name) }];
  });
}

// Drivers have called types both GRID and NVIDIA.
function plain(name: string | undefined): string | undefined {
  return name?.replace(/^(GRID|NVIDIA) /, "");
}

function nameOf({ id, name }: VgpuType): string {
  return name ?? (id === undefined ? "an unknown type" : `type ${id}`);
}

/** Bytes in which the vGPU's own ids are. */
function answers(facts: DeviceFacts): boolean {
  const { config } = ownFacts(facts);
  return config !== undefined && config.bytes.length >= 64 && get16(config.bytes, 0) !== 0xffff;
}

type Drivers = Readonly<Record<Side, string | undefined>>;

function hostDrivers(pair: DevicePair, migration: Migration): Drivers {
  const of = (side: Side): string | undefined =>
    migration[side].nvidiaDriver ?? pair[side].driver?.version;
  return { source: of("source"), destination: of("destination") };
}

function* checkHostDrivers(
  pair: DevicePair,
  migration: Migration,
  { drivers: accepted }: Options,
): Generator<Finding> {
  const answer = pair.destination.nvml?.compatibility;
  const isAnswered = answer?.source === pair.source.address;
  if (answer !== undefined && isAnswered) yield nameAnswer(answer);
  const { source, destination } = hostDrivers(pair, migration);
  if (source === undefined || destination === undefined) {
    if (accepted !== "any") yield { code: "host-driver-unknown", data: { accepted } };
    return;
  }
  if (source === destination) return;
  const data = { source, destination, accepted };
  if (accepted === "equal" || (accepted === "same-branch" && !isSameBranch(source, destination))) {
    yield { code: "host-driver-differs", severity: "veto", data };
    return;
  }
  const skips = skipsVscCheck(pair, migration);
  // Where bytes are known, nvidia/vsc tells what QEMU makes of them.
  if (skips === true || SIDES.every((side) => answers(pair[side]))) {
    if (!isAnswered && !areInBytes(pair, data)) yield { code: "host-driver-differs", data };
  } else {
    const severity = skips === false ? "veto" : "undecided";
    yield { code: "host-driver-compared", severity, data };
  }
}

// nvidia/vsc names both drivers where each side's bytes do, whatever becomes of the bytes.
function areInBytes(pair: DevicePair, versions: Readonly<Record<Side, string>>): boolean {
  const [from, to] = SIDES.map((side) => driverCapability(pair[side], versions[side]));
  return from !== undefined && from.offset === to?.offset && from.next === to.next;
}

/** The Vendor Specific Capability that holds this driver, and no more. */
function driverCapability(facts: DeviceFacts, version: string): Vsc | undefined {
  const bytes = ownRegion(facts);
  // A list that is not in order may be another one to QEMU.
  if (bytes === undefined || bytes.length < 256 || spaceOf(bytes).problems.length > 0) {
    return undefined;
  }
  const [vsc] = findVscs(bytes);
  const isOnly = vsc?.length === 0x1b && hostDriver(vsc)?.version === version;
  return isOnly ? vsc : undefined;
}

function isSameBranch(...versions: readonly string[]): boolean {
  return new Set(versions.map((version) => version.split(".")[0])).size === 1;
}

// nvml.h: nvmlVgpuVmCompatibility_t, nvmlVgpuPgpuCompatibilityLimitCode_t
const LIVE = 8;
const LIMITS = [[1, "host driver"], [2, "guest driver"], [4, "GPU"]] as const;

function nameAnswer({ vm, limit }: NvmlCompatibility): Finding {
  if ((vm & LIVE) !== 0) return { code: "nvml-accepts" };
  const limits = LIMITS.filter(([bit]) => (limit & bit) !== 0).map(([, name]) => name);
  return { code: "nvml-refuses", data: { limits: limits.join(", ") || "another reason" } };
}

function* checkVgpuVersion({ source, destination }: DevicePair): Generator<Finding> {
  const version = source.nvml?.guestVgpuVersion;
  const range = destination.nvml?.hostVgpuRange;
  if (version === undefined || range === undefined) return;
  if (version >= range.min && version <= range.max) return;
  yield { code: "vgpu-version-out-of-range", data: { version, ...range } };
}

// The driver branches of the vGPU software, 8 to 20 (its release notes, 1.1), and others between
// them. A guest's driver on Windows has a number of its own that follows its branch's: 538.33 is of
// R535. `lts` are the long-term support branches (NVIDIA Data Center Drivers, "Supported Drivers").
const BRANCHES: readonly (readonly [first: number, kind: "vgpu" | "lts" | "other"])[] = [
  [418, "lts"],
  [430, "vgpu"],
  [440, "vgpu"],
  [450, "lts"],
  [455, "other"],
  [460, "vgpu"],
  [465, "other"],
  [470, "lts"],
  [495, "other"],
  [510, "vgpu"],
  [515, "other"],
  [525, "vgpu"],
  [530, "other"],
  [535, "lts"],
  [545, "other"],
  [550, "vgpu"],
  [555, "other"],
  [570, "vgpu"],
  [575, "other"],
  [580, "lts"],
  [590, "other"],
  [595, "vgpu"],
  [600, "other"],
];

function* checkGuestDriver(pair: DevicePair, migration: Migration): Generator<Finding> {
  const guest = pair.source.nvml?.guestDriver;
  const host = hostDrivers(pair, migration).destination;
  if (guest === undefined || host === undefined) return;
  if (isSameBranch(guest, host) || takesGuestDriver(host, guest)) return;
  yield { code: "guest-driver-out-of-range", data: { guest, host } };
}

/**
 * A manager takes guest drivers of its own branch and of the one before, and one of a long-term
 * support branch also those of the long-term support branch before (vGPU release notes 19.0, 1.2).
 */
function takesGuestDriver(manager: string, guest: string): boolean {
  const of = (version: string): number =>
    BRANCHES.findLastIndex(([first]) => first <= Number(version.split(".")[0]));
  const [own, its] = [of(manager), of(guest)];
  const before = (kinds: readonly string[]): number =>
    BRANCHES.slice(0, own).findLastIndex(([, kind]) => kinds.includes(kind));
  const kind = BRANCHES[own]?.[1];
  if (kind === undefined || kind === "other") return false;
  return its === own || its === before(["vgpu", "lts"]) ||
    (kind === "lts" && its >= 0 && its === before(["lts"]));
}

function* checkModes({ source, destination }: DevicePair): Generator<Finding> {
  const [from, to] = [source.nvml?.ecc, destination.nvml?.ecc];
  if (from === undefined || to === undefined || from === to) return;
  const data = { mode: "ECC", source: from ? "on" : "off", destination: to ? "on" : "off" };
  yield { code: "gpu-mode-differs", data };
}

function* checkParameters(pair: DevicePair): Generator<Finding> {
  for (const side of SIDES) {
    for (const [parameter] of pair[side].attributes?.[PARAMETERS]?.matchAll(BLOCKING) ?? []) {
      yield { code: "parameter-blocks", data: { side, parameter } };
    }
  }
}

const BLOCKING = /\benable_(?:uvm|debugging|profiling)=1\b/g;

function* checkHypervisors({ source, destination }: Migration): Generator<Finding> {
  const [from, to] = [source.kernel, destination.kernel].map((kernel) =>
    redHatRelease(kernel ?? "")
  );
  if (from === undefined || to === undefined) return;
  const [older, newer] = from.major < to.major ? [from, to] : [to, from];
  if (older.major !== 9 || older.minor !== 4 || newer.major < 10) return;
  const name = ({ major, minor }: typeof from): string =>
    minor === undefined ? `${major}` : `${major}.${minor}`;
  yield { code: "hypervisors-unsupported", data: { source: name(from), destination: name(to) } };
}
