import { assert, assertEquals } from "@std/assert";
import {
  type Codes,
  type Decision,
  definePolicy,
  type DeviceFacts,
  type DevicePair,
  evaluate,
  type Finding,
  type Match,
  type Migration,
  type Policy,
  type PolicyFinding,
  Registry,
  type Severity,
  v,
} from "premigrate/policy";
import { decide } from "../../../lib/policy/engine.ts";
import { engineFinding } from "../../../lib/policy/engine_codes.ts";
import { spaceOf } from "../../cases/pci/space.ts";

const MIGRATION: Migration = {
  source: { name: "a" },
  destination: { name: "b" },
  bytesOnly: false,
};
const DEVICE: DeviceFacts = { address: "0000:3b:00.4" };
const PAIR: DevicePair = {
  name: "hostdev0",
  guest: { properties: {} },
  source: DEVICE,
  destination: DEVICE,
};

const PAGE = { title: "T", message: "m", remedy: "r", about: "a" };

// Of codes whose names are not known any finding is one.
const CODES: Codes = {
  noted: { severity: "info", ...PAGE },
  warned: { severity: "warn", ...PAGE },
  forbidden: { severity: "veto", ...PAGE },
};

/** A policy for every device that gives what `evaluate` gives. */
function policyOf(
  id: string,
  evaluate: () => Iterable<PolicyFinding>,
  { match = {}, judgesBytesAlone = true, attributes = [], judgesUnread }: {
    match?: Match;
    judgesBytesAlone?: boolean;
    attributes?: readonly string[];
    judgesUnread?: true;
  } = {},
): Policy {
  return definePolicy({
    id,
    title: "For tests",
    documentation: "For tests.",
    match,
    judgesBytesAlone,
    attributes,
    ...judgesUnread && { judgesUnread },
    options: v.strictObject({}),
    codes: CODES,
    evaluate,
  });
}

function judge(...policies: readonly Policy[]): readonly Finding[] {
  const registry = new Registry();
  for (const policy of policies) registry.use(policy);
  return evaluate([PAIR], MIGRATION, registry).findings;
}

function finding(severity: Severity): Finding {
  return { policy: "a/b", code: "c", severity, data: {} };
}

const DECISIONS: readonly (readonly [severities: readonly Severity[], Decision])[] = [
  [[], "allow"],
  [["info"], "allow"],
  [["warn", "info", "warn"], "allow"],
  [["undecided"], "undecided"],
  [["info", "undecided", "warn"], "undecided"],
  [["veto"], "veto"],
  [["undecided", "veto"], "veto"],
  [["veto", "undecided", "info"], "veto"],
];
for (const [severities, decision] of DECISIONS) {
  Deno.test(`decide: ${severities.join(", ") || "nothing"} is ${decision}`, () => {
    assertEquals(decide(severities.map(finding)), decision);
  });
}

Deno.test("evaluate: a finding gets its policy, device and the severity of its code", () => {
  const policy = policyOf("a/b", () => [
    { code: "noted" },
    { code: "warned", offset: 0, data: { found: 1, text: "x", ok: false } },
  ]);
  assertEquals(judge(policy), [
    {
      policy: "a/b",
      code: "warned",
      severity: "warn",
      device: "hostdev0",
      offset: 0,
      data: { found: 1, text: "x", ok: false },
    },
    { policy: "a/b", code: "noted", severity: "info", device: "hostdev0", data: {} },
  ]);
});

Deno.test("evaluate: a finding may have a severity of its own", () => {
  const policy = policyOf("a/b", () => [
    { code: "forbidden", severity: "info" },
    { code: "noted", severity: "undecided" },
  ]);
  assertEquals(judge(policy).map(({ code, severity }) => [code, severity]), [
    ["noted", "undecided"],
    ["forbidden", "info"],
  ]);
});

