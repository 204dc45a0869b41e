import { assert, assertEquals, assertThrows } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import { definePolicy, type OptionsSchema, type Policy, v } from "premigrate/policy";
import { attributesOf, isAttributeName } from "../../../lib/policy/attributes.ts";
import { NAMES, NO_NAMES } from "../../cases/attribute_names.ts";

function define(
  id: string,
  options: OptionsSchema<unknown> = v.strictObject({}),
  attributes: readonly string[] = [],
): Policy {
  return definePolicy({
    id,
    title: "For tests",
    documentation: "For tests.",
    match: { vendors: [0x10de] },
    judgesBytesAlone: true,
    attributes,
    options,
    codes: {},
    evaluate: () => [],
  });
}

for (const id of ["nvidia/vsc", "a/b", "qemu/restore-check", "intel-8086/x2"]) {
  Deno.test(`definePolicy: ${id} is an id`, () => {
    assertEquals(define(id).id, id);
  });
}

for (
  const id of [
    "",
    "nvidia",
    "/vsc",
    "nvidia/",
    "Nvidia/vsc",
    "nvidia/vsc/x",
    "nvidia vsc/a",
    "nvidia/vsc\n",
    "a/b_c",
    "../b",
  ]
) {
  Deno.test(`definePolicy: ${JSON.stringify(id)} is no id`, () => {
    const { message } = assertThrows(() => define(id), TypeError);
    assertEquals(message, `Cannot define a policy: its id is "${id}", wanted "vendor/name"`);
  });
}

Deno.test("definePolicy: options by any library that keeps to Standard Schema", () => {
  const ok = { value: undefined };
  const bad = { issues: [{ message: "no", path: ["a", { key: 0 }] }, { message: "never" }] };
  const validate = (value: unknown): typeof ok | typeof bad =>
    Object.keys(value ?? {}).length ? bad : ok;
  const policy = define("a/b", { "~standard": { validate } });
  policy.configure({});
  const { message } = assertThrows(() => policy.configure({ a: [1] }), PremigrateError);
  assertEquals(
    message,
    "Cannot set the options of policy a/b: \u00d7 no\n  \u2192 at a.0\n\u00d7 never",
  );
});

Deno.test("definePolicy: a schema that answers later is none", () => {
  const validate = (): Promise<unknown> => Promise.resolve({ value: {} });
  assertThrows(() => define("a/b", { "~standard": { validate } }), TypeError, "does not accept {}");
});

Deno.test("definePolicy: options need defaults", () => {
  const { message } = assertThrows(
    () => define("a/b", v.strictObject({ level: v.number() })),
    TypeError,
  );
  assertEquals(message, "Cannot define policy a/b: its options schema does not accept {}");
});

Deno.test("definePolicy: the policy is the definition without its function", () => {
  const policy = define("a/b");
  assertEquals(
    [policy.title, policy.match, policy.judgesBytesAlone],
    ["For tests", { vendors: [0x10de] }, true],
  );
  assert(!("evaluate" in policy));
});

for (const [name, text] of Object.entries(NAMES)) {
  Deno.test(`isAttributeName: ${name} is one`, () => assert(isAttributeName(text)));
}

for (const [name, text] of Object.entries(NO_NAMES)) {
  Deno.test(`isAttributeName: ${name} is none`, () => assert(!isAttributeName(text)));
}

const ATTRIBUTES: readonly (readonly [
  name: string,
  attributes: readonly string[],
  problem?: string,
])[] = [
  ["none", []],
  ["32", Array.from({ length: 32 }, (_, index) => `fw_${index}`)],
  [
    "33",
    Array.from({ length: 33 }, (_, index) => `fw_${index}`),
    "it has 33 attributes, wanted 32 at most",
  ],
  [
    "a path that goes up",
    ["fw_rev", "../x"],
    'its attribute "../x" is no name of a sysfs attribute that may be read',
  ],
];
for (const [name, attributes, problem] of ATTRIBUTES) {
  Deno.test(`definePolicy, attributes: ${name}`, () => {
    const makePolicy = (): Policy => define("a/b", undefined, attributes);
    if (problem === undefined) {
      assertEquals(makePolicy().attributes, attributes);
      return;
    }
    const { message } = assertThrows(makePolicy, TypeError);
    assertEquals(message, `Cannot define policy a/b: ${problem}`);
  });
}

Deno.test("attributesOf: those of all policies, each once, sorted", () => {
  const policies = [["x", "parent/x"], [], ["a", "x"]].map((attributes) => ({ attributes }));
  assertEquals(attributesOf([...policies, {}]), ["a", "parent/x", "x"]);
  assertEquals(attributesOf([]), []);
});

const OPTIONS = v.strictObject({
  drivers: v.optional(v.picklist(["any", "same"]), "same"),
  limit: v.optional(v.pipe(v.number(), v.integer()), 3),
});
const WRONG: readonly (readonly [name: string, options: unknown, problem: string])[] = [
  ["null", null, "Expected Object but received null"],
  ["a text", "same", 'Expected Object but received "same"'],
  ["another value", { drivers: "none" }, "drivers"],
  ["another type", { limit: 1.5 }, "limit"],
  ["another key", { driver: "any" }, "driver"],
];
for (const [name, options, problem] of WRONG) {
  Deno.test(`configure: ${name} does not fit the schema`, () => {
    const error = assertThrows(
      () => define("a/b", OPTIONS).configure(options),
      PremigrateError,
      problem,
    );
    assertEquals(error.doing, "Cannot set the options of policy a/b");
  });
}

Deno.test("configure: defaults are filled in, and what is given is kept", () => {
  const seen: unknown[] = [];
  const policy = definePolicy({
    id: "a/b",
    title: "For tests",
    documentation: "For tests.",
    match: {},
    options: OPTIONS,
    codes: {},
    evaluate: (_pair, _migration, options) => {
      seen.push(options);
      return [];
    },
  });
  const device = { address: "x" };
  const pair = { name: "d", guest: { properties: {} }, source: device, destination: device };
  const migration = { source: { name: "a" }, destination: { name: "b" }, bytesOnly: false };
  const [one, other] = [policy.configure({}), policy.configure({ drivers: "any" })];
  for (const { evaluate } of [one, other, one]) assertEquals([...evaluate(pair, migration)], []);
  const [usual, any] = [{ drivers: "same", limit: 3 }, { drivers: "any", limit: 3 }];
  assertEquals(seen, [usual, any, usual]);
});
