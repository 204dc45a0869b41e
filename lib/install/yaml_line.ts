/**
 * The line, from 1, where a value of a YAML document in block style begins; where a part of the path
 * is not found as a key or a dash, the line of what holds it.
 *
 * @example
 * ```ts
 * import { findLine } from "../../lib/install/yaml_line.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(findLine("a:\n  b: 1\nb: 2\n", ["a", "b"]), 2);
 * ```
 */
export function findLine(text: string, path: readonly (string | number)[]): number | undefined {
  const lines = text.split(/\r\n|\r|\n/).map((line, index) => {
    const [, indent = "", content = ""] = /^( *)(.*)$/.exec(line) ?? [];
    return { number: index + 1, indent: indent.length, content };
  }).filter(({ content }) => content !== "" && !/^(#|---|%)/.test(content));
  let first = 0;
  let end = lines.length;
  let found: number | undefined;
  for (const key of path) {
    const indent = lines[first]?.indent;
    const members = lines.flatMap((line, index) =>
      index >= first && index < end && line.indent === indent ? [index] : []
    );
    const at = typeof key === "number"
      ? members.filter((index) => /^-( |$)/.test(lines[index]?.content ?? ""))[key]
      : members.find((index) => keyOf(lines[index]?.content ?? "") === key);
    const line = at === undefined ? undefined : lines[at];
    if (at === undefined || line === undefined) break;
    found = line.number;
    // The dashes of a sequence may stand right below its key.
    const isItem = (index: number): boolean =>
      typeof key === "string" && (lines[index]?.content.startsWith("-") ?? false);
    end = members.find((index) => index > at && !isItem(index)) ?? end;
    first = at + 1;
    if (first >= end) break;
  }
  return found;
}

function keyOf(content: string): string | undefined {
  const [, double, single, plain] = /^(?:"([^"]*)"|'([^']*)'|([^\s#"'][^#]*?))\s*:(?:\s|$)/
    .exec(content) ?? [];
  return double ?? single ?? plain;
}
