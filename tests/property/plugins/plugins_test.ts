import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  BUS_KINDS,
  type CaseSide,
  type DevicePair,
  evaluate,
  fillMessage,
  type Migration,
  parseMachine,
  parseQemuVersion,
  parseVfioPciProperties,
  predictRestore,
  type QemuVersion,
  Registry,
  type RestoreSide,
  skipsVscCheck,
  type Verdict,
} from "../../../lib/policy/mod.ts";
import { hostNames } from "../../../lib/report/host_names.ts";
import { findPage } from "../../../lib/report/mod.ts";
import { BUILT_IN } from "../../../plugins/mod.ts";
import { PLUGIN_CASES } from "../../cases/plugins.ts";
import { spaceOf } from "../../cases/pci/space.ts";

const byte = fc.integer({ min: 0, max: 0xff });
const size = fc.constantFrom(64, 256, 4096);

/** The config spaces of all cases, at their sizes. */
const BASES = Object.values(PLUGIN_CASES).flat()
  .flatMap(({ source, destination }): CaseSide[] => [source, destination])
  .flatMap(({ config, size }) => config === undefined ? [] : [spaceOf(config, size)]);

const base = fc.constantFrom(...BASES);
const noise = size.chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));
const blank = fc.tuple(size, fc.constantFrom(0, 0xff)).map(([length, fill]) =>
  new Uint8Array(length).fill(fill)
);

/** Changed bytes: anywhere, in the header, in the Vendor Specific Capabilities of the bases. */
const changes = fc.array(
  fc.tuple(
    fc.oneof(
      fc.constantFrom(0x00, 0x06, 0x0b, 0x0e, 0x2e, 0x34, 0x3d),
      fc.integer({ min: 0xb0, max: 0xf4 }),
      fc.integer({ min: 0x40, max: 0xff }),
      fc.integer({ min: 0x100, max: 0xfff }),
    ),
    fc.oneof(byte, fc.constantFrom(0, 1, 0x09, 0x34, 0xd0, 0xff)),
  ),
  { maxLength: 6 },
);

function change(bytes: Uint8Array, edits: readonly (readonly [number, number])[]): Uint8Array {
  const changed = bytes.slice();
  for (const [offset, value] of edits) if (offset < changed.length) changed[offset] = value;
  return changed;
}

/** Lists of Vendor Specific Capabilities and others, at any place, of any length, looping or not. */
const lists = fc.tuple(
  base,
  byte,
  fc.array(
    fc.record({
      at: fc.oneof(fc.integer({ min: 0x10, max: 0x3f }).map((dword) => 4 * dword), byte),
      id: fc.oneof(fc.constantFrom(0x09, 0x01, 0x05, 0x10, 0x11), byte),
      next: fc.oneof(fc.integer({ min: 0, max: 0x3f }).map((dword) => 4 * dword), byte),
      length: fc.oneof(fc.constantFrom(0x1b, 0x14, 0, 3), byte),
      body: fc.oneof(
        fc.constantFrom([0x56, 0x46, 0, 0x16, 0x35], [0x56, 0x46, 0, 0], [0x01, 0x01]),
        fc.array(byte, { maxLength: 8 }),
      ),
    }),
    { minLength: 1, maxLength: 5 },
  ),
).map(([bytes, start, capabilities]) => {
  const edits = capabilities.flatMap(({ at, id, next, length, body }) =>
    [id, next, length, ...body].map((value, index) => [at + index, value] as const)
  );
  const head = capabilities[0]?.at ?? start;
  return change(bytes, [[0x06, 0x10], ...edits, [0x34, start % 2 === 0 ? head : start]]);
});

const bytes = fc.oneof(
  noise,
  blank,
  lists,
  fc.tuple(base, changes).map(([from, edits]) => change(from, edits)),
);
/** Two sides that are the same but for a few bytes, or have nothing in common. */
const sides = fc.oneof(
  fc.tuple(bytes, changes).map(([source, edits]) => [source, change(source, edits)] as const),
  fc.tuple(bytes, bytes),
);

