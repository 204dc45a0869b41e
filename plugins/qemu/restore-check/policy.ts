import {
  type BadConfig,
  checkMask,
  type ConfigView,
  definePolicy,
  type DeviceFacts,
  type DevicePair,
  failingBytes,
  fieldAt,
  formatBadConfig,
  formatRealizeFailure,
  get16,
  get32,
  identify,
  isMachineTooNew,
  type Migration,
  ownFacts,
  type PolicyFinding,
  propertiesOf,
  type RealizedDevice,
  resolveAlias,
  type Side,
  SIDES,
  spaceOf,
  v,
} from "premigrate/policy";
import { CODES } from "./codes.ts";
import documentation from "./README.md" with { type: "text" };
import { checkRomFile } from "./rom_file.ts";
import { possibleQemus, realizeScenarios, type Scenario } from "./scenarios.ts";
import { changingBytes, unsureBytes } from "./unsure_bytes.ts";

type Finding = PolicyFinding<typeof CODES>;

/** Predicts QEMU's own comparison at restore. */
export default definePolicy({
  id: "qemu/restore-check",
  title: "QEMU's comparison of config space at restore",
  documentation,
  match: {},
  judgesBytesAlone: true,
  options: v.strictObject({}),
  codes: CODES,
  *evaluate(given, migration): Generator<Finding> {
    // What sysfs shows of a virtual function with a vGPU in it is not what QEMU will open.
    const source = ownFacts(given.source);
    const destination = ownFacts(given.destination);
    const pair = { ...given, source, destination };
    yield* checkVersions(pair, migration);
    yield* checkRomFile(pair, migration);
    const blocking = [...checkFacts(pair, migration)];
    yield* blocking;
    if (blocking.length > 0) return;
    yield* checkBars(pair, migration);
    yield* checkExtended(pair, migration);
    yield* predictRestore(pair, migration);
    yield* compareUnchecked(pair);
  },
});

function* checkVersions(pair: DevicePair, migration: Migration): Generator<Finding> {
  const { source, destination } = migration;
  const machine = migration.machine && resolveAlias(migration.machine, source.qemu);
  if (machine !== undefined && destination.qemu !== undefined) {
    if (isMachineTooNew(machine, destination.qemu)) {
      yield {
        code: "machine-too-new",
        data: { machine: machine.name, qemu: `${destination.qemu}` },
      };
    }
  }
  const known = destination.machineTypes;
  if (machine !== undefined && known !== undefined && !known.includes(machine.type)) {
    yield { code: "machine-missing", data: { machine: machine.name } };
  }
  if (!migration.bytesOnly) {
    if (machine === undefined) yield { code: "machine-not-known" };
    else if (known === undefined) {
      yield { code: "machine-types-not-known", data: { machine: machine.name } };
    }
  }
  for (const side of SIDES) {
    const { qemu } = migration[side];
    const { accepting, refusal } = possibleQemus(pair, migration, side);
    // Beyond the versions that are modelled there are others.
    if (qemu === undefined && !migration.bytesOnly) {
      yield { code: "qemu-not-known", data: { side } };
    }
    if (qemu !== undefined && !qemu.modelled) {
      yield { code: "qemu-not-modelled", data: { side, qemu: `${qemu}` } };
    } else if (accepting.length === 0 && refusal === undefined) {
      const data = { side, qemu: `with machine type ${machine?.name}` };
      yield { code: "qemu-not-modelled", data };
    } else if (side === "destination" && accepting.length > 0 && refusal !== undefined) {
      yield { code: "property-may-be-refused", data: { property: refusal.property } };
    }
  }
}

/** What keeps the model from being run at all. */
function* checkFacts(pair: DevicePair, migration: Migration): Generator<Finding> {
  for (const side of SIDES) {
    const { config } = pair[side];
    if (config === undefined) {
      const isMdev = !pair[side].address.includes(":");
      yield {
        code: "no-config",
        data: { side, ...isMdev && { remedy: `a mediated device on the ${side}` } },
      };
    } else if (config.bytes.length < 256) {
      yield { code: "short-config", data: { side, length: config.bytes.length } };
    } else if (identify(pair[side]).vendor === undefined) {
      yield { code: "not-answering", data: { side } };
    } else if (config.kind !== "sysfs" && get16(config.bytes, 0) === 0xffff) {
      yield { code: "not-answering", data: { side } };
    }
    yield* checkProperties(pair, migration, side);
  }
}

