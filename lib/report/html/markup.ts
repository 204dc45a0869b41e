import { printable } from "../printable.ts";

/** HTML; what is in it stands as it is. */
export class Markup {
  /** The HTML. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template: everything but {@linkcode Markup} is text, and escaped. */
export type Content = Markup | string | number | undefined | readonly Content[];

/**
 * A template of HTML, which is also well-formed XML. Values stand between tags or in quoted
 * attributes, never in scripts, styles or addresses.
 */
export function markup(strings: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return new Markup(
    strings.map((string, index) => string + contentText(values[index])).join(""),
  );
}

function contentText(content: Content): string {
  if (content === undefined) return "";
  if (content instanceof Markup) return content.text;
  if (typeof content === "object") return content.map(contentText).join("");
  return printable(`${content}`).replaceAll(
    /[&<>"']/g,
    (character) => `&#${character.codePointAt(0)};`,
  );
}