const machine = fc.constantFrom(
  undefined,
  ..."pc-q35-9.0 pc-q35-9.1 q35 pc pc-i440fx-8.2 pc-q35-noble virt-10.1 microvm constructor pc-q35-12.0"
    .split(" ").map(parseMachine),
);
const qemu = fc.constantFrom(
  undefined,
  ..."5.1 5.2 8.0 8.2 9.0 9.1 10.0 10.1 11.1 12.0".split(" ").map(parseQemuVersion),
);
const properties = fc.dictionary(
  fc.constantFrom(
    "skip-vsc-check",
    "multifunction",
    "x-nv-gpudirect-clique",
    "x-pci-device-id",
    "x-pci-class-code",
    "x-msix-relocation",
    "rombar",
    "ats",
    "enable-migration",
    "__proto__",
  ),
  fc.constantFrom("on", "off", "1", "0x10de", "auto", "", "99999999999"),
  { maxKeys: 2 },
);
const bar = fc.oneof(fc.constantFrom(0, 16, 0x1000, 0x100000, 2 ** 33), fc.nat());
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const version = fc.constantFrom("", "535.161.05", "550.54.16", "28.41.1000", "28", "6.8.0", "x.y");
const facts = fc.record({
  kind: fc.constantFrom("realize", "running", "sysfs", "guest"),
  vendor: optional(
    fc.constantFrom(0x10de, 0x8086, 0x15b3, 0x1002, 0x19e5, 0x1dd8, 0x1af4, 0x4348),
  ),
  device: optional(fc.constantFrom(0x101e, 0x4941, 0x1889, 0xa251, 0x1003, 0x1041)),
  driver: optional(fc.record({
    name: fc.constantFrom(
      ..."vfio-pci nvidia nvgrace_gpu_vfio_pci mlx5_vfio_pci xe-vfio-pci ice_vfio_pci __proto__"
        .split(" "),
    ),
    version: optional(version),
  })),
  mdevType: optional(fc.record({
    id: fc.constantFrom("nvidia-1", "nvidia-", "i915-GVTg_V5_4"),
    name: optional(fc.constantFrom("", "GRID A40-8Q", "NVIDIA A40-4Q")),
  })),
  vgpuType: optional(fc.nat(2)),
  attributes: optional(fc.record({
    "nvidia/creatable_vgpu_types": fc.constantFrom(null, "", "1 : GRID A40-8Q", "2 :\n1:x\n0 : x"),
    "nvidia/vgpu_params": fc.constantFrom(null, "", "enable_uvm=1 enable_profiling=1"),
    "parent/qat/cfg_services": fc.constantFrom(null, "", "sym;asym", "dc", "dcc"),
  }, { requiredKeys: [] })),
  nvml: optional(fc.record({
    guestDriver: optional(version),
    guestVgpuVersion: optional(fc.nat(3)),
    hostVgpuRange: optional(fc.constant({ min: 1, max: 2 })),
    ecc: optional(fc.boolean()),
    mig: optional(fc.boolean()),
    compatibility: optional(
      fc.record({ source: fc.constant("0000:3b:00.4"), vm: fc.nat(15), limit: fc.nat(8) }),
    ),
  })),
  migration: optional(fc.record({
    offered: fc.boolean(),
    features: optional(fc.subarray(["stop-copy", "p2p", "dirty-tracking"])),
  })),
  firmware: optional(fc.record({ version: optional(version), psid: optional(version) })),
  bars: fc.option(fc.array(bar, { minLength: 6, maxLength: 6 }), { nil: undefined }),
  romSize: fc.option(bar, { nil: undefined }),
});
const host = fc.record({
  kernel: optional(
    fc.constantFrom("", "5.14.0-427.el9_4.x86_64", "6.12.0-55.el10_0.x86_64", "6.8.0", "5.4.0"),
  ),
  libvirt: optional(fc.constantFrom("", "8.0.0", "10.0.0")),
  nvidiaDriver: optional(version),
});
const guest = fc.record({
  vfioDevices: optional(fc.nat(3)),
  viommu: optional(fc.boolean()),
  postCopy: optional(fc.boolean()),
});
const options = fc.record({
  drivers: fc.constantFrom("any", "same-branch", "equal"),
  unknownRecords: fc.constantFrom("note", "veto"),
});

