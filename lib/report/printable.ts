/**
 * Makes text from elsewhere harmless for a terminal, and one line: control, format and direction
 * characters are shown as escapes. Names come from documents that anybody may have written.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u${character.codePointAt(0)?.toString(16).padStart(4, "0")}`,
  );
}

const WIDTH = 100;

/** Breaks text at spaces into lines that fit a terminal. */
export function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line].map((text) => " ".repeat(indent) + text);
}
