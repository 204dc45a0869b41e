import { assert, assertEquals, assertInstanceOf, assertNotEquals } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import fc from "fast-check";
import {
  BUS_KINDS,
  type BusKind,
  type Codes,
  type ConfigView,
  definePolicy,
  type DeviceFacts,
  type DevicePair,
  evaluate,
  fillMessage,
  identify,
  type Migration,
  parseMachine,
  parseQemuVersion,
  type Policy,
  type PolicyFinding,
  type QemuVersion,
  readRegions,
  realize,
  Registry,
  v,
} from "premigrate/policy";
import { decide } from "../../../lib/policy/engine.ts";
import { isAttributeName } from "../../../lib/policy/attributes.ts";
import { pairDevices } from "../../../lib/policy/pair.ts";
import restoreCheck from "../../../plugins/qemu/restore-check/policy.ts";

const RELEASES = ["5.2", "8.0", "8.1", "9.0", "9.1", "10.0", "10.1", "11.1"].map(parseQemuVersion);
const byte = fc.integer({ min: 0, max: 0xff });

/** Config space with both lists, in places that do not overlap. */
const spaces = fc.record({
  size: fc.constantFrom(256, 4096),
  vendor: fc.constantFrom([0xde, 0x10], [0xb3, 0x15], [0x86, 0x80], [0xff, 0xff]),
  fill: byte,
  standard: fc.uniqueArray(
    fc.record({
      place: fc.integer({ min: 2, max: 7 }),
      id: fc.constantFrom(0x01, 0x03, 0x05, 0x09, 0x0d, 0x10, 0x13, 0x14),
      flags: fc.constantFrom(0x00, 0x02, 0x82, 0x92),
    }),
    { selector: ({ place }) => place },
  ),
  extended: fc.uniqueArray(
    fc.record({
      place: fc.integer({ min: 1, max: 0xf }),
      id: fc.constantFrom(0x00, 0x01, 0x03, 0x0b, 0x0e, 0x0f, 0x10, 0x15, 0x1b, 0x23),
    }),
    { selector: ({ place }) => place },
  ),
}).map(({ size, vendor, fill, standard, extended }) => {
  const bytes = new Uint8Array(4096).fill(fill, 0x40);
  bytes.set(vendor);
  bytes[0x06] = 0x10;
  bytes[0x0b] = 0x03;
  bytes[0x34] = 0x20 * (standard[0]?.place ?? 0);
  bytes[0x3d] = 1;
  for (const [index, { place, id, flags }] of standard.entries()) {
    bytes.set([id, 0x20 * (standard[index + 1]?.place ?? 0), flags, 0], 0x20 * place);
  }
  bytes.fill(0, 0x100, 0x104);
  for (const [index, { place, id }] of extended.entries()) {
    const at = index === 0 ? 0x100 : 0x100 * place;
    bytes.set([id, 0, 1, 0x10 * (extended[index + 1]?.place ?? 0)], at);
  }
  // The first one's place is the head's, so nothing may lead there again.
  return extended.some(({ place }, index) => index > 0 && place === 1)
    ? bytes.slice(0, 256)
    : bytes.slice(0, size);
});

function maybe<T>(known: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(known, { nil: undefined });
}

interface Asked {
  readonly device: DeviceFacts & { readonly config: ConfigView };
  readonly qemu: QemuVersion | undefined;
  readonly machine: string | undefined;
  readonly bus: BusKind | undefined;
  readonly bytesOnly: boolean;
  readonly properties: Readonly<Record<string, string>>;
}

const asked: fc.Arbitrary<Asked> = fc.record({
  device: fc.record({
    address: fc.constant("0000:3b:00.4"),
    config: fc.record({
      kind: fc.constantFrom<ConfigView["kind"][]>("realize", "sysfs", "guest"),
      bytes: spaces,
    }),
    vendor: maybe(fc.constant(0x10de)),
    device: maybe(fc.constant(0x1eb8)),
    bars: maybe(fc.constant([0x1000, 2 ** 32, 0, 0, 0, 8])),
    romSize: maybe(fc.constant(0x10000)),
  }),
  qemu: maybe(fc.constantFrom(...RELEASES)),
  machine: maybe(fc.constantFrom("pc-q35-5.2", "pc-i440fx-5.2", "pc-q35-noble", "virt-5.2")),
  bus: maybe(fc.constantFrom(...BUS_KINDS)),
  bytesOnly: fc.boolean(),
  properties: fc.constantFrom({}, {}, { multifunction: "on" }, { rombar: "0" }),
});

