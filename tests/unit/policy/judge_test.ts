import { assertEquals } from "@std/assert";
import { parseDomain } from "premigrate";
import {
  definePolicy,
  type DetailedAnswer,
  judge,
  type Question,
  Registry,
  type SideFacts,
  v,
} from "premigrate/policy";
import { judgePairs } from "../../../lib/policy/judge.ts";
import { parseQemuVersion } from "../../../lib/qemu/mod.ts";
import { guestXml } from "../../helpers/hook_arrivals.ts";

/** Refuses a device on node 1. */
const nodeZero = definePolicy({
  id: "test/node-zero",
  title: "The device is on node 0",
  documentation: "For tests.",
  match: {},
  options: v.strictObject({}),
  codes: {
    differs: { severity: "veto", title: "It is not", message: "-", remedy: "-", about: "-" },
  },
  *evaluate({ destination }): Generator<{ code: "differs" }> {
    if (destination.numaNode === 1) yield { code: "differs" };
  },
});

const [A, B, C, D] = ["0000:3b:00.1", "0000:3b:00.2", "0000:3b:00.3", "0000:3b:00.4"] as const;
const GUEST = parseDomain(guestXml([
  { guest: "0000:01:00.0", source: A },
  { guest: "0000:02:00.0", source: B },
]));

function side(name: string, nodes: Readonly<Record<string, number>>): SideFacts {
  const devices = Object.entries(nodes).map(([address, numaNode]) => ({
    address,
    numaNode,
    inUse: name === "a",
  }));
  return { host: { name, uuid: name, networks: {} }, devices };
}

function ask(question: Partial<Question>): DetailedAnswer {
  return judge({
    registry: Registry.from([nodeZero]),
    source: side("a", { [A]: 0, [B]: 0 }),
    destination: side("b", { [A]: 0, [B]: 1, [C]: 0 }),
    guest: GUEST,
    ...question,
  });
}

function summaryOf({ verdict: { findings }, devices }: DetailedAnswer): unknown {
  return [
    ...devices.map(({ source, destination }) => `${source} -> ${destination}`),
    ...findings.filter(({ severity }) => severity !== "info").map(({ code }) => code),
  ];
}

const CHOOSE = { choose: Registry.from([nodeZero]) };

const QUESTIONS: readonly (readonly [
  name: string,
  question: Partial<Question>,
  ...wanted: readonly string[],
])[] = [
  ["the same addresses", {}, `${A} -> ${A}`, `${B} -> ${B}`, "differs"],
  ["a target", { targets: new Map([["hostdev1", C]]) }, `${A} -> ${A}`, `${B} -> ${C}`],
  ["a choice of devices that do", CHOOSE, `${A} -> ${A}`, `${B} -> ${C}`],
  [
    "none to choose",
    { ...CHOOSE, destination: side("b", { [A]: 0, [B]: 1 }) },
    `${A} -> ${A}`,
    `${B} -> ${B}`,
    "differs",
    "none-chosen",
  ],
  [
    "an arrival, where what has no target is not given another",
    { ...CHOOSE, arriving: new Map(), targets: new Map([["hostdev0", D]]) },
    `${A} -> ${A}`,
    `${B} -> ${B}`,
    "differs",
  ],
  [
    "an arrival, where a pool's devices are not chosen",
    {
      ...CHOOSE,
      targets: new Map([["hostdev0", D]]),
      arriving: new Map([["hostdev1", { network: "vfs", devices: [A] }]]),
    },
    `${A} -> ${C}`,
    `${B} -> ${A}`,
  ],
  [
    "one host",
    { guest: undefined, source: side("a", { [A]: 0 }), destination: side("a", { [A]: 0 }) },
    `${A} -> ${A}`,
    "same-host",
    "destination-in-use",
  ],
];

for (const [name, question, ...wanted] of QUESTIONS) {
  Deno.test(`judge: ${name}`, () => assertEquals(summaryOf(ask(question)), wanted));
}

Deno.test("judge: whether another guest has a device is not asked as the guest arrives", () => {
  const destination = { host: { name: "b", uuid: "b" }, devices: [{ address: A }, { address: B }] };
  assertEquals(summaryOf(ask({ destination })), [
    `${A} -> ${A}`,
    `${B} -> ${B}`,
    "use-not-known",
    "use-not-known",
  ]);
  assertEquals(summaryOf(ask({ destination, arriving: new Map() })), [
    `${A} -> ${A}`,
    `${B} -> ${B}`,
  ]);
});

Deno.test("judge answers of its pairs as judgePairs does", () => {
  const answer = ask({});
  const { verdict, pairs, migration } = answer;
  const again = judgePairs({ pairs, migration, registry: Registry.from([nodeZero]) });
  assertEquals(again.verdict, verdict);
  assertEquals(again.devices, answer.devices);
});

const ALIASES: Record<string, [machine: string | undefined, qemu: string | undefined, string[]]> = {
  "an alias": ["q35", "9.0.2", ["pc-q35-9.0 for q35, the newest of QEMU 9.0.2 on the source"]],
  "another": ["pc", "8.2", ["pc-i440fx-8.2 for pc, the newest of QEMU 8.2 on the source"]],
  "a type with a version": ["pc-q35-9.0", "9.0.2", []],
  "one that is no alias": ["microvm", "9.0.2", []],
  "an alias that nobody can resolve": ["q35", undefined, []],
  "no machine type": [undefined, "9.0.2", []],
};

for (const [name, [machine, qemu, types]] of Object.entries(ALIASES)) {
  Deno.test(`assumed of the machine type: ${name}`, () => {
    const host = qemu === undefined ? {} : { qemu: parseQemuVersion(qemu) };
    const { devices, ...a } = side("a", { [A]: 0, [B]: 0 });
    const source = { devices, host: { ...a.host, ...host } };
    const wanted = types.map((type) => `machine type ${type}`);
    assertEquals(ask({ source, guest: { ...GUEST, machine } }).assumptions, wanted);
  });
}