function* checkProperties(pair: DevicePair, migration: Migration, side: Side): Generator<Finding> {
  const { accepting, refusal } = possibleQemus(pair, migration, side);
  const likeliest = accepting.at(-1);
  if (likeliest === undefined) {
    if (refusal === undefined) return;
    yield side === "destination"
      ? { code: "property-refused", data: { problem: refusal.message } }
      : { code: "source-impossible", data: { reason: refusal.message } };
  } else if (side === "destination") {
    // Told once: both sides have the same properties.
    const { unmodelled = [] } = propertiesOf(pair.guest.properties, likeliest);
    for (const property of unmodelled) yield { code: "property-unmodelled", data: { property } };
  }
}

function* checkBars(pair: DevicePair, migration: Migration): Generator<Finding> {
  const { source, destination } = pair;
  for (const side of SIDES) {
    if (pair[side].bars !== undefined) continue;
    yield {
      code: "bars-unknown",
      severity: migration.bytesOnly ? "info" : undefined,
      data: { side },
    };
  }
  if (source.bars === undefined || destination.bars === undefined) return;
  const sizes: [bar: number | string, from: number, to: number][] = [];
  for (let bar = 0; bar < 6; bar++) {
    sizes.push([bar, source.bars[bar] ?? 0, destination.bars[bar] ?? 0]);
  }
  if (!Object.hasOwn(pair.guest.properties, "romfile")) {
    for (const side of SIDES) {
      if (pair[side].romSize !== undefined || migration.bytesOnly) continue;
      yield { code: "rom-size-unknown", data: { side } };
    }
    if (source.romSize !== undefined && destination.romSize !== undefined) {
      sizes.push(["ROM", source.romSize, destination.romSize]);
    }
  }
  for (const [bar, from, to] of sizes) {
    if (from === to) continue;
    const data = { bar, source: from, destination: to };
    if (from === 0 || to < from) yield { code: "bar-differs", data };
    else yield { code: findBarOutcome(source, bar, from, to), data };
  }
}

/** What a bigger BAR does depends on the guest's address, which a view of the running guest tells. */
function findBarOutcome(
  { config }: DeviceFacts,
  bar: number | string,
  from: number,
  to: number,
): "bar-will-fail" | "bar-may-fail" | "bar-differs" {
  const isGuests = (config?.kind === "guest" || config?.kind === "running") && !config.derived;
  const address = isGuests && typeof bar === "number" ? barAddress(config.bytes, bar) : undefined;
  // A driver that does not keep what the guest wrote shows 0, where firmware maps no BAR.
  if (address === undefined || address === 0n) return "bar-may-fail";
  return address % BigInt(to) < BigInt(from) ? "bar-differs" : "bar-will-fail";
}

/** Where the guest has put a memory BAR (PCI 3.0, 6.2.5.1); `undefined` where it has not yet. */
function barAddress(bytes: Uint8Array, bar: number): bigint | undefined {
  const at = 0x10 + 4 * bar;
  const low = get32(bytes, at);
  const isMemory = (low & 1) === 0;
  const isMapped = (get16(bytes, 0x04) & 0x02) !== 0;
  if (!isMemory || !isMapped) return undefined;
  const high = (low & 6) === 4 && bar < 5 ? get32(bytes, at + 4) : 0;
  return BigInt(high) << 32n | BigInt((low & ~0xf) >>> 0);
}

// lspci -xxx shows 256 bytes of any device, and two such dumps are all that was asked about.
function* checkExtended(pair: DevicePair, { bytesOnly }: Migration): Generator<Finding> {
  const { bus } = pair.guest;
  if (bus === "pci" || bus === "pci-under-pcie") return;
  const cut = SIDES.filter((side) => {
    const { config } = pair[side];
    if (config?.bytes.length !== 256 || (isRegion(config) && !bytesOnly)) return false;
    return spaceOf(config.bytes).capabilities.some(({ id }) => id === 0x10);
  });
  if (cut.length === 0) return;
  yield {
    code: "extended-unknown",
    severity: bytesOnly && cut.length === 2 ? "warn" : undefined,
    data: { side: cut.join(" and ") },
  };
}

