/** A place in a text, from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/**
 * Where a value of a YAML document in block style begins; where a part of the path is not found as a
 * key or a dash, the place of what holds it.
 *
 * @example
 * ```ts
 * import { findPlace } from "./yaml_place.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(findPlace("a:\n  - b: 1\n    c: 2\n", ["a", 0, "c"]), { line: 3, column: 5 });
 * ```
 */
export function findPlace(text: string, path: readonly (string | number)[]): Place | undefined {
  const lines = text.split(/\r\n|\r|\n/).flatMap((line, index) => {
    const [, indent = "", content = ""] = /^( *)(.*)$/.exec(line) ?? [];
    return splitDashes({ number: index + 1, indent: indent.length, content });
  }).filter(({ content }) => content !== "" && !/^(#|---|%)/.test(content));
  let first = 0;
  let end = lines.length;
  let found: Place | undefined;
  for (const key of path) {
    const indent = lines[first]?.indent;
    const members = lines.flatMap((line, index) =>
      index >= first && index < end && line.indent === indent ? [index] : []
    );
    const at = typeof key === "number"
      ? members.filter((index) => lines[index]?.content === "-")[key]
      : members.find((index) => keyOf(lines[index]?.content ?? "") === key);
    const line = at === undefined ? undefined : lines[at];
    if (at === undefined || line === undefined) break;
    found = { line: line.number, column: line.indent + 1 };
    // The dashes of a sequence may stand right below its key.
    const isItem = (index: number): boolean =>
      typeof key === "string" && lines[index]?.content === "-";
    end = members.find((index) => index > at && !isItem(index)) ?? end;
    first = at + 1;
    if (first >= end) break;
  }
  return found;
}

interface Line {
  readonly number: number;
  readonly indent: number;
  readonly content: string;
}

/** What stands behind a dash is further in, as if on a line of its own. */
function splitDashes(line: Line): Line[] {
  const lines: Line[] = [];
  let { indent, content } = line;
  for (;;) {
    const [dash = ""] = /^-( +|$)/.exec(content) ?? [];
    if (dash === "") return [...lines, { ...line, indent, content }];
    lines.push({ ...line, indent, content: "-" });
    indent += dash.length;
    content = content.slice(dash.length);
  }
}

function keyOf(content: string): string | undefined {
  const [, double, single, plain] = /^(?:"([^"]*)"|'([^']*)'|([^\s#"'][^#]*?))\s*:(?:\s|$)/
    .exec(content) ?? [];
  return double ?? single ?? plain;
}
