/** Where an element in `<metadata>` is. */
export interface ScannedElement {
  /** Its `<`. */
  readonly start: number;
  /** Behind its start tag. */
  readonly inside: number;
  /** Its end tag; equals `inside` where it has none. */
  readonly insideEnd: number;
  /** Behind its end. */
  readonly end: number;
}

/** What is between the tags of a `<metadata>`. */
export interface ScannedMetadata {
  /** Behind the start tag. */
  readonly start: number;
  /** The end tag. */
  readonly end: number;
  /** The elements directly in it. */
  readonly elements: readonly ScannedElement[];
}

/** A place where `<metadata>` is not well-formed. */
export class MetadataScanError extends Error {
  /** Where, in the text. */
  readonly offset: number;

  /** `problem` is the message. */
  constructor(offset: number, problem: string) {
    super(problem);
    this.name = "MetadataScanError";
    this.offset = offset;
  }
}

/**
 * Finds the end of a `<metadata>` and the elements directly in it, however many elements there are
 * and however deep: anybody may fill it, and the parser recurses once a level. libvirt hands on only
 * what libxml2 took, so that of what is deeper the nesting of the tags is all that is looked at.
 *
 * @param start Behind its start tag.
 *
 * @throws {MetadataScanError} When the tags do not nest.
 */
function scanMetadata(text: string, start: number): ScannedMetadata {
  const open: string[] = [];
  const elements: ScannedElement[] = [];
  let [from, inside] = [start, start];
  for (let at = text.indexOf("<", start); at !== -1; at = text.indexOf("<", at)) {
    const skipped = skipMarkup(text, at);
    if (skipped !== undefined) {
      at = skipped;
      continue;
    }
    const last = tagEnd(text, at + 1);
    if (text.startsWith("</", at)) {
      const name = text.slice(at + 2, last).trimEnd();
      if (open.length === 0 && name === "metadata") return { start, end: at, elements };
      if (open.pop() !== name) throw new MetadataScanError(at, "Missing end tag");
      if (open.length === 0) elements.push({ start: from, inside, insideEnd: at, end: last + 1 });
    } else {
      if (open.length === 0) [from, inside] = [at, last + 1];
      if (text[last - 1] !== "/") open.push(nameAt(text, at + 1));
      else if (open.length === 0) {
        elements.push({ start: at, inside, insideEnd: inside, end: inside });
      }
    }
    at = last;
  }
  throw new MetadataScanError(start, "Missing end tag for element metadata");
}

/**
 * Finds each `<metadata>` that is directly in the document's root, in one pass that keeps no stack of
 * what is around it. It agrees with the parser on every well-formed prefix; past the first error the
 * parser stops anyway.
 *
 * @param visit Called for each tag outside of them that begins an element, with how deep that is.
 *
 * @throws {MetadataScanError} When the tags in one do not nest.
 */
export function findMetadata(
  text: string,
  visit: (at: number, depth: number) => void = () => {},
): ScannedMetadata[] {
  const found: ScannedMetadata[] = [];
  let depth = 0;
  for (let at = text.indexOf("<"); at !== -1; at = text.indexOf("<", at)) {
    const skipped = skipMarkup(text, at);
    if (skipped !== undefined) at = skipped;
    else if (text.startsWith("</", at)) {
      depth--;
      at += 2;
    } else {
      const end = tagEnd(text, at + 1);
      const isOpen = text[end - 1] !== "/";
      if (isOpen) depth++;
      visit(at, depth);
      const isMetadata = isOpen && depth === 2 && nameAt(text, at + 1) === "metadata";
      at = end;
      if (isMetadata) {
        const scanned = scanMetadata(text, end + 1);
        found.push(scanned);
        at = scanned.end;
      }
    }
  }
  return found;
}