/** Read of the VFIO config region, which has no other size. */
function isRegion({ kind }: ConfigView): boolean {
  return kind === "realize" || kind === "running";
}

interface Outcome {
  readonly result: "passes" | "fails" | "undecided";
  readonly findings: Iterable<Finding>;
}

function* predictRestore(pair: DevicePair, migration: Migration): Generator<Finding> {
  const { all, missing } = realizeScenarios(pair, migration);
  const outcomes = all.map((scenario) => judge(scenario, pair));
  const passing = outcomes.findLast(({ result }) => result === "passes");
  const failing = outcomes.findLast(({ result }) => result === "fails");
  const undecided = outcomes.findLast(({ result }) => result === "undecided");
  if (passing === undefined || failing === undefined) {
    yield* (undecided ?? failing ?? passing)?.findings ?? [];
    return;
  }
  const [at] = failing.findings;
  yield {
    code: "cannot-tell",
    offset: at?.offset,
    data: {
      missing: [...missing, ...unsureViews(pair)].join(", "),
      failure: at?.data?.field ?? at?.data?.reason ?? "out of step",
    },
  };
}

function unsureViews(pair: DevicePair): string[] {
  return SIDES.filter((side) => pair[side].config?.kind === "sysfs").map((side) =>
    `the ${side}'s VFIO config region (sysfs shows more than the kernel's vfio-pci)`
  );
}

function judge({ source, destination }: Scenario, pair: DevicePair): Outcome {
  const configs = SIDES.flatMap((side) => pair[side].config ?? []);
  const isDerived = configs.some(({ derived }) => derived);
  const isRunning = configs.some(({ kind }) => kind === "running");
  const hasArrived = configs.some(({ arrived }) => arrived);
  const areRegions = !isDerived && configs.every(isRegion);
  const own = pair.destination.config;
  if (!destination.ok) {
    const data = { reason: formatRealizeFailure(destination.reason) };
    return own !== undefined && isRegion(own) && !own.derived
      ? { result: "fails", findings: [{ code: "destination-refuses", data }] }
      : { result: "undecided", findings: [{ code: "destination-may-refuse", data }] };
  }
  if (!source.ok) {
    const data = { reason: formatRealizeFailure(source.reason) };
    return { result: "undecided", findings: [{ code: "source-impossible", data }] };
  }
  const differing = failingBytes(source.shadow, destination);
  const changing = isRunning
    ? changingBytes(destination.shadow, source.shadow, hasArrived)
    : new Set<number>();
  const unsure = isDerived
    ? new Set(destination.shadow.keys())
    : areRegions
    ? changing
    : changing.union(unsureBytes(destination.shadow, own?.kind === "guest"));
  const certain = differing.filter(({ offset }) => !unsure.has(offset));
  const [bad] = certain;
  if (bad !== undefined) {
    return { result: "fails", findings: nameFailure(bad, certain.length, destination) };
  }
  if (source.shadow.length !== destination.shadow.length) {
    const data = { source: source.shadow.length, destination: destination.shadow.length };
    return areRegions
      ? { result: "fails", findings: [{ code: "out-of-step", data }] }
      : { result: "undecided", findings: [{ code: "out-of-step", severity: "undecided", data }] };
  }
  // What may have changed since QEMU read it decides, equal or not.
  const compared = [...changing].filter((at) => checkMask(destination, at) !== 0);
  return {
    // What may fail must not be passed over for a reading of the bytes in which nothing does.
    result: differing.length > 0 || compared.length > 0 ? "undecided" : "passes",
    findings: isDerived
      ? nameWhatIsExpected(source, destination, differing, compared)
      : nameWhatPasses(source, destination, differing, { unsure, compared }),
  };
}

/** Bytes of another device of the kind say what to expect, and no more. */
function* nameWhatIsExpected(
  source: RealizedDevice,
  destination: RealizedDevice,
  [bad, ...others]: readonly BadConfig[],
  changing: readonly number[],
): Generator<Finding> {
  if (bad === undefined) {
    yield { code: "as-expected", data: countBytes(destination) };
    yield* nameWhatIsEqual(changing, "undecided");
  } else {
    const field = fieldAt(spaceOf(destination.shadow), bad.offset).name;
    const data = { field, count: 1 + others.length, line: formatBadConfig(bad) };
    yield { code: "expected-to-fail", offset: bad.offset, data };
  }
  yield* compareExempt(source, destination);
  yield* compareCapabilities(source, destination);
}

