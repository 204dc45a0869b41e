/**
 * Random pairs of devices that a guest might be migrated between: two that are alike but for what a
 * few mutations did to the destination's. fast-check makes them, and makes them smaller again.
 *
 * @module
 */
import fc from "fast-check";
import type { BusKind } from "premigrate/policy";
import type { DeviceTemplate } from "./mdev.ts";
import type { Pair } from "./migrate.ts";

/** Where a capability is: id, offset, length. */
export type Placed = readonly [id: number, offset: number, length: number];

/** A pair, and how it was made. */
export interface RandomPair extends Pair {
  readonly mutations: readonly string[];
  readonly capabilities: readonly Placed[];
  readonly extended: readonly Placed[];
}

interface Capability {
  readonly id: number;
  /** All after the id and the pointer to the next. */
  readonly body: readonly number[];
  /** Bytes left free before it. */
  readonly gap: number;
}

interface Device {
  readonly header: readonly number[];
  readonly capabilities: readonly Capability[];
  readonly order: "ascending" | "descending" | "rotated";
  /** Of an express device; empty is an express device without any. */
  readonly extended: readonly Capability[] | undefined;
  readonly bars: readonly Bar[];
  readonly romSize: number;
}

interface Bar {
  readonly kind: "io" | "mem32" | "mem64" | "prefetchable32" | "prefetchable64";
  readonly size: number;
}

interface Mutation {
  readonly kind: typeof MUTATIONS[number];
  /** Which byte, capability or BAR; modulo how many there are. */
  readonly at: number;
  readonly value: number;
}

const MUTATIONS = [
  "vsc-body",
  "vsc-length",
  "vsc-unlinked",
  "capability",
  "ids",
  "subsystem",
  "command-status",
  "header",
  "interrupt",
  "list-order",
  "outside",
  "bar-type",
  "bar-size",
  "extended",
  "extended-unlinked",
  "extended-id",
  "extended-outside",
] as const;

const PM = 0x01;
const MSI = 0x05;
const VENDOR_SPECIFIC = 0x09;
const PCI_EXPRESS = 0x10;
const MSIX = 0x11;
// A device has one of these at the most.
const SINGLE: readonly number[] = [PM, MSI, PCI_EXPRESS, MSIX];

// Table, PBA and a page before them.
const MSIX_BYTES = 0x4000;

const BAR_TYPES: Readonly<Record<Bar["kind"], number>> = {
  io: 0x1,
  mem32: 0x0,
  mem64: 0x4,
  prefetchable32: 0x8,
  prefetchable64: 0xc,
};

/**
 * Vendors and classes that QEMU has no quirk for. Not NVIDIA's VGA class: QEMU crashes where such a
 * function has no BAR 0 (vfio_probe_nvidia_bar0_quirk), as random ones need not.
 */
const IDENTITIES = [
  { vendor: 0x10de, device: 0x2230, class: 0x030200 },
  { vendor: 0x10de, device: 0x1eb8, class: 0x038000 },
  { vendor: 0x15b3, device: 0x101e, class: 0x020000 },
  { vendor: 0x8086, device: 0x4941, class: 0x0b4000 },
  { vendor: 0x1dd8, device: 0x1003, class: 0x020000 },
  { vendor: 0x4348, device: 0x3253, class: 0x070002 },
];

const byte = fc.nat(255);
const bytes = (minLength: number, maxLength = minLength): fc.Arbitrary<number[]> =>
  fc.array(byte, { minLength, maxLength });
const gap = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.constantFrom(4, 8, 20));

const vendorSpecific = fc.tuple(bytes(0, 24), fc.oneof(fc.constant(undefined), byte)).map((
  [body, length = body.length + 3],
) => ({ id: VENDOR_SPECIFIC, body: [length, ...body] }));

// PCI 6.8.1: the length of MSI follows from its flags. A capability that begins before that is
// refused by QEMU, and so are more than 32 vectors.
const messageSignalled = fc.tuple(
  fc.constantFrom(0x00, 0x80),
  fc.nat(1),
  fc.nat(5),
  bytes(20),
  fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.constant(4)),
).map(([wide, mask, vectors, rest, missing]) => {
  const length = (wide === 0 ? 10 : 14) + (mask === 0 ? 0 : 10) - missing;
  return { id: MSI, body: [wide | vectors << 1, mask, ...rest].slice(0, length - 2) };
});

const express = fc.tuple(
  fc.constantFrom(0x1, 0x2),
  fc.oneof({ weight: 12, arbitrary: fc.constantFrom(0x0, 0x1, 0x9) }, fc.constantFrom(0x4, 0x5)),
  bytes(57),
).map(([version, type, rest]) => {
  const length = version === 1 ? 20 : 60;
  return { id: PCI_EXPRESS, body: [version | type << 4, ...rest].slice(0, length - 2) };
});

