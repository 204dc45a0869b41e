import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { isRelevantEvent } from "../../../lib/agent/events.ts";

/** What a name may hold: all but a line break, and texts that virsh prints. */
const name = fc.array(
  fc.oneof(
    fc.string({ unit: "binary" }).map((text) => text.replaceAll("\n", "")),
    fc.constantFrom(
      "'",
      ": ",
      "Started Booted",
      "event 'lifecycle' for domain 'x': Resumed Unpaused",
    ),
  ),
).map((parts) => parts.join(""));

Deno.test("isRelevantEvent: whatever a guest's name is, the event and what became of it tell", () => {
  const details = fc.constantFrom(
    ["Started Booted", true],
    ["Resumed Unpaused", true],
    ["Stopped Shutdown", false],
    ["Defined Added", false],
  ) satisfies fc.Arbitrary<readonly [string, boolean]>;
  fc.assert(
    fc.property(name, details, (name, [detail, isRelevant]) => {
      assertEquals(
        isRelevantEvent(`event 'lifecycle' for domain '${name}': ${detail}`),
        isRelevant,
      );
      const change = `event 'metadata-change' for domain '${name}': type element, uri urn:x`;
      assertEquals(isRelevantEvent(change), false);
    }),
  );
});

Deno.test("isRelevantEvent: what is no event's line is none, however long", () => {
  const repeated = fc.tuple(fc.constantFrom(": ", ": Started ", ": Started a"), fc.nat(10_000))
    .map(([text, count]) => `event 'lifecycle' for domain ${text.repeat(count)}:`);
  const other = fc.string().filter((text) => !text.startsWith("event '"));
  fc.assert(fc.property(fc.oneof(other, repeated), (line) => !isRelevantEvent(line)));
});
