import { printable } from "./printable.ts";

/**
 * Text that Markdown shows as it is, on one line: nothing in it opens markup, a link, an image, a
 * table's cell or a mathematical formula (CommonMark 0.31.2 section 2.4, and GitHub's extensions).
 */
export function markdownText(text: string): string {
  return printable(text).trim()
    .replaceAll(/[\\`*_[\]<>&|~$@]/g, "\\$&")
    // GitHub makes links of what looks like one.
    .replaceAll(/:(?=\/\/)/g, "\\:")
    .replaceAll(/www(?=\.)/gi, "$&\\")
    // A list, heading, quote or rule begins with these.
    .replace(/^[-+#=]/, "\\$&")
    .replace(/^(\d+)([.)])(?= |$)/, "$1\\$2");
}
