/** F15: metadata that libvirt takes, deep or of many elements, made a guest's document unreadable. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseXml, XmlElement } from "@rgrove/parse-xml";
import fc from "fast-check";
import { type Domain, DomainXmlError, parseDomain } from "premigrate";
import { rewriteSources, setMetadata } from "premigrate/domain";
import { STAMP_NAMESPACE } from "../../../lib/facts/mod.ts";

const STAMP = `<premigrate:stamp xmlns:premigrate="${STAMP_NAMESPACE}">x</premigrate:stamp>`;
const HOSTDEV = `<hostdev mode='subsystem' type='pci' managed='no'>
    <source><address domain='0x0000' bus='0x3b' slot='0x00' function='0x4'/></source>
    <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></hostdev>`;

function documentOf(metadata: string): string {
  return `<!-- <metadata> -->\n<domain type='kvm' xmlns:q='urn:q'><name>a\u{1f600}</name>` +
    `<uuid>4dea22b3-1d52-48f3-a516-782e98ab3fa0</uuid>${metadata}<devices>` +
    `<controller type='pci' index='1' model='pcie-root-port'/>${HOSTDEV}</devices></domain>`;
}

/** What a document says but for its metadata, wherever that is. */
function withoutMetadata({ metadata: _, metadataElements: __, ...domain }: Domain): unknown {
  return {
    ...domain,
    hostDevices: domain.hostDevices.map((device) => ({
      ...device,
      position: undefined,
      sourceRange: undefined,
    })),
  };
}

const deep = (levels: number): string => "<d>".repeat(levels) + "</d>".repeat(levels);

const INSIDE: readonly (readonly [name: string, inside: string])[] = [
  ["120 deep", deep(120)],
  ["240 deep, as libvirt takes it", `<a xmlns='urn:a'>${deep(239)}</a>`],
  ["100,000 deep", deep(100_000)],
  ["60,000 elements below one", `<a xmlns='urn:a'>${"<e/>".repeat(60_000)}</a>`],
  ["60,000 elements beside ours", "<e xmlns='urn:a'/>".repeat(60_000)],
  ["60,000 elements of two tags", "<e></e>".repeat(60_000)],
  ["another <metadata>", "<metadata><devices/></metadata>".repeat(3)],
  ["devices that are none", `<devices>${HOSTDEV}</devices>`],
  ["what only looks like an end", "<!-- </metadata> --><![CDATA[</metadata>]]><?p </metadata>?>"],
  ["an end in an attribute", "<e a='/></metadata ' b=\"></e>\"/>".replaceAll("</", "&lt;/")],
  ["a > in an attribute", "<e a='>' b=\"'>'\">></e>"],
];

for (const [name, inside] of INSIDE) {
  Deno.test(`F15: metadata with ${name}: the guest is read, and its stamp`, () => {
    for (const whole of [inside + STAMP, STAMP + inside]) {
      const xml = documentOf(`<metadata>${whole}</metadata>`);
      const read = parseDomain(xml);
      assertEquals(withoutMetadata(read), withoutMetadata(parseDomain(documentOf(""))));
      assertEquals(
        xml.slice(read.metadata?.start, read.metadata?.end),
        `<metadata>${whole}</metadata>`,
      );
      const ours = read.metadataElements.filter(({ namespace }) => namespace === STAMP_NAMESPACE);
      assertEquals(ours.map(({ range: { start, end }, text }) => [xml.slice(start, end), text]), [[
        STAMP,
        "x",
      ]]);
      // Every other byte stays.
      const other = "<p:n xmlns:p='urn:premigrate:stamp'/>";
      assertEquals(setMetadata(xml, read, STAMP_NAMESPACE, other), xml.replace(STAMP, other));
      const moved = rewriteSources(xml, read, { hostdev0: "0000:af:00.1" });
      const at = xml.lastIndexOf("<source>");
      assertEquals(moved.slice(0, at), xml.slice(0, at));
      assert(moved.slice(at).includes("bus='0xaf'"));
    }
  });
}

Deno.test("F15: of several <metadata> the first is read, none is bounded", () => {
  const [first, second] = [`<metadata>${STAMP}${deep(200)}</metadata>`, deep(200)];
  for (const other of ["<metadata>", "<metadata a='b'>"]) {
    const xml = documentOf(`${first}${other}${second}<e xmlns='urn:e'/></metadata>`);
    const { metadataElements } = parseDomain(xml);
    assertEquals(metadataElements.map(({ name }) => name), ["stamp", "d"]);
  }
  const empty = parseDomain(documentOf(`<metadata/><metadata>${STAMP}</metadata>`));
  assertEquals(empty.metadataElements, []);
});