const capability: fc.Arbitrary<Capability> = fc.tuple(
  fc.oneof(
    { weight: 5, arbitrary: vendorSpecific },
    { weight: 2, arbitrary: bytes(6).map((body) => ({ id: PM, body })) },
    { weight: 2, arbitrary: messageSignalled },
    { weight: 2, arbitrary: express },
    // Table and PBA are put where a BAR has room for them, see `placeMsix`.
    { weight: 2, arbitrary: bytes(10).map((body) => ({ id: MSIX, body })) },
    {
      weight: 3,
      arbitrary: fc.record({
        id: fc.constantFrom(0x03, 0x04, 0x06, 0x07, 0x08, 0x0a, 0x0b, 0x0d, 0x12, 0x13, 0x14, 0x16),
        body: bytes(0, 14),
      }),
    },
  ),
  gap,
).map(([made, before]) => ({ ...made, gap: before }));

const extendedCapability: fc.Arbitrary<Capability> = fc.record({
  id: fc.oneof(
    {
      weight: 8,
      arbitrary: fc.constantFrom(0x01, 0x02, 0x03, 0x0b, 0x0e, 0x0f, 0x10, 0x15, 0x18, 0x19),
    },
    fc.constantFrom(0x00, 0x1b, 0x1e, 0x1f, 0x23, 0x25, 0x2a),
  ),
  body: bytes(4, 60),
  gap,
});

const bar: fc.Arbitrary<Bar> = fc.oneof(
  fc.record({ kind: fc.constant("io" as const), size: fc.constantFrom(8, 32, 256) }),
  fc.record({
    kind: fc.constantFrom("mem32", "mem64", "prefetchable32", "prefetchable64"),
    size: fc.constantFrom(16, 0x100, 0x4000, 0x20000, 0x1000000),
  }),
);

const header = fc.tuple(fc.constantFrom(...IDENTITIES), bytes(64), fc.nat(4)).map((
  [{ vendor, device, class: classCode }, random, pin],
) => {
  const made = [...random];
  [made[0x00], made[0x01]] = [vendor & 0xff, vendor >> 8];
  [made[0x02], made[0x03]] = [device & 0xff, device >> 8];
  [made[0x09], made[0x0a], made[0x0b]] = [classCode & 0xff, classCode >> 8 & 0xff, classCode >> 16];
  made[0x0e] = (made[0x0e] ?? 0) & 0x80; // Type 0: no bridge.
  made.fill(0, 0x30, 0x34); // The ROM's address.
  made[0x3d] = pin;
  return made;
});

const device: fc.Arbitrary<Device> = fc.record({
  header,
  capabilities: fc.array(capability, { maxLength: 7 }),
  order: fc.oneof(
    { weight: 3, arbitrary: fc.constant("ascending" as const) },
    fc.constantFrom("descending" as const, "rotated" as const),
  ),
  extended: fc.oneof(
    { weight: 7, arbitrary: fc.array(extendedCapability, { minLength: 1, maxLength: 6 }) },
    { weight: 4, arbitrary: fc.constant(undefined) },
    fc.constant([]),
  ),
  bars: fc.array(bar, { maxLength: 4 }),
  romSize: fc.constantFrom(0, 0, 0x800, 0x10000),
});

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom(...MUTATIONS),
  at: fc.nat(4095),
  value: byte,
});

const PROPERTIES = [
  "skip-vsc-check=on",
  "skip-vsc-check=off",
  "multifunction=on",
  "rombar=0",
  "x-pci-sub-vendor-id=0x10de,x-pci-sub-device-id=0x1500",
  "x-pci-device-id=0x2235",
  "x-nv-gpudirect-clique=4",
];

/** Machine types that every QEMU of a minor version from 10.0 on has. */
const MACHINES = ["pc-q35-7.2", "pc-q35-9.0", "pc-q35-9.1", "pc-q35-9.2", "pc-q35-10.0"];
const CONVENTIONAL = ["pc-i440fx-9.0", "pc-i440fx-9.1", "pc-i440fx-10.0"];

const place: fc.Arbitrary<{ readonly machine: string; readonly bus: BusKind }> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      machine: fc.constantFrom(...MACHINES),
      bus: fc.oneof(
        { weight: 3, arbitrary: fc.constant("port" as const) },
        { weight: 3, arbitrary: fc.constant("root" as const) },
        fc.constant("pci-under-pcie" as const),
      ),
    }),
  },
  fc.record({ machine: fc.constantFrom(...CONVENTIONAL), bus: fc.constant("pci" as const) }),
);

