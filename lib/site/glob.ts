/**
 * Whether a text is what a pattern stands for: itself, or with anything for each `*`. In linear time,
 * whatever the pattern is.
 *
 * @example
 * ```ts
 * import { matchesGlob } from "./glob.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(["prod-1", "test-1"].map((name) => matchesGlob("prod-*", name)), [true, false]);
 * ```
 */
export function matchesGlob(glob: string, text: string): boolean {
  const [first = "", ...parts] = glob.split("*");
  const last = parts.pop();
  if (last === undefined) return text === glob;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
