/** What is said to code plugins, and whatever they say. */
import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import fc from "fast-check";
import * as v from "valibot";
import {
  type Config,
  ConfigSchema,
  parseApplied,
  writeApplied,
} from "../../../lib/config/config.ts";
import {
  type Description,
  type Question,
  readQuestion,
  writeQuestion,
} from "../../../lib/plugin/message.ts";
import { PluginError, readMessage } from "../../../lib/plugin/process.ts";
import { answersSchema, DescriptionSchema } from "../../../lib/plugin/schema.ts";
import { definePolicy, fillMessage, parseQemuVersion } from "../../../lib/policy/mod.ts";
import { PLUGIN_CODES } from "../../../lib/plugin/codes.ts";

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom("__proto__", "constructor", "\u2028", "\x1b[2J", "a\nb", "{id}"),
);
const line = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 40 });
const id = fc.constantFrom("acme/a", "acme/b-2", "0/0");
const severity = fc.constantFrom("veto", "undecided", "warn", "info");
const CODES = ["differs", "not-known", "a1"];

const descriptions: fc.Arbitrary<Description> = fc.record({
  id,
  title: line,
  documentation: line,
  match: fc.record({
    vendors: fc.array(fc.nat(0xffff), { maxLength: 3 }),
    drivers: fc.array(line, { maxLength: 3 }),
  }, { requiredKeys: [], noNullPrototype: true }),
  judgesBytesAlone: fc.boolean(),
  attributes: fc.subarray(["fw_rev", "parent/acme/profile", "power/control"]),
  codes: fc.dictionary(
    fc.constantFrom(...CODES),
    fc.record(
      { severity, title: line, message: line, remedy: line, about: line },
      { noNullPrototype: true },
    ),
    { noNullPrototype: true },
  ),
  ofGuest: fc.boolean(),
}, { noNullPrototype: true });

/** Something with one of its values replaced, or a key more. */
function damaged(value: fc.Arbitrary<object>): fc.Arbitrary<unknown> {
  return fc.tuple(value, fc.nat(), fc.anything({ maxDepth: 2 }), anyText).map(
    ([value, where, put, key]) => {
      const keys = [...Object.keys(value), key];
      return { ...value, [keys[where % keys.length] ?? key]: put };
    },
  );
}

Deno.test("a description is read as it was said, and makes a policy", () => {
  fc.assert(fc.property(descriptions, (description) => {
    assertEquals(readMessage("a", DescriptionSchema, description), description);
    const { ofGuest: _, ...rest } = description;
    const policy = definePolicy({ ...rest, options: v.strictObject({}), evaluate: () => [] });
    assertEquals(policy.id, description.id);
  }));
});

Deno.test("whatever a plugin says is within bounds, or is a PluginError of one line", () => {
  const finding = fc.record({ code: fc.constantFrom(...CODES), severity, offset: fc.nat(5000) });
  const said = fc.oneof(
    damaged(descriptions),
    fc.anything({ maxDepth: 3 }),
    fc.array(fc.array(damaged(finding), { maxLength: 3 }), { maxLength: 2 }),
  );
  fc.assert(fc.property(said, (said) => {
    for (const schema of [DescriptionSchema, answersSchema(CODES, 1)]) {
      try {
        const read = readMessage("acme/a", schema, said);
        // What was read is data, which the report writes.
        assertEquals(JSON.parse(JSON.stringify(read)), read);
      } catch (error) {
        assertInstanceOf(error, PluginError);
        const { code, data } = error.finding;
        const message = fillMessage(PLUGIN_CODES["plugin-nonsense"].message, data);
        assertEquals([code, error.message], ["plugin-nonsense", message]);
        assert(message.length < 600 && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(message), message);
      }
    }
  }));
});

Deno.test("a question is read as it was asked", () => {
  const device = fc.record({
    address: line,
    vendor: fc.nat(0xffff),
    attributes: fc.dictionary(fc.constantFrom("fw_rev", "a/b"), fc.option(anyText), {
      noNullPrototype: true,
    }),
    config: fc.record({
      kind: fc.constantFrom("realize", "sysfs", "guest"),
      bytes: fc.uint8Array({ maxLength: 300 }),
      derived: fc.constant(true),
    }, { requiredKeys: ["kind", "bytes"], noNullPrototype: true }),
  }, { requiredKeys: ["address"], noNullPrototype: true });
  const host = fc.record({
    name: line,
    qemu: fc.constantFrom("5.2", "9.2.1", "11.1").map(parseQemuVersion),
  }, { requiredKeys: ["name"], noNullPrototype: true });
  const question: fc.Arbitrary<Question> = fc.record({
    pair: fc.record({
      name: line,
      guest: fc.constant({ properties: {} }),
      source: device,
      destination: device,
    }, { noNullPrototype: true }),
    migration: fc.record({ source: host, destination: host, bytesOnly: fc.boolean() }, {
      noNullPrototype: true,
    }),
  }, { requiredKeys: ["migration"], noNullPrototype: true });
  fc.assert(fc.property(question, (question) => {
    const text = JSON.stringify(writeQuestion(question));
    assertEquals(JSON.stringify(writeQuestion(readQuestion(JSON.parse(text)))), text);
    const { pair } = readQuestion(JSON.parse(text));
    assertEquals(pair?.source.config, question.pair?.source.config);
    assertEquals(pair?.destination.attributes, question.pair?.destination.attributes);
  }));
});

const listed: fc.Arbitrary<Config> = fc.uniqueArray(descriptions, {
  selector: ({ id }) => id,
  maxLength: 3,
}).map((descriptions) => {
  const listing = { file: "a.js", digest: "0".repeat(64) };
  const plugins = Object.fromEntries(descriptions.map(({ id }) => [id, listing]));
  const loaded = Object.fromEntries(
    descriptions.map((description) => [description.id, { description, code: "MTI=" }]),
  );
  return { ...v.parse(ConfigSchema, { plugins }), loaded };
});

Deno.test("what was applied of plugins is read as it was written, and in known lines", () => {
  fc.assert(fc.property(listed, (config) => {
    const text = writeApplied({ deno: "/usr/bin/deno", config });
    assertEquals(parseApplied(text), config);
    const ours = text.slice(0, text.indexOf("choices-end")).split("\n")
      .filter((line) => /^(plugins|attributes|plain)/.test(line));
    assert(ours.every((line) => /^(plugins|plain-guests) yes$|^attributes [\w/ ]+$/.test(line)));
  }));
});

Deno.test("a plugin without what was loaded of it, and the other way round, is refused", () => {
  const some = listed.filter(({ plugins }) => Object.keys(plugins).length > 0);
  fc.assert(fc.property(some, fc.boolean(), (config, isListed) => {
    const short = isListed ? { ...config, loaded: {} } : { ...config, plugins: {} };
    assertThrows(
      () => parseApplied(writeApplied({ deno: "/usr/bin/deno", config: short })),
      PremigrateError,
    );
  }));
});