function judge(pair: DevicePair, migration: Migration, nvidia: unknown = {}): Verdict {
  const registry = new Registry();
  for (const policy of BUILT_IN) registry.use(policy, policy.id === "nvidia/vsc" ? nvidia : {});
  const verdict = evaluate([pair], migration, registry);
  assertEquals(verdict.findings.filter(({ code }) => code === "policy-failed"), []);
  for (const { policy, code, data, offset } of verdict.findings) {
    const message = findPage(registry.policies, policy, code)?.message ?? "{no page}";
    const told = offset === undefined ? Object.keys(data) : [...Object.keys(data), "offset"];
    const values = Object.fromEntries(told.map((name) => [name, 0]));
    const filled = fillMessage(message, { ...hostNames(migration), ...values });
    assert(!/[{}]/.test(filled), `${code}: ${filled}`);
  }
  return verdict;
}

Deno.test("no bytes, versions and properties make a built-in policy fail or leave a message open", () => {
  fc.assert(
    fc.property(
      sides,
      fc.tuple(facts, facts),
      machine,
      fc.tuple(qemu, qemu),
      fc.tuple(host, host),
      guest,
      fc.constantFrom(undefined, ...BUS_KINDS),
      properties,
      fc.boolean(),
      options,
      (
        [from, to],
        [source, destination],
        machine,
        qemus,
        [a, b],
        asked,
        bus,
        properties,
        bytesOnly,
        options,
      ) => {
        const pair: DevicePair = {
          name: "device",
          guest: { bus, properties },
          source: {
            ...source,
            address: "0000:3b:00.4",
            config: { kind: source.kind, bytes: from },
          },
          destination: {
            ...destination,
            address: "0000:3b:00.4",
            config: { kind: destination.kind, bytes: to },
          },
        };
        const hosts = {
          source: { name: "a", qemu: qemus[0], ...a },
          destination: { name: "b", qemu: qemus[1], skipVscCheck: { "pc-q35-8.2": true }, ...b },
        };
        judge(pair, { machine, ...hosts, ...asked, bytesOnly }, options);
      },
    ),
    { numRuns: 600 },
  );
});

const NEWEST = parseQemuVersion("11.1");
const HOST = {
  qemu: NEWEST,
  libvirt: "11.0.0",
  kernel: "6.12.0",
  machineTypes: ["pc-q35-9.1"],
};
const CURRENT: Migration = {
  machine: parseMachine("pc-q35-9.1"),
  source: { name: "a", ...HOST },
  destination: { name: "b", ...HOST },
  viommu: false,
  bytesOnly: false,
};

/** A pair of which everything is known, as QEMU itself reads it. */
function exactPair(
  [from, to]: readonly [Uint8Array, Uint8Array],
  { bus, properties }: DevicePair["guest"],
): DevicePair {
  const bars = [0x1000, 0x10000000, 0, 0x2000000, 0, 0];
  const side = (bytes: Uint8Array): DevicePair["source"] => ({
    address: "0000:3b:00.4",
    config: { kind: "realize", bytes },
    bars,
    romSize: 0,
    vendor: 0x10de,
    driver: { name: "nvidia-vgpu-vfio" },
    migration: { offered: true, features: ["stop-copy", "p2p", "dirty-tracking"] },
  });
  return { name: "device", guest: { bus, properties }, source: side(from), destination: side(to) };
}

