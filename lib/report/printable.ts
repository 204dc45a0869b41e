/**
 * Makes text from elsewhere harmless for a terminal, and one line: control, format and direction
 * characters are shown as escapes. Names come from documents that anybody may have written.
 */
export function printable(text: string): string {
  return text.replace(
    // The last are no characters at all: no XML may have them.
    /[\p{Cc}\p{Cf}\u2028\u2029\ufffe\uffff]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

const WIDTH = 100;

// What QEMU prints is to be found by searching for it, so it stays in one piece.
const WORD_END = /(get_pci_config_device: Bad config data: .*w1cmask:[0-9a-f]+)| /;

/** Breaks text at spaces into lines that fit a terminal, save for a line of QEMU's in it. */
export function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(WORD_END).filter((word) => word)) {
    if (line !== "" && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line].map((text) => " ".repeat(indent) + text);
}
