import { parseXml, XmlElement, XmlError, type XmlNode } from "@rgrove/parse-xml";
import { DomainXmlError, type DomainXmlErrorCode, type Position } from "./error.ts";
import {
  blankMetadata,
  findMetadata,
  MetadataScanError,
  readTag,
  readText,
  type ScannedElement,
  type ScannedMetadata,
  type Tag,
} from "./metadata_scan.ts";

/** libvirt's own limit for a string on the wire, `REMOTE_STRING_MAX` (there in bytes of UTF-8). */
const MAX_LENGTH = 4 * 1024 * 1024;
/**
 * The domain schema needs fewer than ten levels, and libxml2 stops at 256; the parser recurses once
 * a level.
 */
const MAX_DEPTH = 100;
/** A guest with 4096 pinned virtual CPUs and a thousand disks stays below this. */
const MAX_ELEMENTS = 50_000;

const QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0";

/** An element in `<metadata>`. */
export interface DocumentElement extends Tag {
  /** All text in it. */
  readonly text: string;
  /** Where it begins. */
  readonly start: number;
  /** Where it ends. */
  readonly end: number;
}

/** A parsed domain XML that knows where its elements are, and how to complain about them. */
export class DomainDocument {
  /** The `<domain>` element; of `<metadata>` it has only the tags. */
  readonly root: XmlElement;
  /** The `<metadata>` that libvirt reads, the first. */
  readonly metadata: XmlElement | undefined;
  /** The elements directly in it. */
  readonly metadataElements: readonly DocumentElement[];
  readonly #lineStarts: number[] = [0];

  /**
   * Throws {@linkcode DomainXmlError} unless `xml` is a well-formed, bounded document with root
   * `<domain>`.
   */
  constructor(xml: string) {
    if (xml.length > MAX_LENGTH) {
      throw this.#errorAt(
        "too-large",
        0,
        `found ${xml.length} characters, wanted ${MAX_LENGTH} at most`,
      );
    }
    // The parser takes quadratic time over carriage returns. As other white space of the same
    // length they cost nothing, and all offsets still hold.
    const text = xml.replaceAll("\r\n", " \n").replaceAll("\r", "\n");
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", end + 1)) {
      this.#lineStarts.push(end + 1);
    }
    const metadata = this.#checkShape(text);
    const root = this.#parse(blankMetadata(text, metadata));
    if (root.name !== "domain") {
      throw this.error(
        "not-a-domain",
        root,
        `found the root element ${quote(root.name)}, wanted "domain"`,
      );
    }
    this.root = root;
    this.metadata = child(root, "metadata");
    const [first] = metadata;
    const isFirst = first !== undefined && this.metadata !== undefined &&
      first.start > this.metadata.start && first.end < this.metadata.end;
    this.metadataElements = isFirst
      ? this.#scan(() => first.elements.map((element) => readElement(text, element)))
      : [];
  }

  /** Where an element begins. */
  position(element: XmlElement): Position {
    return this.#positionAt(element.start);
  }

  /** An error that points at an element. */
  error(code: DomainXmlErrorCode, element: XmlElement, detail: string): DomainXmlError {
    return this.#errorAt(code, element.start, detail);
  }

  /** An attribute that libvirt always writes. */
  required(element: XmlElement, name: string): string {
    const value = element.attributes[name];
    if (value === undefined) {
      throw this.error(
        "incomplete",
        element,
        `found no attribute ${quote(name)} in <${element.name}>`,
      );
    }
    return value;
  }

  /** A child element that libvirt always writes. */
  requiredChild(element: XmlElement, name: string): XmlElement {
    const found = child(element, name);
    if (found !== undefined) return found;
    throw this.error("incomplete", element, `found no <${name}> in <${element.name}>`);
  }

  /** An attribute with two values, such as `yes` and `no`; `undefined` when absent. */
  flag(
    element: XmlElement | undefined,
    name: string,
    yes: string,
    no: string,
  ): boolean | undefined {
    const value = element?.attributes[name];
    if (element === undefined || value === undefined) return undefined;
    if (value !== yes && value !== no) {
      throw this.error(
        "bad-value",
        element,
        `found ${name}=${quote(value)} in <${element.name}>, wanted "${yes}" or "${no}"`,
      );
    }
    return value === yes;
  }

  /** Bounds depth and count, and finds a DOCTYPE; what is in `<metadata>` has no bounds of its own. */
  #checkShape(text: string): ScannedMetadata[] {
    let elements = 0;
    return this.#scan(() =>
      findMetadata(text, (at, depth) => {
        if (text.startsWith("<!DOCTYPE", at)) {
          throw this.#errorAt("doctype", at, "found a DOCTYPE, wanted none");
        }
        if (++elements > MAX_ELEMENTS) {
          throw this.#errorAt("too-large", at, `found more than ${MAX_ELEMENTS} elements`);
        }
        if (depth > MAX_DEPTH) {
          throw this.#errorAt("too-deep", at, `found elements nested more than ${MAX_DEPTH} deep`);
        }
      })
    );
  }

  #scan<T>(scan: () => T): T {
    try {
      return scan();
    } catch (error) {
      if (!(error instanceof MetadataScanError)) throw error;
      throw this.#errorAt("malformed", error.offset, error.message);
    }
  }

  #parse(text: string): XmlElement {
    try {
      const { root } = parseXml(text, { includeOffsets: true });
      if (root) return root;
    } catch (error) {
      if (!(error instanceof XmlError)) throw error;
      // Its message goes on with an excerpt of the document, which may be a password; and names may
      // be long.
      const [reason = ""] = error.message.split(" (line ", 1);
      throw this.#errorAt("malformed", unitsOf(text, error.pos), reason.slice(0, 80));
    }
    throw this.#errorAt("malformed", 0, "found no root element");
  }

  #errorAt(code: DomainXmlErrorCode, offset: number, detail: string): DomainXmlError {
    return new DomainXmlError(code, this.#positionAt(offset), detail);
  }

  #positionAt(offset: number): Position {
    let [line, above] = [0, this.#lineStarts.length];
    while (above - line > 1) {
      const middle = (line + above) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) line = middle;
      else above = middle;
    }
    return { line: line + 1, column: offset - (this.#lineStarts[line] ?? 0) + 1, offset };
  }
}

