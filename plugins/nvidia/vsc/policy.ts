import {
  byStandIn,
  definePolicy,
  type DevicePair,
  get16,
  type Migration,
  type PolicyFinding,
  resolveAlias,
  showsFunctionOnly,
  type Side,
  SIDES,
  skipsVscCheck,
  v,
} from "premigrate/policy";
import {
  findVscs,
  type HostDriver,
  hostDriver,
  ownRegion,
  unknownRecords,
  type Vsc,
  type VscRecord,
} from "../body.ts";
import { CODES } from "./codes.ts";
import documentation from "./README.md" with { type: "text" };

type Finding = PolicyFinding<typeof CODES>;

const OPTIONS = v.strictObject({
  drivers: v.pipe(
    v.optional(v.picklist(["equal", "same-branch", "any"]), "any"),
    v.description("Which pairs of host drivers are accepted where QEMU leaves the body uncompared"),
  ),
  unknownRecords: v.pipe(
    v.optional(v.picklist(["note", "veto"]), "note"),
    v.description("Whether a record of unknown meaning forbids the migration"),
  ),
});
type Options = v.InferOutput<typeof OPTIONS>;

/** The Vendor Specific Capability of NVIDIA GPUs and vGPUs, compared or not. */
export default definePolicy({
  id: "nvidia/vsc",
  title: "NVIDIA's Vendor Specific Capability",
  documentation,
  match: { vendors: [0x10de] },
  judgesBytesAlone: true,
  options: OPTIONS,
  codes: CODES,
  evaluate: (pair, migration, options): Iterable<Finding> =>
    byStandIn(pair, CODES, judge(pair, migration, options)),
});

function* judge(pair: DevicePair, migration: Migration, options: Options): Generator<Finding> {
  const unlike = [...findVirtualFunctions(pair)];
  yield* unlike;
  const [from, to] = [ownRegion(pair.source), ownRegion(pair.destination)];
  // What is missing, and what does not answer, qemu/restore-check says.
  if (unlike.length > 0 || from === undefined || to === undefined) return;
  yield* compareSubsystems(from, to);
  if (from.length < 256 || to.length < 256) return;
  const [sources, destinations] = [findVscs(from), findVscs(to)];
  if (sources.length !== destinations.length) {
    const data = { what: "number", source: sources.length, destination: destinations.length };
    yield { code: "header-differs", data };
  }
  for (const [index, source] of sources.entries()) {
    const destination = destinations[index];
    if (destination === undefined) continue;
    const headers = [...compareHeaders(source, destination)];
    yield* headers;
    if (headers.length > 0) continue;
    yield* compareBodies(source, destination, { pair, migration, options });
  }
}

function* findVirtualFunctions(pair: DevicePair): Generator<Finding> {
  for (const side of SIDES) {
    if (showsFunctionOnly(pair[side])) yield { code: "virtual-function", data: { side } };
  }
}

function* compareSubsystems(from: Uint8Array, to: Uint8Array): Generator<Finding> {
  const [source, destination] = [from, to].map((bytes) =>
    [0x2c, 0x2e].map((at) => get16(bytes, at).toString(16).padStart(4, "0")).join(":")
  );
  if (source === undefined || destination === undefined || source === destination) return;
  yield { code: "subsystem-differs", offset: 0x2c, data: { source, destination } };
}

function* compareHeaders(source: Vsc, destination: Vsc): Generator<Finding> {
  const fields = [
    ["offset", source.offset, 0],
    ["next pointer", source.next, 1],
    ["length", source.length, 2],
  ] as const;
  const own = [destination.offset, destination.next, destination.length];
  for (const [index, [what, value, at]] of fields.entries()) {
    const other = own[index] ?? 0;
    if (value === other) continue;
    const data = {
      what,
      source: `0x${value.toString(16)}`,
      destination: `0x${other.toString(16)}`,
    };
    yield { code: "header-differs", offset: source.offset + at, data };
  }
}

function* compareBodies(
  source: Vsc,
  destination: Vsc,
  { pair, migration, options }: {
    readonly pair: DevicePair;
    readonly migration: Migration;
    readonly options: Options;
  },
): Generator<Finding> {
  const differing = differingOffsets(source, destination);
  const [first] = differing;
  if (first === undefined) {
    yield* compareDrivers(source, destination, options);
    yield* noteUnknownRecords(source, destination, options);
    return;
  }
  const skip = skipsVscCheck(pair, migration);
  if (skip !== true) {
    const by = nameComparer(pair, migration);
    if (skip === false) {
      yield nameCompared(source, destination, differing, by);
    } else {
      const { comparer } = by;
      const counted = { ...countBytes(source, destination, differing), comparer };
      const data = { ...counted, ...drivers(source, destination) };
      yield { code: "body-check-unknown", offset: first, data };
    }
    return;
  }
  yield* judgeBodies(source, destination, differing, options);
}

interface Comparer {
  /** What has the body compared. */
  readonly comparer: string;
  /** The remedy that fits. */
  readonly remedy?: "QEMU before 9.1" | "skip-vsc-check=off";
}

/** Who has the body compared, and what would not. */
function nameComparer({ guest }: DevicePair, migration: Migration): Comparer {
  const { source, destination: { qemu } } = migration;
  const machine = migration.machine && resolveAlias(migration.machine, source.qemu);
  if (qemu !== undefined && !qemu.atLeast(9, 1)) {
    return { comparer: `QEMU ${qemu}`, remedy: "QEMU before 9.1" };
  }
  const own = guest.properties["skip-vsc-check"];
  if (own !== undefined) {
    return { comparer: `the device's skip-vsc-check=${own}`, remedy: "skip-vsc-check=off" };
  }
  return { comparer: machine === undefined ? "QEMU" : `machine type ${machine.name}` };
}

