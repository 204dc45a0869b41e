import { child, DomainDocument, namespaceOf } from "./document.ts";
import type { Range } from "./host_device.ts";

/** An element that some program keeps in a domain's `<metadata>`. */
export interface MetadataElement {
  /** Its namespace, which tells the program; `undefined` for none. */
  readonly namespace: string | undefined;
  /** Its name without a prefix. */
  readonly name: string;
  /** Its attributes, by their names as written. */
  readonly attributes: Readonly<Record<string, string>>;
  /** All text in it. */
  readonly text: string;
  /** Where it is in the string that was parsed, tags included. */
  readonly range: Range;
}

/** What a domain has of `<metadata>`. */
export interface DomainMetadata {
  /**
   * Where `<metadata>` begins and ends in the string, tags included; `undefined` if there is none.
   */
  readonly metadata: Range | undefined;
  /** What others keep in it: its child elements, in document order. */
  readonly metadataElements: readonly MetadataElement[];
}

/** The elements in a document's `<metadata>`. */
export function readMetadata({ metadata, metadataElements }: DomainDocument): MetadataElement[] {
  return metadataElements.map(({ name, attributes, text, start, end }) => ({
    namespace: namespaceOf({ name, attributes }, metadata),
    name: name.slice(name.indexOf(":") + 1),
    attributes,
    text,
    range: { start, end },
  }));
}

/**
 * Sets or removes what a namespace has in `<metadata>`, as libvirt's `virDomainDefSetMetadata` does
 * (one element for each namespace); every other byte stays as it is.
 *
 * @param xml The string that `domain` was read from.
 * @param element A well-formed element that declares its namespace; `undefined` removes.
 *
 * @example
 * ```ts
 * import { parseDomain, setMetadata } from "premigrate/domain";
 * import { assertEquals } from "@std/assert";
 *
 * const xml = "<domain type='kvm'><name>web1</name><metadata/></domain>";
 * const set = setMetadata(xml, parseDomain(xml), "urn:x", "<x:a xmlns:x='urn:x'/>");
 * assertEquals(parseDomain(set).metadataElements.map(({ name }) => name), ["a"]);
 * ```
 */
export function setMetadata(
  xml: string,
  domain: DomainMetadata,
  namespace: string,
  element: string | undefined,
): string {
  const ranges = domain.metadataElements.filter((found) => found.namespace === namespace)
    .map(({ range }) => range);
  const [first] = ranges;
  if (first === undefined) return element === undefined ? xml : insert(xml, domain, element);
  let [text, at] = ["", 0];
  for (const range of ranges) {
    text += xml.slice(at, range.start) + (range === first ? element ?? "" : "");
    at = range.end;
  }
  return text + xml.slice(at);
}

function insert(xml: string, { metadata }: DomainMetadata, element: string): string {
  if (metadata === undefined) {
    const { root } = new DomainDocument(xml);
    const at = (child(root, "uuid") ?? child(root, "name") ?? root).end;
    return splice(xml, { start: at, end: at }, `<metadata>${element}</metadata>`);
  }
  const { start, end } = metadata;
  if (xml.startsWith("/>", end - 2)) {
    return splice(xml, { start: end - 2, end }, `>${element}</metadata>`);
  }
  const at = start + xml.slice(start, end).lastIndexOf("</");
  return splice(xml, { start: at, end: at }, element);
}

function splice(text: string, { start, end }: Range, put: string): string {
  return text.slice(0, start) + put + text.slice(end);
}