function readElement(text: string, element: ScannedElement): DocumentElement {
  const { start, end } = element;
  return { ...readTag(text, element), text: readText(text, element), start, end };
}

/** All child elements. */
export function elements(parent: XmlElement | undefined): XmlElement[] {
  return (parent?.children ?? []).filter((node) => node instanceof XmlElement);
}

/** The child elements with this name, as libvirt's XPath `./name` finds them. */
export function children(parent: XmlElement | undefined, name: string): XmlElement[] {
  return elements(parent).filter((element) => element.name === name);
}

/** The first child element with this name, which is the one libvirt reads. */
export function child(parent: XmlElement | undefined, name: string): XmlElement | undefined {
  return children(parent, name)[0];
}

/** The child elements in libvirt's QEMU namespace, whatever its prefix. */
export function qemuElements(parent: XmlElement): XmlElement[] {
  return elements(parent).filter((element) => namespaceOf(element) === QEMU_NAMESPACE);
}

/** Those with this local name. */
export function qemuChildren(parent: XmlElement, name: string): XmlElement[] {
  return qemuElements(parent).filter((element) => localName(element) === name);
}

/** An element's name without its prefix. */
export function localName({ name }: XmlElement): string {
  return name.slice(name.indexOf(":") + 1);
}

/** A value from the document, safe to put into a message: quoted, escaped and short. */
export function quote(value: string): string {
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
}

/** The namespace of an element, or of one that is to be below `parent`; `undefined` for none. */
export function namespaceOf(
  element: Pick<XmlElement, "name" | "attributes">,
  parent: XmlNode | null = element instanceof XmlElement ? element.parent : null,
): string | undefined {
  const colon = element.name.indexOf(":");
  const declaration = colon === -1 ? "xmlns" : `xmlns:${element.name.slice(0, colon)}`;
  let uri = element.attributes[declaration];
  for (let node = parent; uri === undefined && node instanceof XmlElement; node = node.parent) {
    uri = node.attributes[declaration];
  }
  // An empty one takes the default namespace back.
  return uri === "" ? undefined : uri;
}

/** UTF-16 offset of the n-th character; the parser's errors count characters. */
function unitsOf(text: string, characters: number): number {
  let offset = 0;
  for (let n = 0; n < characters; n++) offset += (text.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
  return offset;
}