Deno.test("of known devices, what QEMU refuses is never allowed, and only that is said to fail", () => {
  fc.assert(
    fc.property(
      sides.filter((both) => both.every(({ length }) => length >= 256)),
      fc.constantFrom(...["pc-q35-9.0", "pc-q35-9.1"].map(parseMachine)),
      fc.constantFrom(...["9.1", "11.1"].map(parseQemuVersion)),
      fc.constantFrom(...BUS_KINDS),
      fc.constantFrom<Record<string, string>>(
        {},
        { "skip-vsc-check": "off" },
        { "multifunction": "on" },
      ),
      (both, machine, qemu, bus, properties) => {
        const pair = exactPair(both, { bus, properties });
        const migration: Migration = {
          ...CURRENT,
          machine,
          destination: { name: "b", ...HOST, qemu },
        };
        const sideOf = (bytes: Uint8Array, qemu: QemuVersion): RestoreSide => ({
          view: { kind: "realize", bytes },
          facts: {
            qemu,
            bus,
            bars: pair.source.bars,
            skipVscCheck: skipsVscCheck(pair, migration) ?? false,
            properties: parseVfioPciProperties(properties, qemu),
          },
        });
        const prediction = predictRestore(sideOf(both[0], NEWEST), sideOf(both[1], qemu));
        const { decision, findings } = judge(pair, migration);
        if (decision === "allow") assertEquals(prediction.result, "completed");
        const failure = findings.find(({ code }) => code === "will-fail");
        if (failure === undefined) return;
        assert(prediction.result === "bad-config");
        assertEquals(failure.offset, prediction.bad.offset);
      },
    ),
    { numRuns: 1000 },
  );
});

/** Where the list of a config space has Vendor Specific Capabilities, by its raw pointers. */
function vscOffsets(bytes: Uint8Array): number[] {
  const offsets: number[] = [];
  let at = ((bytes[0x06] ?? 0) & 0x10) === 0 ? 0 : bytes[0x34] ?? 0;
  for (let steps = 0; at !== 0 && steps < 256; steps++) {
    if (bytes[at] === 0x09 && !offsets.includes(at)) offsets.push(at);
    at = bytes[at + 1] ?? 0;
  }
  return offsets;
}

function headers(bytes: Uint8Array): string[] {
  return vscOffsets(bytes).map((at) => `${at}: ${bytes.subarray(at, at + 3)}`).sort();
}

Deno.test("a header of a Vendor Specific Capability that differs is never passed over", () => {
  let seen = 0;
  fc.assert(
    fc.property(sides, fc.constantFrom(...BUS_KINDS), (both, bus) => {
      const [from, to] = both;
      if (headers(from).join() === headers(to).join()) return;
      seen++;
      const { decision } = judge(exactPair(both, { bus, properties: {} }), CURRENT);
      assert(decision !== "allow");
    }),
    { numRuns: 2000 },
  );
  assert(seen > 200, `only ${seen} such pairs were tried`);
});

/** The ids and lengths of a vGPU's records up to the zeros, in one line; what is no list has none. */
function format(body: Uint8Array): string {
  if (String(body.subarray(0, 2)) !== "86,70") return "no vGPU";
  const list: string[] = [];
  for (let at = 2; body.subarray(at).some((value) => value > 0); at += body[at + 1] ?? 0) {
    list.push(String(body.subarray(at, at + 2)));
    if ((body[at + 1] ?? 0) < 2 || at + (body[at + 1] ?? 0) > body.length) return "no list";
  }
  return list.join(" ");
}

