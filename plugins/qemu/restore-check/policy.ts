import {
  checkMask,
  decodeConfigSpace,
  definePolicy,
  type DevicePair,
  failingBytes,
  fieldAt,
  formatBadConfig,
  formatRealizeFailure,
  get16,
  identify,
  isMachineTooNew,
  type Migration,
  parseVfioPciProperties,
  type PolicyFinding,
  QemuPropertyError,
  type RealizedDevice,
  v,
} from "premigrate/policy";
import { CODES } from "./codes.ts";
import documentation from "./README.md" with { type: "text" };
import { realizeScenarios, type Scenario } from "./scenarios.ts";
import { volatileBytes } from "./volatile.ts";

type Finding = PolicyFinding<keyof typeof CODES>;

/** QEMU's own comparison at restore, foretold. */
export const restoreCheck = definePolicy({
  id: "qemu/restore-check",
  title: "QEMU's comparison of config space at restore",
  documentation,
  match: {},
  needs: ["config"],
  options: v.strictObject({}),
  codes: CODES,
  *evaluate(pair, migration): Generator<Finding> {
    yield* checkMachine(migration);
    const blocking = [...checkFacts(pair, migration)];
    yield* blocking;
    if (blocking.length > 0) return;
    yield* checkBars(pair, migration);
    yield* foretell(pair, migration);
    yield* compareUnchecked(pair);
  },
});

function* checkMachine({ machine, source, destination }: Migration): Generator<Finding> {
  if (machine !== undefined && destination.qemu !== undefined) {
    if (isMachineTooNew(machine, destination.qemu)) {
      yield {
        code: "machine-too-new",
        data: { machine: machine.name, qemu: `${destination.qemu}` },
      };
    }
  }
  for (const [side, { qemu }] of [["source", source], ["destination", destination]] as const) {
    if (qemu !== undefined && !qemu.modelled) {
      yield { code: "qemu-not-modelled", data: { side, qemu: `${qemu}` } };
    }
  }
}

/** What keeps the model from being run at all. */
function* checkFacts(pair: DevicePair, migration: Migration): Generator<Finding> {
  for (const side of ["source", "destination"] as const) {
    const { config } = pair[side];
    if (config === undefined) {
      yield { code: "no-config", data: { side } };
    } else if (config.bytes.length < 256) {
      yield { code: "short-config", data: { side, length: config.bytes.length } };
    } else if (identify(pair[side]).vendor === undefined) {
      yield { code: "not-answering", data: { side } };
    } else if (config.kind !== "sysfs" && get16(config.bytes, 0) === 0xffff) {
      yield { code: "not-answering", data: { side } };
    }
    const { qemu } = migration[side];
    if (qemu !== undefined) yield* checkProperties(pair, side, qemu);
  }
}

function* checkProperties(
  { guest: { properties } }: DevicePair,
  side: "source" | "destination",
  qemu: Parameters<typeof parseVfioPciProperties>[1],
): Generator<Finding> {
  try {
    const { unmodelled = [] } = parseVfioPciProperties(properties, qemu);
    // Told once: both sides have the same properties.
    if (side === "source") return;
    for (const property of unmodelled) yield { code: "property-unmodelled", data: { property } };
  } catch (error) {
    if (!(error instanceof QemuPropertyError)) throw error;
    yield side === "destination"
      ? { code: "property-refused", data: { problem: error.message } }
      : { code: "source-impossible", data: { reason: error.message } };
  }
}

function* checkBars({ source, destination }: DevicePair, migration: Migration): Generator<Finding> {
  for (const [side, facts] of [["source", source], ["destination", destination]] as const) {
    if (facts.bars !== undefined) continue;
    yield {
      code: "bars-unknown",
      ...migration.bytesOnly ? { severity: "info" as const } : {},
      data: { side },
    };
  }
  if (source.bars === undefined || destination.bars === undefined) return;
  const sizes: [bar: number | string, from: number, to: number][] = [];
  for (let bar = 0; bar < 6; bar++) {
    sizes.push([bar, source.bars[bar] ?? 0, destination.bars[bar] ?? 0]);
  }
  sizes.push(["ROM", source.romSize ?? 0, destination.romSize ?? 0]);
  for (const [bar, from, to] of sizes) {
    if (from === to) continue;
    const code = from > 0 && to > from ? "bar-may-fail" : "bar-differs";
    yield { code, data: { bar, source: from, destination: to } };
  }
}