function* nameFailure(bad: BadConfig, failing: number, device: RealizedDevice): Generator<Finding> {
  const { offset, ...numbers } = bad;
  const field = fieldAt(spaceOf(device.shadow), offset).name;
  const line = formatBadConfig(bad);
  const remedy = field.startsWith("Vendor Specific") ? { remedy: "a VSC" } : {};
  yield { code: "will-fail", offset, data: { field, line, ...numbers, failing, ...remedy } };
}

function* nameWhatPasses(
  source: RealizedDevice,
  destination: RealizedDevice,
  differing: readonly BadConfig[],
  { unsure, compared }: {
    readonly unsure: ReadonlySet<number>;
    /** Of the bytes that were read of a running device, those that decide and may have changed. */
    readonly compared: readonly number[];
  },
): Generator<Finding> {
  const [changing] = differing;
  if (changing !== undefined) {
    const { offset } = changing;
    const field = fieldAt(spaceOf(destination.shadow), offset).name;
    yield { code: "may-fail", offset, data: { count: differing.length, field } };
  } else if (compared.length > 0) {
    yield* nameWhatIsEqual(compared, "undecided");
  } else {
    yield { code: "will-pass", data: countBytes(destination) };
    yield* nameWhatIsEqual([...unsure].filter((at) => checkMask(destination, at) !== 0));
  }
  yield* compareExempt(source, destination);
  yield* compareCapabilities(source, destination);
}

function* nameWhatIsEqual(
  offsets: readonly number[],
  severity?: "undecided",
): Generator<Finding> {
  const [offset, ...others] = offsets.toSorted((a, b) => a - b);
  if (offset === undefined) return;
  yield { code: "equal-for-now", severity, offset, data: { count: 1 + others.length } };
}

function countBytes(device: RealizedDevice): { compared: number; exempt: number } {
  let compared = 0;
  for (let offset = 0; offset < device.shadow.length; offset++) {
    if (checkMask(device, offset) !== 0) compared++;
  }
  const exempt = device.exempt.reduce((sum, [start, end]) => sum + end - start, 0);
  return { compared, exempt };
}

function* compareExempt(source: RealizedDevice, destination: RealizedDevice): Generator<Finding> {
  const differing: number[] = [];
  for (const [start, end] of destination.exempt) {
    for (let offset = start; offset < end; offset++) {
      if (source.shadow[offset] !== destination.shadow[offset]) differing.push(offset);
    }
  }
  const [offset] = differing;
  if (offset !== undefined) {
    yield { code: "exempt-differs", offset, data: { count: differing.length } };
  }
}

function* compareCapabilities(
  source: RealizedDevice,
  destination: RealizedDevice,
): Generator<Finding> {
  const own = spaceOf(destination.shadow);
  const sent = spaceOf(source.shadow);
  for (const chain of ["capabilities", "extended"] as const) {
    const there = new Set(own[chain].map(({ offset, id }) => `${id}@${offset}`));
    for (const { offset, id, name } of sent[chain]) {
      if (there.has(`${id}@${offset}`)) continue;
      yield { code: "capability-only-at-source", offset, data: { name } };
    }
  }
}

const UNCHECKED = [
  ["subsystem vendor id", 0x2c, 2],
  ["subsystem id", 0x2e, 2],
  ["interrupt pin", 0x3d, 1],
] as const;

function* compareUnchecked({ source, destination }: DevicePair): Generator<Finding> {
  const [from, to] = [source.config?.bytes, destination.config?.bytes];
  if (from === undefined || to === undefined) return;
  const differing = UNCHECKED.filter(([, start, length]) =>
    from.subarray(start, start + length).join() !== to.subarray(start, start + length).join()
  );
  const [first] = differing;
  if (first === undefined) return;
  const fields = differing.map(([name]) => name).join(", ");
  yield { code: "unchecked-differs", offset: first[1], data: { fields } };
}