Deno.test("a vGPU's body of another format is never allowed, nor another driver where equal ones are wanted", () => {
  const vgpus = BASES.filter((bytes) => bytes[0xd0] === 0x09 && bytes.length === 256);
  const inside = fc.array(
    fc.tuple(
      fc.integer({ min: 0xd3, max: 0xea }),
      fc.oneof(byte, fc.constantFrom(0, 1, 2, 0x14, 0x16, 0x17)),
    ),
    { minLength: 1, maxLength: 4 },
  );
  let allowed = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...vgpus),
      fc.constantFrom(...vgpus),
      inside,
      inside,
      fc.boolean(),
      (one, other, edits, others, equal) => {
        const both = [change(one, edits), change(other, others)] as const;
        const pair = exactPair(both, { bus: "root", properties: {} });
        const { decision } = judge(pair, CURRENT, { drivers: equal ? "equal" : "any" });
        if (decision !== "allow") return;
        allowed++;
        const [source, destination] = both.map((bytes) =>
          vscOffsets(bytes).map((at) => bytes.subarray(at + 3, at + (bytes[at + 2] ?? 0)))
        );
        for (const [index, body] of (source ?? []).entries()) {
          const own = destination?.[index] ?? new Uint8Array();
          if (body.join() === own.join()) continue;
          assertEquals(format(body), format(own));
          assert(!["no vGPU", "no list"].includes(format(body)));
          if (equal) assertEquals(body.subarray(2, 24).join(), own.subarray(2, 24).join());
        }
      },
    ),
    { numRuns: 3000 },
  );
  assert(allowed > 100, `only ${allowed} pairs were allowed`);
});

/** What the guest, its driver or the hardware may change of a device that is open, by capability. */
const RUN_TIME: Readonly<Record<number, readonly (readonly [from: number, to: number])[]>> = {
  0x01: [[4, 8]],
  0x03: [[2, 8]],
  0x05: [[4, 0x18]],
  0x09: [],
  0x0d: [],
  0x10: [[8, 0xc], [0x10, 0x14], [0x18, 0x24], [0x28, 0x2c], [0x30, 0x34]],
  0x11: [],
  0x13: [[4, 6]],
};
const RUN_TIME_EXTENDED: typeof RUN_TIME = { 0x0003: [], 0x000b: [[8, 0x1000]], 0x0015: [] };

/** Per byte, the bits that may change. */
function runTimeBits(bytes: Uint8Array): Uint8Array {
  const bits = new Uint8Array(bytes.length);
  const mark = (list: readonly number[], at: number, ranges: typeof RUN_TIME[number]): void => {
    const limit = Math.min(bytes.length, ...list.filter((other) => other > at));
    for (const [from, to] of ranges) bits.fill(0xff, at + from, Math.min(at + to, limit));
  };
  for (const [at, mask] of [[0x04, 0xff], [0x05, 0xff], [0x06, 0xef], [0x07, 0xff]] as const) {
    bits[at] = mask;
  }
  for (const at of [0x0c, 0x0d, 0x0f, 0x30, 0x31, 0x32, 0x33, 0x3c]) bits[at] = 0xff;
  for (let bar = 0x10; bar < 0x28; bar += 4) {
    const type = bytes[bar] ?? 0;
    bits.fill(0xff, bar, bar + 4);
    bits[bar] = (type & 1) !== 0 ? 0xfc : 0xf0;
    if ((type & 5) === 4) bits.fill(0xff, bar += 4, bar + 4);
  }
  bits.fill(0, 0x28, 0x30);
  const standard = new Set<number>();
  const hasList = ((bytes[0x06] ?? 0) & 0x10) !== 0;
  for (let at = hasList ? bytes[0x34] ?? 0 : 0; at !== 0 && !standard.has(at);) {
    standard.add(at);
    at = bytes[at + 1] ?? 0;
  }
  for (const at of standard) {
    const id = bytes[at] ?? 0;
    mark([...standard], at, RUN_TIME[id] ?? [[2, 0x100]]);
    // A register behind a Vendor Specific Capability: what reads as 0 is none.
    const end = at + Math.max(3, bytes[at + 2] ?? 0);
    const limit = Math.min(0x100, ...[...standard].filter((other) => other > at));
    for (let gap = end; id === 0x09 && gap < limit; gap++) {
      const value = bytes[gap] ?? 0;
      if (value !== 0) bits[gap] = 0xff & ~(value & -value);
    }
    if (id === 0x05) bits[at + 2] = 0x71;
    if (id === 0x11) bits[at + 3] = 0xc0;
  }
  const next = (at: number): number =>
    ((bytes[at + 2] ?? 0) >> 4 | (bytes[at + 3] ?? 0) << 4) & 0xffc;
  const extended = new Set<number>();
  for (let at = bytes.length > 256 ? 0x100 : 0; at !== 0 && !extended.has(at); at = next(at)) {
    extended.add(at);
  }
  for (const at of extended) {
    const id = (bytes[at] ?? 0) | (bytes[at + 1] ?? 0) << 8;
    mark([...extended], at, RUN_TIME_EXTENDED[id] ?? [[4, 0x1000]]);
  }
  return bits;
}