interface Outcome {
  readonly findings: readonly Finding[];
  readonly result: "passes" | "fails" | "undecided";
}

function* foretell(pair: DevicePair, migration: Migration): Generator<Finding> {
  const { all, missing } = realizeScenarios(pair, migration);
  const outcomes = all.map((scenario) => judge(scenario, pair));
  const likeliest = outcomes.at(-1);
  if (likeliest === undefined) return;
  if (outcomes.every(({ result }) => result === likeliest.result)) {
    yield* likeliest.findings;
    return;
  }
  const failing = outcomes.find(({ result }) => result === "fails") ?? likeliest;
  const at = failing.findings.find(({ offset }) => offset !== undefined);
  yield {
    code: "cannot-tell",
    offset: at?.offset ?? 0,
    data: {
      missing: [...missing, ...unsureViews(pair)].join(", ") || "the bytes that QEMU reads",
      field: at?.data?.field ?? "the whole device",
    },
  };
}

function unsureViews(pair: DevicePair): string[] {
  return (["source", "destination"] as const)
    .filter((side) => pair[side].config?.kind === "sysfs")
    .map((side) =>
      `the ${side}'s VFIO config region (sysfs shows more than the kernel's vfio-pci)`
    );
}

function judge({ source, destination }: Scenario, pair: DevicePair): Outcome {
  const isExact = (side: "source" | "destination"): boolean =>
    pair[side].config?.kind === "realize";
  if (!destination.ok) {
    const data = { reason: formatRealizeFailure(destination.reason) };
    return isExact("destination")
      ? { result: "fails", findings: [{ code: "destination-refuses", data }] }
      : { result: "undecided", findings: [{ code: "destination-may-refuse", data }] };
  }
  if (!source.ok) {
    const data = { reason: formatRealizeFailure(source.reason) };
    return { result: "undecided", findings: [{ code: "source-impossible", data }] };
  }
  const differing = failingBytes(source.shadow, destination);
  const unsure = isExact("source") && isExact("destination")
    ? new Set<number>()
    : volatileBytes(destination.shadow);
  const certain = differing.filter(({ offset }) => !unsure.has(offset));
  const [bad] = certain;
  const space = decodeConfigSpace(destination.shadow);
  if (bad !== undefined) {
    const data = {
      field: fieldAt(space, bad.offset).name,
      line: formatBadConfig(bad),
      read: bad.read,
      device: bad.device,
      cmask: bad.cmask,
      wmask: bad.wmask,
      w1cmask: bad.w1cmask,
      failing: certain.length,
    };
    return { result: "fails", findings: [{ code: "will-fail", offset: bad.offset, data }] };
  }
  if (source.shadow.length !== destination.shadow.length) {
    const data = { source: source.shadow.length, destination: destination.shadow.length };
    return { result: "fails", findings: [{ code: "out-of-step", data }] };
  }
  const findings: Finding[] = [
    ...compareExempt(source, destination),
    ...missing(source, destination),
  ];
  const [changing] = differing;
  if (changing !== undefined) {
    const field = fieldAt(space, changing.offset).name;
    const data = { count: differing.length, field };
    findings.unshift({ code: "may-fail", offset: changing.offset, data });
  } else {
    findings.unshift({ code: "will-pass", data: countBytes(destination) });
  }
  return { result: "passes", findings };
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

function* missing(source: RealizedDevice, destination: RealizedDevice): Generator<Finding> {
  const own = decodeConfigSpace(destination.shadow);
  const sent = decodeConfigSpace(source.shadow);
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
