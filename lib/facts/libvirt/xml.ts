import { parseXml, type XmlElement, XmlError } from "@rgrove/parse-xml";

/** libvirt's own limit for a string on the wire, `REMOTE_STRING_MAX`. */
const MAX_LENGTH = 4 * 1024 * 1024;

/**
 * The root element of a document that libvirt wrote; `undefined` for whatever is none: not
 * well-formed, too large, nested beyond reason, or with another root.
 */
export function readRoot(xml: string, name: string): XmlElement | undefined {
  if (xml.length > MAX_LENGTH) return undefined;
  try {
    // The parser takes quadratic time over carriage returns, which libvirt does not write.
    const { root } = parseXml(xml.replaceAll("\r", "\n"));
    return root?.name === name ? root : undefined;
  } catch (error) {
    // A RangeError is the parser's own recursion.
    if (error instanceof XmlError || error instanceof RangeError) return undefined;
    throw error;
  }
}
