import { assertEquals } from "@std/assert";
import { definePolicy, type DeviceFacts, type Migration, Registry, v } from "premigrate/policy";
import { pairDevices, type WantedDevice } from "../../../lib/policy/pair.ts";
import { chooseDevices } from "../../../lib/policy/choose.ts";

const MIGRATION: Migration = {
  source: { name: "a" },
  destination: { name: "b" },
  bytesOnly: false,
};

/** Allows a pair whose BAR 0 is no smaller on the destination. */
const barFits = definePolicy({
  id: "test/bar-fits",
  title: "BAR 0 is big enough",
  documentation: "For tests.",
  match: {},
  options: v.strictObject({}),
  codes: {
    differs: { severity: "veto", title: "It differs", message: "-", remedy: "-", about: "-" },
  },
  *evaluate({ source, destination }): Generator<{ code: "differs" }> {
    if ((source.bars?.[0] ?? 0) > (destination.bars?.[0] ?? 0)) yield { code: "differs" };
  },
});

const ASKED = {
  migration: MIGRATION,
  registry: Registry.from([barFits]),
  targets: new Map<string, string>(),
};

function device(address: string, bar: number, more: Partial<DeviceFacts> = {}): DeviceFacts {
  return { address, bars: [bar, 0, 0, 0, 0, 0], inUse: false, ...more };
}

function wanted(...addresses: string[]): WantedDevice[] {
  return addresses.map((address) => ({
    name: `of ${address}`,
    address,
    guest: { properties: {} },
  }));
}

const CHOICES: readonly {
  readonly name: string;
  readonly source: readonly DeviceFacts[];
  readonly destination: readonly DeviceFacts[];
  readonly chosen: readonly (string | undefined)[];
}[] = [
  {
    name: "the same address where it will do",
    source: [device("c", 1)],
    destination: [device("a", 1), device("c", 1)],
    chosen: ["c"],
  },
  {
    name: "the lowest address else",
    source: [device("c", 1)],
    destination: [device("b", 1), device("a", 1)],
    chosen: ["a"],
  },
  {
    name: "no mdev for a PCI function",
    source: [device("c", 1)],
    destination: [device("c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01", 1)],
    chosen: [undefined],
  },
  {
    name: "none that a policy forbids",
    source: [device("c", 2)],
    destination: [device("c", 1)],
    chosen: [undefined],
  },
  {
    name: "none that is in use, and none of which that is not known",
    source: [device("c", 1)],
    destination: [device("a", 1, { inUse: true }), { address: "b", bars: [1, 0, 0, 0, 0, 0] }],
    chosen: [undefined],
  },
  {
    name: "none twice",
    source: [device("s1", 1), device("s2", 1)],
    destination: [device("a", 1)],
    chosen: ["a", undefined],
  },
  {
    name: "the first gives way where the second has no other",
    source: [device("s1", 1), device("s2", 2)],
    destination: [device("a", 2), device("b", 1)],
    chosen: ["b", "a"],
  },
  {
    name: "the first keeps what it prefers where the second has another",
    source: [device("a", 1), device("s2", 1)],
    destination: [device("a", 1), device("b", 1)],
    chosen: ["a", "b"],
  },
  {
    name: "all of one NUMA node rather than the lowest",
    source: [device("s1", 1), device("s2", 1)],
    destination: [
      device("a", 1, { numaNode: 0 }),
      device("b", 1, { numaNode: 1 }),
      device("c", 1, { numaNode: 1 }),
    ],
    chosen: ["b", "c"],
  },
  {
    name: "of two nodes where one has not enough",
    source: [device("s1", 1), device("s2", 1)],
    destination: [device("a", 1, { numaNode: 0 }), device("b", 1, { numaNode: 1 })],
    chosen: ["a", "b"],
  },
  {
    name: "nothing for a device whose facts are missing",
    source: [],
    destination: [device("a", 1)],
    chosen: [undefined],
  },
];

for (const { name, source, destination, chosen } of CHOICES) {
  Deno.test(`chooseDevices: ${name}`, () => {
    const names = source.length === 0 ? ["s1"] : source.map(({ address }) => address);
    const choices = chooseDevices({ ...ASKED, wanted: wanted(...names), source, destination });
    assertEquals(choices.map(({ address }) => address), [...chosen]);
  });
}

Deno.test("chooseDevices shows every candidate's verdict", () => {
  const destination = [device("a", 0), device("b", 1), device("c", 1, { inUse: true })];
  const source = [device("s", 1)];
  const [choice] = chooseDevices({ ...ASKED, wanted: wanted("s"), source, destination });
  assertEquals(
    choice?.candidates.map(({ address, verdict }) => [address, verdict?.decision]),
    [["a", "veto"], ["b", "allow"], ["c", undefined]],
  );
});

Deno.test("pairDevices takes the device that a target names, and no device twice", () => {
  const targets = new Map([["of a", "x"], ["of b", "x"], ["of c", "gone"]]);
  const here = [device("a", 1), device("b", 1), device("c", 1)];
  const { pairs, findings } = pairDevices(
    wanted("a", "b", "c"),
    here,
    [device("x", 1), device("c", 1)],
    targets,
  );
  assertEquals(pairs.map(({ destination }) => destination.address), ["x", "x"]);
  assertEquals(findings.map(({ code, data }) => [code, data.address]), [
    ["paired-twice", "x"],
    ["no-facts", "gone"],
  ]);
});

const MANAGED: readonly (readonly [
  name: string,
  managed: WantedDevice["managed"],
  driver: DeviceFacts["driver"],
  foretold?: string,
])[] = [
  [
    "that is managed has the driver that fits it best",
    { model: undefined },
    { name: "qat_vfio_pci" },
    "qat_vfio_pci",
  ],
  ["that is not managed keeps the driver it has", undefined, { name: "nvidia" }],
  ["that is managed has a driver that nobody knows yet", { model: undefined }, undefined],
  ["that is managed has the driver that its XML names", { model: "mlx5_vfio_pci" }, {
    name: "mlx5_vfio_pci",
  }],
];

for (const [name, managed, driver, managedDriver] of MANAGED) {
  Deno.test(`pairDevices: a device ${name}`, () => {
    const migration = { offered: true };
    const there = device("a", 1, { driver: { name: "nvidia" }, managedDriver, migration });
    const [asked] = wanted("a");
    const { pairs } = pairDevices(
      asked === undefined ? [] : [{ ...asked, managed }],
      [device("a", 1)],
      [there],
    );
    assertEquals(pairs.map(({ destination }) => destination.driver), [driver]);
    // What the driver of now offers says nothing of another one.
    assertEquals(
      pairs.map(({ destination }) => destination.migration),
      [managed === undefined ? migration : undefined],
    );
  });
}

Deno.test("pairDevices: a device that another guest has there is a veto", () => {
  const there = device("a", 1, { inUse: true });
  const { findings } = pairDevices(wanted("a"), [device("a", 1)], [there]);
  assertEquals(findings.map(({ code, severity }) => [code, severity]), [
    ["destination-in-use", "veto"],
  ]);
});