Deno.test("evaluate: what decides comes first, else the order of policies and findings stays", () => {
  const [first, second] = ["a/a", "b/b"].map((id) =>
    policyOf(id, () => [{ code: "noted" }, { code: "forbidden" }, { code: "warned" }])
  );
  assert(first !== undefined && second !== undefined);
  const findings = judge(second, first).map(({ policy, code }) => `${policy} ${code}`);
  assertEquals(findings, [
    "a/a forbidden",
    "b/b forbidden",
    "a/a warned",
    "b/b warned",
    "a/a noted",
    "b/b noted",
  ]);
});

Deno.test("evaluate: findings that were made before count, and are not changed", () => {
  const earlier = [engineFinding("not-looked-at", undefined, { type: "usb" }), finding("veto")];
  const before = structuredClone(earlier);
  const verdict = evaluate([], MIGRATION, new Registry(), earlier);
  assertEquals(verdict.decision, "veto");
  assertEquals(verdict.findings.map(({ severity }) => severity), ["veto", "info"]);
  assertEquals(earlier, before);
});

Deno.test("evaluate: every pair is judged by every policy", () => {
  const registry = new Registry().use(policyOf("a/a", () => [])).use(policyOf("b/b", () => []));
  const pairs = [PAIR, { ...PAIR, name: "hostdev1" }];
  assertEquals(evaluate(pairs, MIGRATION, registry).ran, [
    { policy: "a/a", device: "hostdev0" },
    { policy: "b/b", device: "hostdev0" },
    { policy: "a/a", device: "hostdev1" },
    { policy: "b/b", device: "hostdev1" },
  ]);
});

/** A policy on the guest as a whole, and on no device. */
const OF_GUEST = definePolicy({
  id: "guest/policy",
  title: "For tests",
  documentation: "For tests.",
  match: { drivers: [] },
  options: v.strictObject({ name: v.optional(v.string(), "vm1") }),
  codes: { forbidden: { severity: "veto", ...PAGE } },
  evaluate: () => [{ code: "forbidden" }],
  *evaluateGuest({ guest }, { name }): Generator<{ code: "forbidden" }> {
    if (guest === name) yield { code: "forbidden" };
  },
});

Deno.test("evaluate: a policy on the guest as a whole is applied once, with devices and without", () => {
  const registry = new Registry().use(OF_GUEST);
  const migration = { ...MIGRATION, guest: "vm1" };
  for (const pairs of [[], [PAIR], [PAIR, { ...PAIR, name: "hostdev1" }]]) {
    const { findings, ran, notRun } = evaluate(pairs, migration, registry);
    assertEquals(findings, [
      { policy: "guest/policy", code: "forbidden", severity: "veto", data: {} },
    ]);
    assertEquals([ran, notRun], [[{ policy: "guest/policy" }], []]);
  }
  assertEquals(evaluate([], MIGRATION, registry).decision, "allow");
  const other = new Registry().use(OF_GUEST, { name: "vm2" });
  assertEquals(evaluate([], migration, other).decision, "allow");
});

Deno.test("evaluate: of bytes alone a policy on the guest as a whole is not asked", () => {
  const registry = new Registry().use(OF_GUEST);
  const { decision, notRun } = evaluate([PAIR], { ...MIGRATION, bytesOnly: true }, registry);
  assertEquals([decision, notRun], ["allow", [
    { policy: "guest/policy", device: "hostdev0", reason: "needs-facts" },
  ]]);
});

const SOUND = policyOf("sound/policy", () => [{ code: "warned" }]);

function* thenThrow(error: unknown): Generator<PolicyFinding> {
  yield { code: "noted" };
  yield { code: "warned" };
  throw error;
}