/** Whether QEMU can open the device, whatever the facts are that are not known. */
function canBeOpened({ device, qemu, bus }: Asked): boolean {
  const { bars, romSize } = device;
  return readRegions(device.config, device).every((view) =>
    (qemu === undefined ? RELEASES : [qemu]).every((qemu) =>
      (bus === undefined ? BUS_KINDS : [bus]).every((bus) =>
        realize(view, { qemu, skipVscCheck: true, bus, bars, romSize, properties: {} }).ok
      )
    )
  );
}

Deno.test("qemu/restore-check: two equal devices that QEMU can open are never vetoed", () => {
  const registry = new Registry().use(restoreCheck);
  const decisions = new Set<string>();
  fc.assert(
    fc.property(asked, (asked) => {
      fc.pre(canBeOpened(asked));
      const { device, qemu, machine, bus, bytesOnly, properties } = asked;
      const { decision, findings, ran } = evaluate(
        [{ name: "d", guest: { bus, properties }, source: device, destination: device }],
        {
          machine: machine === undefined ? undefined : parseMachine(machine),
          source: { name: "a", qemu },
          destination: { name: "b", qemu },
          bytesOnly,
        },
        registry,
      );
      assertNotEquals(decision, "veto", JSON.stringify(findings));
      assert(findings.every(({ code }) => code !== "policy-failed"), JSON.stringify(findings));
      assertEquals(ran.length, 1);
      decisions.add(decision);
    }),
    { numRuns: 300 },
  );
  assertEquals([...decisions].toSorted(), ["allow", "undecided"]);
});

Deno.test("qemu/restore-check: with everything known, two equal devices are allowed", () => {
  const registry = new Registry().use(restoreCheck);
  const known = fc.record({
    bytes: spaces,
    qemu: fc.constantFrom(...RELEASES),
    bus: fc.constantFrom(...BUS_KINDS),
  });
  fc.assert(
    fc.property(known, ({ bytes, qemu, bus }) => {
      const facts = {
        address: "0000:3b:00.4",
        vendor: 0x10de,
        bars: [0, 0, 0, 0, 0, 0],
        romSize: 0,
      };
      const device = { ...facts, config: { kind: "realize", bytes } } as const;
      const asked = { device, qemu, machine: undefined, bus, bytesOnly: false, properties: {} };
      fc.pre(canBeOpened(asked) && bytes[0] !== 0xff);
      const pair = {
        name: "d",
        guest: { bus, properties: {} },
        source: device,
        destination: device,
      };
      const host = { name: "a", qemu, machineTypes: ["pc-q35-5.2"] };
      const migration = {
        machine: parseMachine("pc-q35-5.2"),
        source: host,
        destination: host,
        bytesOnly: false,
      };
      const { decision, findings } = evaluate([pair], migration, registry);
      assertEquals(decision, "allow", JSON.stringify(findings));
      assert(findings.some(({ code }) => code === "will-pass"));
    }),
    { numRuns: 300 },
  );
});

const DEVICE = { address: "0000:3b:00.4" };
const PAIR: DevicePair = {
  name: "d",
  guest: { properties: {} },
  source: DEVICE,
  destination: DEVICE,
};
const MIGRATION: Migration = {
  source: { name: "a" },
  destination: { name: "b" },
  bytesOnly: false,
};
const PAGE = { title: "T", message: "m", remedy: "r", about: "a" };
const CODES: Codes = {
  noted: { severity: "info", ...PAGE },
  warned: { severity: "warn", ...PAGE },
  missed: { severity: "undecided", ...PAGE },
  forbidden: { severity: "veto", ...PAGE },
};

/** What a policy does next: give something, a finding or not, or throw something. */
type Step = { readonly give: unknown } | { readonly fail: unknown };

