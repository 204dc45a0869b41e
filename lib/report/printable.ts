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

/** How texts for people are broken into lines. */
interface Lines {
  /** Columns. */
  readonly width: number;
  /** Whether a line of QEMU's is kept in one piece: it is found by searching for it. */
  readonly keepsQemuLines: boolean;
}

let lines: Lines = { width: 80, keepsQemuLines: true };

// As QEMU's line is long, below a finding.
const WIDE = 120;

/** Breaks lines as a terminal of so many columns shows them. */
export function setTerminalWidth(columns: number): void {
  lines = { width: Math.max(40, columns), keepsQemuLines: columns >= WIDE };
}

/** A line of QEMU's in a message. */
const QEMU_LINE =
  /(get_pci_config_device: Bad config data: i=0x[\da-f]+ read: [\da-f]+ device: [\da-f]+ cmask: [\da-f]+ wmask: [\da-f]+ w1cmask:[\da-f]+)/;
const WORD_END = new RegExp(`${QEMU_LINE.source}| `);

/** The text before, in and after lines of QEMU's: every second part is one. */
export function splitQemuLines(text: string): string[] {
  return text.split(QEMU_LINE);
}

/** Breaks text at spaces into lines of a terminal; those after the first may be indented otherwise. */
export function wrap(text: string, indent: number, further = indent, spare = 0): string[] {
  const found: string[] = [];
  const most = lines.width - spare;
  let line = "";
  const blanks = (): string => " ".repeat(found.length === 0 ? indent : further);
  const words = text.split(lines.keepsQemuLines ? WORD_END : " ").filter((word) => word);
  for (const word of words) {
    if (line !== "" && blanks().length + line.length + 1 + word.length > most) {
      found.push(blanks() + line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...found, blanks() + line];
}
