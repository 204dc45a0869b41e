/** A policy is data, documentation, cases and one function: whether each built-in one is whole. */
import { assert, assertEquals } from "@std/assert";
import { codesWithoutCase, fillMessage, Registry, runCase } from "../../../lib/policy/mod.ts";
import { optionsJsonSchema } from "../../../lib/cli/commands/policies.ts";
import { hostNames } from "../../../lib/report/host_names.ts";
import { findPage } from "../../../lib/report/mod.ts";
import { BUILT_IN } from "../../../plugins/mod.ts";
import { PLUGIN_CASES } from "../../cases/plugins.ts";

const REGISTERED = Registry.from(BUILT_IN);

Deno.test("the ids of the built-in policies are unique and sorted, and all have cases", () => {
  const ids = BUILT_IN.map(({ id }) => id);
  assertEquals(ids, [...new Set(ids)].sort());
  assertEquals(ids.filter((id) => PLUGIN_CASES[id]?.length === 0), []);
});

for (const policy of BUILT_IN) {
  const { id, codes } = policy;
  const cases = PLUGIN_CASES[id] ?? [];

  Deno.test(`${id}: it is the default of its file, and has a page`, async () => {
    const module: { readonly default?: unknown } = await import(`../../../plugins/${id}/policy.ts`);
    assertEquals(module.default, policy);
    assert(policy.documentation.replace(/^# .*/, "").trim() !== "");
  });

  Deno.test(`${id}: every code has a page, in the form that reports want`, () => {
    assert(!policy.title.endsWith("."), policy.title);
    for (const [code, { title, message, remedy, about }] of Object.entries(codes)) {
      assert(/^[a-z0-9]+(-[a-z0-9]+)*$/.test(code), code);
      for (const headline of [title, message]) {
        assert(/\S$/.test(headline) && !headline.endsWith("."), `${code}: ${headline}`);
      }
      for (const prose of [remedy, about]) assert(/\S\.$/.test(prose), `${code}: ${prose}`);
      assertEquals(findPage(REGISTERED.policies, id, code)?.title, title);
    }
  });

  Deno.test(`${id}: the cases produce every code, with its own severity`, () => {
    assertEquals(codesWithoutCase(codes, cases), []);
  });

  Deno.test(`${id}: no rule of it is recalled, and none hearsay`, () => {
    const texts = [policy.documentation, ...Object.values(codes).map(({ about }) => about)];
    for (const text of texts) assert(!/\brecalled\b|\b(is|are) said to\b/.test(text), text);
  });

  Deno.test(`${id}: the findings of the cases fill every message`, () => {
    for (const given of cases) {
      for (const { code, data, offset } of runCase(policy, given).findings) {
        const message = findPage(REGISTERED.policies, id, code)?.message ?? "{no page}";
        const values = { ...hostNames(undefined, data["side"]), ...data, offset };
        const filled = fillMessage(message, values);
        assert(!/[{}]|undefined|NaN/.test(filled), `${given.name}: ${filled}`);
      }
    }
  });

  Deno.test(`${id}: each option has a default and a description`, () => {
    policy.configure({});
    const { properties = {} } = optionsJsonSchema(policy.options);
    for (const [name, schema] of Object.entries(properties)) {
      assert(typeof schema === "object" && (schema.description ?? "") !== "", name);
    }
  });

  Deno.test(`${id}: no two cases have one name`, () => {
    const names = cases.map(({ name }) => name);
    assertEquals(names, [...new Set(names)]);
  });
}