const THROWN: readonly (readonly [name: string, error: unknown, problem: string])[] = [
  ["an error", new RangeError("It went wrong"), "It went wrong"],
  ["a text", "it went wrong", "it went wrong"],
  ["nothing", undefined, "undefined"],
  ["null", null, "null"],
  ["a symbol", Symbol("wrong"), "Symbol(wrong)"],
  ["something that has no text", Object.create(null), "It threw what cannot be shown as text"],
];
for (const [name, error, problem] of THROWN) {
  Deno.test(`evaluate: a policy that throws ${name} keeps its findings and the others'`, () => {
    const findings = judge(policyOf("broken/policy", () => thenThrow(error)), SOUND);
    assertEquals(findings.map(({ policy, code }) => [policy, code]), [
      ["premigrate", "policy-failed"],
      ["broken/policy", "warned"],
      ["sound/policy", "warned"],
      ["broken/policy", "noted"],
    ]);
    assertEquals(findings[0], {
      policy: "premigrate",
      code: "policy-failed",
      severity: "undecided",
      about: "broken/policy",
      device: "hostdev0",
      data: { id: "broken/policy", problem },
    });
    assertEquals(decide(findings), "undecided");
  });
}

Deno.test("evaluate: a veto stands although its policy fails later", () => {
  const policy = policyOf("broken/policy", function* (): Generator<PolicyFinding> {
    yield { code: "forbidden" };
    throw new Error("later");
  });
  assertEquals(decide(judge(policy)), "veto");
});

Deno.test("evaluate: a policy that fails for one device is asked about the next", () => {
  let asked = 0;
  const policy = policyOf("broken/policy", () => {
    asked++;
    throw new Error("It went wrong");
  });
  const pairs = [PAIR, { ...PAIR, name: "hostdev1" }];
  const { findings } = evaluate(pairs, MIGRATION, new Registry().use(policy));
  assertEquals(asked, 2);
  assertEquals(findings.map(({ device }) => device), ["hostdev0", "hostdev1"]);
});

const UNDECLARED: readonly (readonly [found: string, problem: string])[] = [
  [
    '{"code":"unheard-of"}',
    'It gave a finding of code "unheard-of", which it does not declare',
  ],
  [
    '{"code":"constructor"}',
    'It gave a finding of code "constructor", which it does not declare',
  ],
  [
    '{"code":"noted","severity":"fatal"}',
    'It gave a finding of severity "fatal", which does not exist',
  ],
  [
    '{"code":"noted","severity":"toString"}',
    'It gave a finding of severity "toString", which does not exist',
  ],
];
for (const [found, problem] of UNDECLARED) {
  Deno.test(`evaluate: ${found} is a failure of its policy`, () => {
    // As a policy without types might give it.
    const findings = judge(policyOf("broken/policy", () => [JSON.parse(found)]), SOUND);
    assertEquals(findings.map(({ code }) => code), ["policy-failed", "warned"]);
    assertEquals(findings[0]?.data, { id: "broken/policy", problem });
  });
}

Deno.test("evaluate: what is no list of findings is a failure of its policy", () => {
  for (const given of ["42", "null", "{}", "[null]", "[7]"]) {
    const findings = judge(policyOf("broken/policy", () => JSON.parse(given)), SOUND);
    assertEquals(findings.map(({ code }) => code), ["policy-failed", "warned"], given);
  }
});

Deno.test("evaluate: a policy that never stops is stopped, and its findings stay bounded", () => {
  let isClosed = false;
  const policy = policyOf("broken/policy", function* (): Generator<PolicyFinding> {
    try {
      for (;;) yield { code: "noted" };
    } finally {
      isClosed = true;
    }
  });
  const findings = judge(policy, SOUND);
  assertEquals(findings.length, 1002);
  assertEquals(findings[0]?.data.problem, "It gave more than 1000 findings at once");
  assert(findings.some(({ policy }) => policy === "sound/policy"));
  assert(isClosed);
});

Deno.test("evaluate: 1000 findings are not too many", () => {
  const policy = policyOf("a/b", () => Array.from({ length: 1000 }, () => ({ code: "noted" })));
  const findings = judge(policy);
  assertEquals([findings.length, decide(findings)], [1000, "allow"]);
});