function policyOf(id: string, steps: readonly Step[]): Policy {
  return definePolicy({
    id,
    title: "For tests",
    documentation: "For tests.",
    match: {},
    options: v.strictObject({}),
    codes: CODES,
    *evaluate(): Generator<PolicyFinding> {
      for (const step of steps) {
        if ("fail" in step) throw step.fail;
        // As a policy without types might.
        yield JSON.parse(JSON.stringify(step.give) ?? "null");
      }
    },
  });
}

const code = fc.constantFrom("noted", "warned", "missed", "forbidden");
const sound = fc.record({ give: fc.record({ code }) });
const step = fc.oneof(
  { weight: 8, arbitrary: sound },
  { weight: 1, arbitrary: fc.record({ give: fc.jsonValue() }) },
  { weight: 1, arbitrary: fc.record({ fail: fc.anything({ withNullPrototype: true }) }) },
);
const id = fc.stringMatching(/^[a-z0-9-]{1,8}\/[a-z0-9-]{1,8}$/);
const policies = fc.uniqueArray(
  fc.record({ id, steps: fc.array(step, { maxLength: 5 }) }),
  { selector: ({ id }) => id, maxLength: 6 },
);

Deno.test("evaluate: whatever policies do there is a verdict, whatever their order the same", () => {
  fc.assert(fc.property(policies, fc.nat({ max: 3 }), (policies, count) => {
    const [forth, back] = [policies, policies.toReversed()].map((list) => {
      const registry = new Registry();
      for (const { id, steps } of list) registry.use(policyOf(id, steps));
      const pairs = Array.from({ length: count }, (_, i) => ({ ...PAIR, name: `d${i}` }));
      return evaluate(pairs, MIGRATION, registry);
    });
    assert(forth !== undefined && back !== undefined);
    assertEquals(forth, back);
    assertEquals(forth.decision, decide(forth.findings));
    assertEquals(forth.ran.length, count * policies.length);
    JSON.parse(JSON.stringify(forth));
  }));
});

Deno.test("evaluate: a failing policy takes nothing from the others", () => {
  fc.assert(
    fc.property(policies, fc.array(sound, { maxLength: 5 }), (policies, steps) => {
      const alone = evaluate([PAIR], MIGRATION, new Registry().use(policyOf("me/me", steps)));
      const registry = new Registry().use(policyOf("me/me", steps));
      for (const { id, steps } of policies) {
        if (id !== "me/me") registry.use(policyOf(id, steps));
      }
      const { findings, decision } = evaluate([PAIR], MIGRATION, registry);
      assertEquals(findings.filter(({ policy }) => policy === "me/me"), alone.findings);
      if (alone.decision === "veto") assertEquals(decision, "veto");
      if (alone.decision === "undecided") assertNotEquals(decision, "allow");
    }),
  );
});

Deno.test("configure: takes options or throws a PremigrateError", () => {
  const policy = definePolicy({
    id: "a/b",
    title: "For tests",
    documentation: "For tests.",
    match: {},
    options: v.strictObject({ limit: v.optional(v.number(), 1) }),
    codes: {},
    evaluate: () => [],
  });
  for (const given of [restoreCheck, policy]) {
    fc.assert(fc.property(fc.oneof(fc.jsonValue(), fc.anything()), (options) => {
      try {
        given.configure(options);
      } catch (error) {
        assertInstanceOf(error, PremigrateError);
        assertEquals(error.doing, `Cannot set the options of policy ${given.id}`);
      }
    }));
  }
});

Deno.test("definePolicy: an id has the form or there is a TypeError", () => {
  fc.assert(fc.property(fc.oneof(id, fc.string(), fc.stringMatching(/^[a-z/-]*$/)), (id) => {
    const isId = /^[a-z0-9-]+\/[a-z0-9-]+$/.test(id);
    try {
      assertEquals(policyOf(id, []).id, id);
      assert(isId);
    } catch (error) {
      assert(!isId);
      assertInstanceOf(error, TypeError);
    }
  }));
});

