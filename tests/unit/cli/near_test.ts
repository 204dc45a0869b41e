/** When the command line suggests another word. */
import { assertEquals } from "@std/assert";
import { withoutFarSuggestion } from "../../../lib/cli/near.ts";

const MESSAGES: readonly (readonly [message: string, isKept: boolean])[] = [
  ['Unknown command "chek". Did you mean command "check"?', true],
  ['Unknown command "report". Did you mean command "predict"?', false],
  ['Unknown command "completions". Did you mean command "compare"?', false],
  ['Unknown option "--jsno". Did you mean option "--json"?', true],
  ['Unknown option "-x". Did you mean option "-h"?', false],
];

for (const [message, isKept] of MESSAGES) {
  Deno.test(`a suggestion is ${isKept ? "kept" : "left out"}: ${message}`, () => {
    const kept = isKept ? message : message.replace(/ Did .*/, "");
    assertEquals(withoutFarSuggestion(message), kept);
  });
}

Deno.test("another message stays as it is", () => {
  const message = 'Cannot explain "x". Did you mean "y"?';
  assertEquals(withoutFarSuggestion(message), message);
});