/** What QEMU will find, by what made the difference: the advice is another one. */
function nameCompared(
  source: Vsc,
  destination: Vsc,
  differing: readonly number[],
  by: Comparer,
): Finding {
  const [offset = source.offset] = differing;
  const [from, to] = [hostDriver(source), hostDriver(destination)];
  const areVgpus = [source, destination].every(({ body }) => body.kind === "vgpu");
  const isOneDriver = from !== undefined && to !== undefined &&
    from.version === to.version && from.branch === to.branch;
  const data = { ...countBytes(source, destination, differing), ...by };
  if (areVgpus && !isOneDriver) {
    return { code: "body-compared", offset, data: { ...data, ...drivers(source, destination) } };
  }
  const perCard = perCardBytes(source, destination, differing);
  return perCard === undefined ? { code: "other-bytes-compared", offset, data } : {
    code: "per-card-bytes-compared",
    offset: perCard.start,
    data: { last: perCard.last, ...by },
  };
}

function countBytes(
  source: Vsc,
  destination: Vsc,
  { length, 0: first = source.offset }: readonly number[],
): { count: number; read: number; device: number } {
  const at = first - source.offset - 3;
  return { count: length, read: source.bytes[at] ?? 0, device: destination.bytes[at] ?? 0 };
}

function drivers(source: Vsc, destination: Vsc): Readonly<Record<Side, string>> {
  const [from, to] = [hostDriver(source), hostDriver(destination)];
  // Of one version in two branches the branch tells them apart.
  const name = (driver: HostDriver | undefined): string =>
    driver === undefined
      ? "of unknown version"
      : from?.version === to?.version
      ? nameDriver(driver)
      : driver.version;
  return { source: name(from), destination: name(to) };
}

/** Where a whole GPU's body differs from card to card, if it differs nowhere else. */
function perCardBytes(
  source: Vsc,
  destination: Vsc,
  differing: readonly number[],
): { start: number; last: number } | undefined {
  const [start, last] = [source.offset + 0x0c, source.offset + 0x0f];
  const isPerCard = [source, destination].every(({ body }) => body.kind === "gpu") &&
    differing.every((offset) => offset >= start && offset <= last);
  return isPerCard ? { start, last } : undefined;
}

function differingOffsets(source: Vsc, destination: Vsc): number[] {
  const offsets: number[] = [];
  const size = Math.max(source.bytes.length, destination.bytes.length);
  for (let index = 0; index < size; index++) {
    if (source.bytes[index] !== destination.bytes[index]) offsets.push(source.offset + 3 + index);
  }
  return offsets;
}

/** What the vendor's promise demands of bodies that QEMU leaves alone. */
function* judgeBodies(
  source: Vsc,
  destination: Vsc,
  differing: readonly number[],
  options: Options,
): Generator<Finding> {
  const [first = source.offset] = differing;
  if (source.body.kind !== destination.body.kind) {
    const data = { source: KINDS[source.body.kind], destination: KINDS[destination.body.kind] };
    yield { code: "signature-differs", offset: source.offset + 3, data };
  } else if (source.body.kind === "vgpu" && destination.body.kind === "vgpu") {
    const [from, to] = [source.body.records, destination.body.records];
    if (from === undefined || to === undefined) {
      const side = from !== undefined ? "destination" : to !== undefined ? "source" : "two sides";
      yield { code: "records-unreadable", offset: source.offset + 5, data: { side } };
    } else if (listRecords(from) !== listRecords(to)) {
      const data = { source: listRecords(from), destination: listRecords(to) };
      yield { code: "records-differ", offset: source.offset + 5, data };
    } else {
      yield* compareDrivers(source, destination, options);
      yield* noteUnknownRecords(source, destination, options);
    }
  } else {
    const perCard = perCardBytes(source, destination, differing);
    yield perCard === undefined
      ? { code: "body-differs", offset: first, data: { count: differing.length } }
      : { code: "per-card-bytes", offset: perCard.start, data: { last: perCard.last } };
  }
}

const KINDS = { vgpu: "vGPU", gpu: "whole GPU", unknown: "device of unknown kind" } as const;

function listRecords(records: readonly VscRecord[]): string {
  return records.map(({ id, length }) => `${id}:${length}`).join(" ") || "none";
}

function* compareDrivers(
  source: Vsc,
  destination: Vsc,
  { drivers: accepted }: Options,
): Generator<Finding> {
  if (source.body.kind !== "vgpu") return;
  const [from, to] = [hostDriver(source), hostDriver(destination)];
  if (from === undefined || to === undefined) {
    if (accepted !== "any") yield { code: "host-driver-unknown", data: { accepted } };
    return;
  }
  const isSameBranch = from.branch === to.branch;
  if (isSameBranch && from.version === to.version) {
    yield { code: "host-driver", data: { ...from } };
    return;
  }
  const isAccepted = accepted === "any" || (accepted === "same-branch" && isSameBranch);
  yield {
    code: "host-driver-differs",
    severity: isAccepted ? undefined : "veto",
    data: { source: nameDriver(from), destination: nameDriver(to), accepted },
  };
}

function* noteUnknownRecords(
  source: Vsc,
  destination: Vsc,
  options: Options,
): Generator<Finding> {
  const others = unknownRecords(destination);
  for (const [index, { id, length, data }] of unknownRecords(source).entries()) {
    const isEqual = data.join() === others[index]?.data.join();
    const severity = options.unknownRecords === "veto" ? "veto" : isEqual ? "info" : "warn";
    const state = isEqual ? "equal" : "different";
    yield { code: "unknown-record", severity, data: { id, length, state } };
  }
}

function nameDriver({ version, branch }: HostDriver): string {
  return `${version} (${branch})`;
}