/** An NVIDIA display controller, by its bytes. */
const BYTES = spaceOf({ 0x00: "de 10 b8 1e", 0x08: "a1 00 00 03" });
const BY_BYTES: DeviceFacts = { ...DEVICE, config: { kind: "realize", bytes: BYTES } };
const BY_FACTS: DeviceFacts = { ...DEVICE, vendor: 0x10de, device: 0x1eb8, class: 0x030000 };
const MELLANOX: DeviceFacts = { ...DEVICE, vendor: 0x15b3, device: 0x101e, class: 0x020000 };
const ASLEEP: DeviceFacts = {
  ...DEVICE,
  config: { kind: "realize", bytes: new Uint8Array(256).fill(0xff) },
};
const BOUND: DeviceFacts = { ...BY_FACTS, driver: { name: "nvidia-vgpu-vfio" } };

type Outcome = "ran" | "unknown-device" | "passed over";
const MATCHES: readonly (readonly [name: string, Match, DeviceFacts, DeviceFacts, Outcome])[] = [
  ["no list holds for every device", {}, DEVICE, ASLEEP, "ran"],
  ["a vendor in the bytes", { vendors: [0x10de] }, BY_BYTES, BY_BYTES, "ran"],
  ["a vendor in the facts", { vendors: [0x10de] }, BY_FACTS, BY_FACTS, "ran"],
  ["one of several vendors", { vendors: [0x1002, 0x10de] }, BY_FACTS, BY_FACTS, "ran"],
  ["the source alone", { vendors: [0x10de] }, BY_FACTS, MELLANOX, "ran"],
  ["the destination alone", { vendors: [0x10de] }, MELLANOX, BY_FACTS, "ran"],
  ["neither", { vendors: [0x1002] }, MELLANOX, BY_FACTS, "passed over"],
  ["an empty list", { vendors: [] }, BY_FACTS, BY_FACTS, "passed over"],
  ["one side that is known is enough", { vendors: [0x10de] }, ASLEEP, BY_BYTES, "ran"],
  ["neither id is known", { vendors: [0x10de] }, ASLEEP, DEVICE, "unknown-device"],
  ["an unknown side may be the one", { vendors: [0x10de] }, MELLANOX, ASLEEP, "unknown-device"],
  ["a device id", { vendors: [0x10de], devices: [0x1eb8] }, BY_BYTES, MELLANOX, "ran"],
  [
    "another device id",
    { vendors: [0x10de], devices: [0x1eb9] },
    BY_BYTES,
    BY_FACTS,
    "passed over",
  ],
  ["a base class in the bytes", { baseClasses: [0x03] }, BY_BYTES, BY_BYTES, "ran"],
  ["a base class in the facts", { baseClasses: [0x03] }, BY_FACTS, MELLANOX, "ran"],
  ["another base class", { baseClasses: [0x01] }, BY_FACTS, MELLANOX, "passed over"],
  [
    "one device must fit every list",
    { vendors: [0x10de], baseClasses: [0x02] },
    BY_FACTS,
    MELLANOX,
    "passed over",
  ],
  ["a driver", { drivers: ["nvidia-vgpu-vfio"] }, BOUND, MELLANOX, "ran"],
  ["another driver", { drivers: ["vfio-pci"] }, BOUND, BOUND, "passed over"],
  ["no driver is known", { drivers: ["vfio-pci"] }, BY_FACTS, BOUND, "unknown-device"],
  [
    "of another vendor, whatever its driver",
    { vendors: [0x1002], drivers: ["x"] },
    BY_FACTS,
    BY_FACTS,
    "passed over",
  ],
];
for (const [name, match, source, destination, outcome] of MATCHES) {
  Deno.test(`evaluate, match: ${name}`, () => {
    const registry = new Registry().use(policyOf("a/b", () => [], { match }));
    const { ran, notRun, decision } = evaluate(
      [{ ...PAIR, source, destination }],
      MIGRATION,
      registry,
    );
    const names = { policy: "a/b", device: "hostdev0" };
    assertEquals(ran, outcome === "ran" ? [names] : []);
    assertEquals(notRun, outcome === "unknown-device" ? [{ ...names, reason: outcome }] : []);
    assertEquals(decision, "allow");
  });
}