Deno.test("fillMessage: no value is read again as a message, and nothing else is touched", () => {
  const name = fc.stringMatching(/^[a-z]{1,3}$/);
  const value = fc.oneof(fc.integer(), fc.boolean(), fc.string(), fc.constantFrom("{a}", "$&"));
  const parts = fc.array(fc.oneof(
    fc.record({ text: fc.stringMatching(/^[^{}]*$/) }),
    fc.record({ name, isHex: fc.boolean() }),
  ));
  fc.assert(fc.property(parts, fc.dictionary(name, value), (parts, values) => {
    const message = parts.map((part) =>
      "text" in part ? part.text : `{${part.name}${part.isHex ? ":hex" : ""}}`
    ).join("");
    const wanted = parts.map((part) => {
      if ("text" in part) return part.text;
      const value = values[part.name];
      if (value === undefined) return `{${part.name}${part.isHex ? ":hex" : ""}}`;
      return part.isHex && typeof value === "number" ? `0x${value.toString(16)}` : String(value);
    }).join("");
    assertEquals(fillMessage(message, values), wanted);
  }));
});

Deno.test("pairDevices: each wanted device has a pair or a finding that says why not", () => {
  const address = fc.constantFrom("0000:3b:00.4", "0000:3b:00.5", "0000:3b:00.6", "0000:af:00.1");
  const facts: fc.Arbitrary<DeviceFacts[]> = fc.uniqueArray(
    address.map((address) => ({ address, inUse: false })),
    {
      selector: ({ address }) => address,
    },
  );
  const wanted = fc.array(maybe(address), { maxLength: 4 }).map((addresses) =>
    addresses.map((address, i) => ({ name: `d${i}`, address, guest: { properties: {} } }))
  );
  fc.assert(fc.property(wanted, facts, facts, (wanted, source, destination) => {
    const { pairs, findings } = pairDevices(wanted, source, destination);
    const without = findings.filter(({ severity, code }) =>
      severity === "undecided" && !["paired-twice", "paired-by-elimination"].includes(code)
    );
    assertEquals(
      [...pairs.map(({ name }) => name), ...without.map(({ device }) => device)].toSorted(),
      wanted.map(({ name }) => name),
    );
    for (const pair of pairs) {
      assert(source.includes(pair.source) && destination.includes(pair.destination));
      const { address } = wanted.find(({ name }) => name === pair.name) ?? {};
      const isPlain = pair.source.address === address && pair.destination.address === address;
      const isTold = findings.some(({ code, device }) =>
        code === "paired-by-elimination" && device === pair.name
      );
      assertEquals(isTold, !isPlain);
    }
  }));
});

Deno.test("identify: facts come before bytes, and ffff in the bytes is no id", () => {
  const view = maybe(fc.record({
    kind: fc.constantFrom<ConfigView["kind"][]>("realize", "sysfs", "guest"),
    bytes: fc.uint8Array({ maxLength: 300 }),
  }));
  const word = maybe(fc.integer({ min: 0, max: 0xffff }));
  fc.assert(fc.property(view, word, word, word, (config, vendor, device, class_) => {
    const found = identify({ address: "x", config, vendor, device, class: class_ });
    if (vendor !== undefined) assertEquals(found.vendor, vendor);
    else assertNotEquals(found.vendor, 0xffff);
    if (device !== undefined) assertEquals(found.device, device);
    if (class_ !== undefined) assertEquals(found.class, class_);
    else assert(found.class === undefined || found.class <= 0xffffff);
  }));
});

Deno.test("isAttributeName: whatever is one leads to a file below the device's directory", () => {
  const parts = fc.array(
    fc.constantFrom("a", "-", ".", "..", "/", "config", "rom", "vpd", "resource", "0", "\n", " "),
    { maxLength: 8 },
  ).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(parts, fc.string()), (name) => {
      if (!isAttributeName(name)) return;
      const { pathname, search, hash } = new URL(name, "file:///sys/device/");
      assertEquals([pathname, search, hash], [`/sys/device/${name}`, "", ""]);
      assert(!/(^|\/)(config|rom|vpd|resource[0-9][^/]*)$/.test(name));
    }),
    { numRuns: 3000 },
  );
});