/** The pairs. More than half of them have extended capabilities. */
export const randomPairs: fc.Arbitrary<RandomPair> = fc.record({
  place,
  device,
  mutations: fc.array(mutation, { minLength: 1, maxLength: 4 }),
  properties: fc.oneof(
    { weight: 2, arbitrary: fc.constant("") },
    fc.constantFrom(...PROPERTIES),
  ),
  // Each BAR's address, of which the BAR keeps the bits above its size.
  addresses: fc.option(fc.array(fc.nat(0xffff), { minLength: 6, maxLength: 6 }), {
    nil: undefined,
  }),
}).map(({ place, device, mutations, properties, addresses }) => {
  const source = layOut(device);
  const mutated = mutations.reduce(mutateDevice, device);
  const destination = layOut(mutated);
  for (const { kind, at, value } of mutations) mutateBytes(destination, kind, at, value);
  return {
    ...place,
    properties,
    source: source.template,
    destination: destination.template,
    writes: addresses === undefined ? [] : barAddresses(source.template, addresses),
    mutations: mutations.map(({ kind }) => kind),
    capabilities: source.capabilities,
    extended: source.extended,
  };
});

interface LaidOut {
  readonly template: DeviceTemplate & { readonly config: Uint8Array };
  readonly capabilities: readonly Placed[];
  readonly extended: readonly Placed[];
}

function layOut({ header, capabilities, order, extended, bars, romSize }: Device): LaidOut {
  const config = new Uint8Array(extended === undefined ? 256 : 4096);
  config.set(header);
  const sizes = placeBars(config, bars);
  const msixBar = sizes.findIndex((size) => size >= MSIX_BYTES);
  const placed = placeCapabilities(
    config,
    capabilities.filter(({ id }) => id !== MSIX || msixBar >= 0),
    order,
  );
  const msix = placed.find(([id]) => id === MSIX)?.[1];
  const msixVectors = msix === undefined ? 0 : placeMsix(config, msix, msixBar);
  return {
    template: { config, bars: sizes, romSize, msixVectors },
    capabilities: placed,
    extended: extended === undefined ? [] : placeExtended(config, extended),
  };
}

/** A BAR of 64 bits takes two registers. */
function placeBars(config: Uint8Array, bars: readonly Bar[]): number[] {
  const sizes = [0, 0, 0, 0, 0, 0];
  config.fill(0, 0x10, 0x28);
  let register = 0;
  for (const { kind, size } of bars) {
    const isWide = kind.endsWith("64");
    if (register + (isWide ? 2 : 1) > 6) break;
    config[0x10 + 4 * register] = BAR_TYPES[kind];
    sizes[register] = size;
    register += isWide ? 2 : 1;
  }
  return sizes;
}

function placeCapabilities(
  config: Uint8Array,
  capabilities: readonly Capability[],
  order: Device["order"],
): Placed[] {
  const placed: Placed[] = [];
  let end = 0x40;
  for (const { id, body, gap } of capabilities) {
    if (SINGLE.includes(id) && placed.some(([other]) => other === id)) continue;
    const offset = alignDword(end) + gap;
    if (offset + 2 + body.length > 0x100) continue;
    config[offset] = id;
    config.set(body, offset + 2);
    end = offset + 2 + body.length;
    placed.push([id, offset, 2 + body.length]);
  }
  const chain = placed.map(([, offset]) => offset);
  if (order === "descending") chain.reverse();
  if (order === "rotated") chain.push(...chain.splice(0, 1));
  config[0x34] = chain[0] ?? 0;
  for (const [index, offset] of chain.entries()) config[offset + 1] = chain[index + 1] ?? 0;
  config[0x06] = (config[0x06] ?? 0) & ~0x10 | (chain.length > 0 ? 0x10 : 0);
  return placed;
}

/** PCI 6.8.2: where the table and the PBA are; a BAR that a mutation makes smaller has no room. */
function placeMsix(config: Uint8Array, offset: number, bar: number): number {
  const view = new DataView(config.buffer);
  const flags = view.getUint16(offset + 2, true) & 0xf81f;
  view.setUint16(offset + 2, flags, true);
  view.setUint32(offset + 4, 0x1000 | bar, true);
  view.setUint32(offset + 8, 0x2000 | bar, true);
  return (flags & 0x1f) + 1;
}