const CLAIMED:
  readonly (readonly [name: string, others: readonly Match[], DeviceFacts, boolean])[] = [
    ["no other policy", [], BY_FACTS, true],
    ["a policy for every device", [{}], BY_FACTS, true],
    ["a policy for a driver of any vendor's", [{ drivers: ["nvidia-vgpu-vfio"] }], BOUND, true],
    ["a policy for another vendor", [{ vendors: [0x1002] }], BY_FACTS, true],
    ["a policy for the vendor", [{ vendors: [0x10de] }], BY_FACTS, false],
    [
      "a policy for other devices of the vendor",
      [{ vendors: [0x10de], devices: [1] }],
      BOUND,
      true,
    ],
    [
      "a policy for the vendor and the driver",
      [{ vendors: [0x10de], drivers: ["nvidia-vgpu-vfio"] }],
      BOUND,
      false,
    ],
    [
      "a policy for the vendor and a driver, where none is known",
      [{ vendors: [0x10de], drivers: ["nvidia-vgpu-vfio"] }],
      BY_FACTS,
      true,
    ],
    [
      "a policy for what of the vendor's cannot migrate",
      [{ vendors: [0x10de], vouches: false }],
      BOUND,
      true,
    ],
    [
      "a policy that is itself for what nobody vouches for",
      [{ vendors: [0x10de], unclaimed: true }],
      BY_FACTS,
      true,
    ],
    ["a policy for the destination's vendor", [{ vendors: [0x15b3] }], BY_FACTS, false],
    ["a device whose ids are not known", [{ vendors: [0x10de] }], ASLEEP, true],
  ];
for (const [name, others, source, runs] of CLAIMED) {
  Deno.test(`evaluate, match: unclaimed, with ${name}`, () => {
    const registry = new Registry().use(policyOf("z/z", () => [], { match: { unclaimed: true } }));
    for (const [index, match] of others.entries()) {
      registry.use(policyOf(`a/b${index}`, () => [], { match }));
    }
    const { ran } = evaluate([{ ...PAIR, source, destination: MELLANOX }], MIGRATION, registry);
    assertEquals(ran.some(({ policy }) => policy === "z/z"), runs);
  });
}

Deno.test("evaluate: of bytes alone a policy that needs more is not asked, whatever it matches", () => {
  const policy = policyOf("a/b", () => [], { match: { drivers: ["x"] }, judgesBytesAlone: false });
  const { notRun } = evaluate(
    [PAIR],
    { ...MIGRATION, bytesOnly: true },
    new Registry().use(policy),
  );
  assertEquals(notRun.map(({ reason }) => reason), ["needs-facts"]);
});

const ASKED: readonly (readonly [judges: boolean, bytesOnly: boolean, runs: boolean])[] = [
  [true, true, true],
  [false, true, false],
  [true, false, true],
  [false, false, true],
];
for (const [judgesBytesAlone, bytesOnly, runs] of ASKED) {
  const asked = bytesOnly ? "bytes alone" : "a migration";
  const kind = judgesBytesAlone ? "judges bytes alone" : "needs more";
  Deno.test(`evaluate: of ${asked} a policy that ${kind} is ${runs ? "" : "not "}asked`, () => {
    const registry = new Registry().use(policyOf("a/b", () => [], { judgesBytesAlone }));
    const { ran, notRun } = evaluate([PAIR], { ...MIGRATION, bytesOnly }, registry);
    const names = { policy: "a/b", device: "hostdev0" };
    assertEquals(ran, runs ? [names] : []);
    assertEquals(notRun, runs ? [] : [{ ...names, reason: "needs-facts" }]);
  });
}

type Attributes = DeviceFacts["attributes"];