const BOUNDED: readonly (readonly [name: string, xml: string, code: string])[] = [
  ["below another element", documentOf(`<a><metadata>${deep(120)}</metadata></a>`), "too-deep"],
  ["of another name", documentOf(`<metadatas>${deep(120)}</metadatas>`), "too-deep"],
  ["with a prefix", documentOf(`<q:metadata>${deep(120)}</q:metadata>`), "too-deep"],
  ["in a comment", documentOf(`<!-- <metadata> -->${deep(120)}<!-- </metadata> -->`), "too-deep"],
  ["in CDATA", documentOf(`<t><![CDATA[<metadata>]]>${deep(120)}</t>`), "too-deep"],
  ["behind it", documentOf(`<metadata/>${deep(120)}`), "too-deep"],
  ["beside it", documentOf(`<metadata></metadata>${"<e/>".repeat(50_001)}`), "too-large"],
  ["that does not end", documentOf("<metadata><a></metadata>"), "malformed"],
  ["that ends twice", documentOf("<metadata></a></metadata>"), "malformed"],
  ["of tags that cross", documentOf("<metadata><a><b></a></b></metadata>"), "malformed"],
  ["with a reference to nothing", documentOf("<metadata><a>&b;</a></metadata>"), "malformed"],
  ["with an attribute twice", documentOf("<metadata><a b='' b=''/></metadata>"), "malformed"],
  ["with half an attribute", documentOf("<metadata><a b/></metadata>"), "malformed"],
];

for (const [name, xml, code] of BOUNDED) {
  Deno.test(`F15: all else is bounded as it was: ${name}`, () => {
    assertEquals(assertThrows(() => parseDomain(xml), DomainXmlError).code, code);
  });
}

/** Content of an element: text, markup, and elements, nested. */
const content: fc.Arbitrary<string> = fc.letrec((tie) => ({
  content: fc.array(
    fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.constantFrom(
        ...["", "text", " ", "\r\n", "\t", ">", "&lt;", "&#x1f600;", "&#65;", "\u{1f600}\u00fc"],
        ...["<!-- </metadata><a> -->", "<![CDATA[</metadata>&amp;<a]]>", "<?p </metadata>?>"],
      ),
      fc.constantFrom("<e/>", "<metadata/>", "<e a='>&quot;&#9;'/>", STAMP),
      fc.tuple(
        fc.constantFrom("e", "metadata", "p:e", "devices", "hostdev"),
        fc.constantFrom("", " a='1'", " xmlns='urn:x'", ' xmlns:p="urn&#58;y"', "\n b = '>'\r\n"),
        tie("content"),
      ).map(([name, attributes, inside]) => `<${name}${attributes}>${inside}</${name} >`),
    ),
    { maxLength: 5 },
  ).map((parts) => parts.join("")),
})).content.map(String);

Deno.test("F15: whatever metadata holds, the rest of the document is read as without it", () => {
  const bare = withoutMetadata(parseDomain(documentOf("")));
  fc.assert(
    fc.property(content, (inside) => {
      const xml = documentOf(`<metadata xmlns:p='urn:p'>${inside}</metadata>`);
      const read = parseDomain(xml);
      assertEquals(withoutMetadata(read), bare);
      const [device] = read.hostDevices;
      assert(device?.kind === "pci");
      const { start, end } = device.sourceRange;
      assert(xml.slice(start, end).startsWith("<address domain='0x0000' bus='0x3b'"));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("F15: the elements in metadata are those that the parser finds there", () => {
  fc.assert(
    fc.property(content, (inside) => {
      const xml = documentOf(`<metadata xmlns:p='urn:p'>${inside}</metadata>`);
      // The parser's own view; carriage returns cost it quadratic time, which is why they go.
      const { root } = parseXml(xml.replaceAll("\r\n", " \n"), { includeOffsets: true });
      const metadata = root?.children.find((node) =>
        node instanceof XmlElement && node.name === "metadata"
      );
      assert(metadata instanceof XmlElement);
      const wanted = metadata.children.filter((node) => node instanceof XmlElement)
        .map(({ name, attributes, text, start, end }) => ({
          name: name.replace(/^.*:/, ""),
          attributes: { ...attributes },
          text,
          range: { start, end },
        }));
      const found = parseDomain(xml).metadataElements.map(({ namespace: _, ...rest }) => rest);
      assertEquals(found, wanted);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("F15: any text in metadata gives a domain or an error that tells the place", () => {
  const any = fc.array(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 5 }),
      fc.constantFrom(
        "<",
        ">",
        "</",
        "/>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?",
        "?>",
        "'",
        '"',
      ),
      fc.constantFrom("<a>", "</a>", "<a b=", "&", "&#x110000;", "&#99999999;", "</metadata>"),
    ),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(any, (parts) => {
      const xml = documentOf(`<metadata>${parts.join("")}</metadata>`);
      try {
        parseDomain(xml);
      } catch (error) {
        assert(error instanceof DomainXmlError, String(error));
      }
    }),
    { numRuns: 3000 },
  );
});