function placeExtended(config: Uint8Array, capabilities: readonly Capability[]): Placed[] {
  const placed: Placed[] = [];
  const view = new DataView(config.buffer);
  let end = 0x100;
  for (const { id, body, gap } of capabilities) {
    // The list begins at 100.
    const offset = placed.length === 0 ? 0x100 : alignDword(end) + gap;
    end = offset + 4 + body.length;
    config.set(body, offset + 4);
    placed.push([id, offset, 4 + body.length]);
  }
  for (const [index, [id, offset]] of placed.entries()) {
    const next = placed[index + 1]?.[1] ?? 0;
    view.setUint32(offset, (id | 1 << 16 | next << 20) >>> 0, true);
  }
  return placed;
}

/** What changes the layout changes the device, from which the bytes are made anew. */
function mutateDevice(device: Device, { kind, at, value }: Mutation): Device {
  switch (kind) {
    case "vsc-unlinked": {
      const all = device.capabilities;
      const specific = all.filter(({ id }) => id === VENDOR_SPECIFIC);
      const gone = specific[at % specific.length];
      return { ...device, capabilities: all.filter((capability) => capability !== gone) };
    }
    case "list-order":
      return { ...device, order: device.order === "ascending" ? "descending" : "ascending" };
    case "extended-unlinked": {
      const extended = device.extended?.filter((_, index, all) => index !== at % all.length);
      return { ...device, extended };
    }
    case "extended-id":
      return {
        ...device,
        extended: device.extended?.map((capability, index, all) =>
          index === at % all.length ? { ...capability, id: value & 0x1f } : capability
        ),
      };
    case "bar-type":
    case "bar-size":
      return {
        ...device,
        bars: device.bars.map((bar, index, all) =>
          index === at % all.length ? mutateBar(bar, kind, value) : bar
        ),
      };
    default:
      return device;
  }
}

function mutateBar(bar: Bar, kind: "bar-type" | "bar-size", value: number): Bar {
  if (kind === "bar-size") return { ...bar, size: value % 2 === 0 ? bar.size * 2 : bar.size / 2 };
  if (bar.kind === "io") return { kind: "mem32", size: Math.max(bar.size, 16) };
  return bar.kind.endsWith("32")
    ? { ...bar, kind: bar.kind === "mem32" ? "prefetchable32" : "mem32" }
    : { ...bar, kind: bar.kind === "mem64" ? "prefetchable64" : "mem64" };
}

/** What leaves the layout as it is changes one byte. */
function mutateBytes(
  { template: { config }, capabilities, extended }: LaidOut,
  kind: Mutation["kind"],
  at: number,
  value: number,
): void {
  const isVsc = ([id]: Placed): boolean => id === VENDOR_SPECIFIC;
  const inside = (all: readonly Placed[], from: number): number[] =>
    all.flatMap(([, offset, length]) =>
      Array.from({ length: Math.max(length - from, 0) }, (_, index) => offset + from + index)
    );
  const outside = (start: number, end: number, all: readonly Placed[]): number[] => {
    const taken = new Set(inside(all, 0));
    return Array.from({ length: Math.max(end - start, 0) }, (_, index) => start + index)
      .filter((offset) => !taken.has(offset));
  };
  const among: Partial<Record<Mutation["kind"], readonly number[]>> = {
    "vsc-body": inside(capabilities.filter(isVsc), 3),
    "vsc-length": capabilities.filter(isVsc).map(([, offset]) => offset + 2),
    "capability": inside(
      capabilities.filter(([id]) => id !== VENDOR_SPECIFIC && id !== MSIX),
      2,
    ),
    // Not the sub-class, which might make it VGA.
    "ids": [0x00, 0x01, 0x02, 0x03, 0x08, 0x09, 0x0b],
    "subsystem": [0x2c, 0x2d, 0x2e, 0x2f],
    "command-status": [0x04, 0x05, 0x07],
    "header": [0x0c, 0x0d, 0x0f, 0x28, 0x2b, 0x3e, 0x3f],
    "outside": outside(0x40, 0x100, capabilities),
    "extended": inside(extended, 4),
    "extended-outside": outside(0x100, config.length, extended),
  };
  if (kind === "interrupt") config[0x3d] = value % 6;
  const offsets = among[kind] ?? [];
  const offset = offsets[at % offsets.length];
  if (offset !== undefined) config[offset] = value;
}

function barAddresses(
  { config, bars = [] }: DeviceTemplate,
  addresses: readonly number[],
): [offset: number, value: number][] {
  return bars.flatMap((size, index): [number, number][] => {
    const address = addresses[index] ?? 0;
    const type = config[0x10 + 4 * index] ?? 0;
    if (size === 0) return [];
    // Between the legacy ports, or below the ECAM window and above the guest's memory.
    return [[
      0x10 + 4 * index,
      (type & 1) === 1 ? 0x1000 | address & 0xeff8 : 0x20000000 + address * 0x1000,
    ]];
  });
}

function alignDword(offset: number): number {
  return (offset + 3) & ~3;
}