const READ = { fw_rev: "7", "parent/fw_rev": "8" };
const ATTRIBUTES: readonly (readonly [
  name: string,
  source: Attributes,
  destination: Attributes,
  unread: readonly (readonly [attribute: string, side: string])[],
])[] = [
  ["both sides have them", READ, READ, []],
  ["more was read", { ...READ, x: "1" }, READ, []],
  ["one is not there", { ...READ, fw_rev: null }, READ, []],
  ["none is there", { fw_rev: null, "parent/fw_rev": null }, READ, []],
  ["one is empty", READ, { ...READ, fw_rev: "" }, []],
  ["nobody looked on the source", undefined, READ, [
    ["fw_rev", "source"],
    ["parent/fw_rev", "source"],
  ]],
  ["one was not read on the destination", READ, { fw_rev: "7" }, [
    ["parent/fw_rev", "destination"],
  ]],
  ["one was not read on either side", { fw_rev: "7" }, { fw_rev: "7" }, [
    ["parent/fw_rev", "source"],
    ["parent/fw_rev", "destination"],
  ]],
  ["the parent's alone was read", READ, { "parent/fw_rev": "7" }, [["fw_rev", "destination"]]],
];
for (const [name, source, destination, unread] of ATTRIBUTES) {
  Deno.test(`evaluate, attributes: ${name}`, () => {
    const attributes = ["fw_rev", "parent/fw_rev", "fw_rev"];
    const registry = new Registry()
      .use(policyOf("a/b", () => [{ code: "noted" }], { attributes }))
      .use(policyOf("b/c", () => [{ code: "noted" }]));
    const pair = {
      ...PAIR,
      source: { ...DEVICE, attributes: source },
      destination: { ...DEVICE, attributes: destination },
    };
    const { findings, ran, notRun, decision } = evaluate([pair], MIGRATION, registry);
    const runs = unread.length === 0;
    const names = { policy: "a/b", device: "hostdev0" };
    assertEquals(decision, runs ? "allow" : "undecided");
    assertEquals(
      findings.filter(({ code }) => code !== "noted"),
      unread.map(([attribute, side]) =>
        engineFinding("attribute-not-read", "hostdev0", { id: "a/b", attribute, side }, "a/b")
      ),
    );
    assertEquals(
      findings.flatMap(({ code, policy }) => code === "noted" ? [policy] : []),
      runs ? ["a/b", "b/c"] : ["b/c"],
    );
    assertEquals(ran.some(({ policy }) => policy === "a/b"), runs);
    assertEquals(notRun, runs ? [] : [{ ...names, reason: "attribute-not-read" }]);
  });
}

Deno.test("evaluate, attributes: a policy that says so is applied where none was read", () => {
  const choices = { attributes: ["fw_rev"], judgesUnread: true } as const;
  const policy = policyOf("a/b", () => [{ code: "noted" }], choices);
  const { findings, ran, notRun } = evaluate([PAIR], MIGRATION, new Registry().use(policy));
  assertEquals(findings.map(({ policy, code }) => [policy, code]), [["a/b", "noted"]]);
  assertEquals([ran.length, notRun], [1, []]);
});

Deno.test("evaluate, attributes: no name is known of an object's own accord", () => {
  const attributes = ["constructor", "__proto__", "toString"];
  const known = { ...DEVICE, attributes: {} };
  const registry = new Registry().use(policyOf("a/b", () => [], { attributes }));
  const { findings } = evaluate(
    [{ ...PAIR, source: known, destination: known }],
    MIGRATION,
    registry,
  );
  assertEquals(findings.length, 6);
});

Deno.test("evaluate, attributes: a device that is another policy's, or of bytes alone, needs none", () => {
  const other = policyOf("a/b", () => [], { match: { vendors: [0x10de] }, attributes: ["fw_rev"] });
  const pair = { ...PAIR, source: MELLANOX, destination: MELLANOX };
  assertEquals(evaluate([pair], MIGRATION, new Registry().use(other)).findings, []);
  const registry = new Registry().use(policyOf("a/b", () => [], { attributes: ["fw_rev"] }));
  const { findings, notRun } = evaluate([PAIR], { ...MIGRATION, bytesOnly: true }, registry);
  assertEquals([findings, notRun], [[], [
    { policy: "a/b", device: "hostdev0", reason: "needs-facts" },
  ]]);
});

Deno.test("evaluate: what is undefined in a finding's data is left out", () => {
  const data = { known: 0, unknown: undefined };
  const [found] = judge(policyOf("a/b", () => [{ code: "noted", data }]));
  assertEquals(found?.data, { known: 0 });
});