/** A device's bytes, those of another one, and what is read of the first while it runs. */
const running = fc.record({
  both: fc.oneof(
    fc.tuple(base, changes).map(([from, edits]) => [from, change(from, edits)] as const),
    fc.tuple(base, fc.constant([])).map(([from]) => [from, from] as const),
  ).filter((both) => both.every(({ length }) => length >= 256)),
  /** How many of the bytes that may change become the other device's, or anything. */
  likely: fc.constantFrom(0.01, 0.2, 1),
  noise: fc.uint8Array({ minLength: 4096, maxLength: 4096, size: "max" }),
  /** The other device differs in some of them, too. */
  edits: fc.array(fc.tuple(fc.nat(), byte), { maxLength: 3 }),
}).map(({ both: [opened, other], likely, noise, edits }) => {
  const bits = runTimeBits(opened);
  const places = [...bits.keys()].filter((at) => (bits[at] ?? 0) !== 0 && at >= 0x40);
  const set = (at: number, from: number | undefined, value: number | undefined): number =>
    ((from ?? 0) & ~(bits[at] ?? 0)) | ((value ?? 0) & (bits[at] ?? 0));
  const destination = change(
    other,
    edits.flatMap(([place, value]) => {
      const at = places[place % places.length];
      return at === undefined ? [] : [[at, set(at, other[at], value)] as const];
    }),
  );
  const now = opened.map((value, at) => {
    const chance = noise[at] ?? 0;
    if (chance >= 0x100 * likely) return value;
    return set(at, value, chance % 2 === 0 ? destination[at] : noise[(7 * at + 1) % 4096]);
  });
  return { opened, now, destination };
});

Deno.test("a running device is never allowed where what QEMU read of it would be a veto", () => {
  const count = { allowed: 0, vetoed: 0, hidden: 0 };
  fc.assert(
    fc.property(
      running,
      fc.constantFrom(...["pc-q35-9.0", "pc-q35-9.1"].map(parseMachine)),
      fc.constantFrom(...BUS_KINDS),
      ({ opened, now, destination }, machine, bus) => {
        const migration = { ...CURRENT, machine };
        const exact = exactPair([opened, destination], { bus, properties: {} });
        const read = { kind: "running", bytes: now } as const;
        const seen = { ...exact, source: { ...exact.source, config: read } };
        const [wanted, found] = [judge(exact, migration), judge(seen, migration)];
        if (found.decision === "allow") {
          count.allowed++;
          assert(wanted.decision !== "veto", "allowed");
        }
        if (wanted.decision === "veto") count.vetoed++;
        if (wanted.decision === "veto" && found.decision === "undecided") count.hidden++;
        const failure = found.findings.find(({ code }) => code === "will-fail");
        if (failure !== undefined) assertEquals(wanted.decision, "veto");
      },
    ),
    { numRuns: 3000 },
  );
  assert(count.allowed > 100 && count.vetoed > 100 && count.hidden > 20, JSON.stringify(count));
});
