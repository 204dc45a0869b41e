import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import { definePolicy, evaluate, type Policy, Registry, v } from "premigrate/policy";

const NOTE = { severity: "info", title: "Note", message: "-", remedy: "-", about: "-" } as const;

/** A policy that says one thing, and how often. */
function speaker(id: string): Policy {
  return definePolicy({
    id,
    title: "Says something",
    documentation: "For tests.",
    match: {},
    judgesBytesAlone: true,
    options: v.strictObject({ times: v.optional(v.pipe(v.number(), v.maxValue(3)), 1) }),
    codes: { note: NOTE },
    *evaluate(_pair, _migration, { times }): Generator<{ code: "note" }> {
      for (let i = 0; i < times; i++) yield { code: "note" };
    },
  });
}

const DEVICE = { address: "0000:3b:00.4" };
const PAIR = { name: "d", guest: { properties: {} }, source: DEVICE, destination: DEVICE };
const MIGRATION = { source: { name: "a" }, destination: { name: "b" }, bytesOnly: false };

function ids(registry: Registry): string[] {
  return registry.policies.map(({ policy }) => policy.id);
}

Deno.test("Registry: policies are sorted by id, whatever the order they came in", () => {
  const policies = ["z/a", "a/z", "m/m", "a/b"].map(speaker);
  const wanted = ["a/b", "a/z", "m/m", "z/a"];
  const [forth, back] = [new Registry(), new Registry()];
  for (const policy of policies) assertStrictEquals(forth.use(policy), forth);
  for (const policy of policies.toReversed()) back.use(policy);
  assertEquals([ids(forth), ids(back)], [wanted, wanted]);
  assertEquals(evaluate([PAIR], MIGRATION, forth), evaluate([PAIR], MIGRATION, back));
});

Deno.test("Registry: an id can be taken once", () => {
  const registry = new Registry().use(speaker("a/b"));
  const error = assertThrows(() => registry.use(speaker("a/b")), PremigrateError);
  assertEquals(error.code, "duplicate-policy");
  assertEquals(error.message, "Cannot register policy a/b: another policy has that id");
  assertEquals(ids(registry), ["a/b"]);
});

Deno.test("Registry: options that do not fit leave the policy out", () => {
  const registry = new Registry();
  const error = assertThrows(
    () => registry.use(speaker("a/b"), { times: 9 }),
    PremigrateError,
    "Cannot set the options of policy a/b: ",
  );
  assertEquals(error.code, "policy-options");
  assertEquals(ids(registry), []);
  registry.use(speaker("a/b"), { times: 2 });
  assertEquals(evaluate([PAIR], MIGRATION, registry).findings.length, 2);
});

Deno.test("Registry: without options a policy has its defaults", () => {
  const registry = new Registry().use(speaker("a/b"));
  assertEquals(evaluate([PAIR], MIGRATION, registry).findings.length, 1);
});

Deno.test("Registry: the site makes a warning of a code, which then decides nothing", () => {
  const severities = ["veto", "undecided", "warn", "info"] as const;
  const policy = definePolicy({
    id: "a/b",
    title: "Finds everything",
    documentation: "For tests.",
    match: {},
    judgesBytesAlone: true,
    options: v.strictObject({}),
    codes: Object.fromEntries(severities.map((severity) => [severity, { ...NOTE, severity }])),
    *evaluate(): Generator<{ code: string }> {
      for (const code of severities) yield { code };
    },
  });
  const registry = new Registry().use(policy, {}, severities);
  const { decision, findings } = evaluate([PAIR], MIGRATION, registry);
  assertEquals(decision, "allow");
  assertEquals(findings.map(({ code, severity, loweredFrom }) => [code, severity, loweredFrom]), [
    ["veto", "warn", "veto"],
    ["undecided", "warn", "undecided"],
    ["warn", "warn", undefined],
    ["info", "info", undefined],
  ]);
  const one = new Registry().use(policy, {}, ["veto"]);
  assertEquals(evaluate([PAIR], MIGRATION, one).decision, "undecided");
  assertThrows(
    () => new Registry().use(policy, {}, ["vetoes"]),
    PremigrateError,
    'it has no code "vetoes"',
  );
});

Deno.test("Registry: one list of policies is not changed by the next use", () => {
  const registry = new Registry().use(speaker("a/b"));
  const { policies } = registry;
  registry.use(speaker("a/a"));
  assertEquals(policies.map(({ policy }) => policy.id), ["a/b"]);
});
