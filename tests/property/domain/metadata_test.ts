import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseDomain, setMetadata } from "../../../lib/domain/mod.ts";

const OURS = "urn:ours";

const other = fc.constantFrom(
  "",
  "\r\n ",
  "text",
  "<e/>",
  "<!-- <p:e xmlns:p='urn:ours'/> </metadata> -->",
  "<![CDATA[<p:e xmlns:p='urn:ours'/></metadata>]]>",
  "<?p </metadata>?>",
  "<premigrate:stamp xmlns:premigrate='urn:other'/>",
  "<d xmlns='urn:other'><e xmlns='urn:ours'/></d>",
  "<p:e/>",
  "&#x1f600;\u{1f600}",
);
/** Of our namespace, by a prefix or as the default one; `p` is that of `<metadata>` where it has one. */
const ours = fc.constantFrom(
  "<premigrate:stamp xmlns:premigrate='urn:ours'>x</premigrate:stamp>",
  '<stamp xmlns="urn&#58;ours"><![CDATA[</stamp>]]></stamp>',
  "<p:e xmlns:p='urn:ours'/>",
);
const metadata = fc.option(
  fc.tuple(
    fc.constantFrom("", " xmlns='urn:other'", " xmlns:p='urn:other'", " a='/>'", "\r\n"),
    fc.array(fc.oneof(other, ours)),
    fc.constantFrom("</metadata>", "</metadata\r\n>", "/>"),
  ),
  { nil: undefined },
);
const name = fc.constantFrom("vm1", "$(reboot)", "a'b\"c", "&lt;metadata/>", "<![CDATA[</name>]]>");

Deno.test("setMetadata: the document holds exactly that element, and all else as it was", () => {
  const element = fc.constantFrom(
    undefined,
    "<premigrate:stamp xmlns:premigrate='urn:ours' a='/>'>new</premigrate:stamp>",
    "<p:new xmlns:p='urn:ours'/>",
  );
  fc.assert(
    fc.property(name, metadata, element, fc.boolean(), (name, metadata, element, hasUuid) => {
      const uuid = hasUuid ? "<uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>" : "";
      const [attributes = "", inside = [], end = ""] = metadata ?? [];
      const kept = end === "/>" ? [] : inside;
      const xml = `<?xml version='1.0'?>\r\n<domain type='kvm'><name>${name}</name>${uuid}` +
        (metadata === undefined
          ? ""
          : `<metadata${attributes}${end === "/>" ? "" : ">"}${kept.join("")}${end}`) +
        "<devices/></domain>\r\n";
      const before = parseDomain(xml);
      const set = setMetadata(xml, before, OURS, element);
      const after = parseDomain(set);

      const found = after.metadataElements.filter(({ namespace }) => namespace === OURS);
      assertEquals(
        found.map(({ range }) => set.slice(range.start, range.end)),
        element === undefined ? [] : [element],
      );
      // Without ours both are the same, but for the form that an absent or empty <metadata> has.
      const bare = (xml: string): string =>
        setMetadata(xml, parseDomain(xml), OURS, undefined)
          .replace(/<metadata([^<]*?)(\/>|><\/metadata>)(?=<devices)/, "<metadata$1/>");
      const expected = metadata === undefined && element !== undefined
        ? xml.replace("<devices/>", "<metadata/><devices/>")
        : xml;
      assertEquals(bare(set), bare(expected));
    }),
    { numRuns: 2000 },
  );
});