/** The text with blanks for what is in each `<metadata>`, so that all offsets still hold. */
export function blankMetadata(text: string, metadata: readonly ScannedMetadata[]): string {
  let [blanked, at] = ["", 0];
  for (const { start, end } of metadata) {
    blanked += text.slice(at, start) + " ".repeat(end - start);
    at = end;
  }
  return blanked + text.slice(at);
}

/** An element's name and attributes, from its start tag. */
export interface Tag {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

const ATTRIBUTE = /\s+([^\s=<>"'/]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y;

/**
 * Reads the start tag of a scanned element.
 *
 * @throws {MetadataScanError} When it is none.
 */
export function readTag(text: string, { start, inside }: ScannedElement): Tag {
  const name = nameAt(text, start + 1);
  const attributes = new Map<string, string>();
  ATTRIBUTE.lastIndex = start + 1 + name.length;
  for (let at = ATTRIBUTE.lastIndex;; at = ATTRIBUTE.lastIndex) {
    const [, key, double, single = ""] = ATTRIBUTE.exec(text) ?? [];
    if (key === undefined) {
      if (/^\s*\/?>$/.test(text.slice(at, inside)) && name !== "") break;
      throw new MetadataScanError(start, "Unclosed start tag");
    }
    if (attributes.has(key)) throw new MetadataScanError(start, "Duplicate attribute");
    attributes.set(key, decode((double ?? single).replace(/[\n\t]/g, " "), at));
  }
  return { name, attributes: Object.fromEntries(attributes) };
}

/**
 * All text in a scanned element, and in those below it.
 *
 * @throws {MetadataScanError} When it has a reference to nothing.
 */
export function readText(text: string, { inside, insideEnd }: ScannedElement): string {
  let [found, at] = ["", inside];
  while (at < insideEnd) {
    const next = text.indexOf("<", at);
    const end = next === -1 || next > insideEnd ? insideEnd : next;
    found += decode(text.slice(at, end), at);
    if (end === insideEnd) break;
    const skipped = skipMarkup(text, end);
    if (text.startsWith("<![CDATA[", end)) found += text.slice(end + 9, (skipped ?? end) - 3);
    at = skipped ?? tagEnd(text, end + 1) + 1;
  }
  return found;
}

/** Behind a comment, CDATA section or processing instruction; `undefined` where none begins. */
function skipMarkup(text: string, at: number): number | undefined {
  if (text.startsWith("<!--", at)) return after(text, "-->", at + 4);
  if (text.startsWith("<![CDATA[", at)) return after(text, "]]>", at + 9);
  return text.startsWith("<?", at) ? after(text, "?>", at + 2) : undefined;
}

function after(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at === -1 ? text.length : at + mark.length;
}

/** Index of the `>` that ends a tag; a `>` within quotes does not. */
function tagEnd(text: string, from: number): number {
  let quoted = "";
  for (let at = from; at < text.length; at++) {
    const char = text.charAt(at);
    if (quoted !== "") {
      if (char === quoted) quoted = "";
    } else if (char === '"' || char === "'") quoted = char;
    else if (char === ">") return at;
  }
  return text.length;
}

/** The name that a tag begins with. */
function nameAt(text: string, at: number): string {
  NAME.lastIndex = at;
  return NAME.exec(text)?.[0] ?? "";
}

const NAME = /[^\s/<>=&"'!?]+/y;

const ENTITIES: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  amp: "&",
  apos: "'",
  quot: '"',
};

function decode(text: string, offset: number): string {
  if (!text.includes("&")) return text;
  return text.replace(
    /&(?:#x([0-9a-fA-F]{1,6});|#([0-9]{1,7});|(lt|gt|amp|apos|quot);)?/g,
    (_reference, hex?: string, decimal?: string, name?: string) => {
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      if (name !== undefined) return ENTITIES[name] ?? "";
      if (code <= 0x10ffff) return String.fromCodePoint(code);
      throw new MetadataScanError(offset, "Unknown reference");
    },
  );
}
