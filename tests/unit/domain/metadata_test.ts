import { assertEquals } from "@std/assert";
import { parseDomain } from "premigrate";
import { setMetadata } from "premigrate/domain";

const OURS = "urn:x";
const NEW = "<x:new xmlns:x='urn:x'>1</x:new>";

function domain(inside: string): string {
  return `<?xml version="1.0"?>\r\n<!-- <metadata/> -->\n<domain type='kvm'>` +
    `<name>a\u{1f600} &lt;metadata></name>${inside}<devices/></domain>\n`;
}

const READ: readonly (readonly [name: string, metadata: string, expected: string[]])[] = [
  ["none", "", []],
  ["an empty one", "<metadata/>", []],
  [
    "prefixes, redeclared ones too",
    "<metadata xmlns:p='urn:a'><p:e p:k='1'/><p:e xmlns:p='urn:b'>t</p:e></metadata>",
    ['urn:a e {"p:k":"1"} ', 'urn:b e {"xmlns:p":"urn:b"} t'],
  ],
  [
    "a default namespace, and one taken back",
    "<metadata xmlns='urn:a'><e/><e xmlns=''/></metadata>",
    ["urn:a e {} ", 'undefined e {"xmlns":""} '],
  ],
  ["a prefix that nobody declared", "<metadata><p:e/></metadata>", ["undefined e {} "]],
  [
    "text in CDATA, entities and elements below",
    "<metadata><e><![CDATA[<a>]]>&amp;<f>t<e/></f><!-- c --></e><?p <e/>?></metadata>",
    ["undefined e {} <a>&t"],
  ],
  ["the first <metadata>, as libvirt", "<metadata><a/></metadata><metadata><b/></metadata>", [
    "undefined a {} ",
  ]],
];

for (const [name, metadata, expected] of READ) {
  Deno.test(`metadataElements: ${name}`, () => {
    const xml = domain(metadata);
    const { metadataElements } = parseDomain(xml);
    assertEquals(
      metadataElements.map(({ namespace, name, attributes, text }) =>
        `${namespace} ${name} ${JSON.stringify(attributes)} ${text}`
      ),
      expected,
    );
    for (const { range: { start, end } } of metadataElements) {
      assertEquals([xml[start], xml[end - 1]], ["<", ">"]);
    }
  });
}

const SET: readonly (readonly [
  name: string,
  before: string,
  set: string,
  removed: string,
])[] = [
  ["no <metadata>, no UUID", "", `<metadata>${NEW}</metadata>`, ""],
  [
    "no <metadata>",
    "<uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>\n",
    `<uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid><metadata>${NEW}</metadata>\n`,
    "<uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>\n",
  ],
  ["an empty one", "<metadata\r\n/>", `<metadata\r\n>${NEW}</metadata>`, "<metadata\r\n/>"],
  [
    "another's element",
    "<metadata>\r\n <e>&gt;</e>\r\n</metadata >",
    `<metadata>\r\n <e>&gt;</e>\r\n${NEW}</metadata >`,
    "<metadata>\r\n <e>&gt;</e>\r\n</metadata >",
  ],
  [
    "what only looks like an end",
    "<metadata a='/>'><!-- </metadata> --><![CDATA[</metadata>]]></metadata>",
    `<metadata a='/>'><!-- </metadata> --><![CDATA[</metadata>]]>${NEW}</metadata>`,
    "<metadata a='/>'><!-- </metadata> --><![CDATA[</metadata>]]></metadata>",
  ],
  [
    "ours, under another prefix",
    "<metadata> <y:old xmlns:y='urn:x'><y:a/></y:old> </metadata>",
    `<metadata> ${NEW} </metadata>`,
    "<metadata>  </metadata>",
  ],
  [
    "two of ours around another's",
    "<metadata xmlns:y='urn:x'><y:a/><x:b xmlns:x='urn:y'/>\n<c xmlns='urn:x'/></metadata>",
    `<metadata xmlns:y='urn:x'>${NEW}<x:b xmlns:x='urn:y'/>\n</metadata>`,
    "<metadata xmlns:y='urn:x'><x:b xmlns:x='urn:y'/>\n</metadata>",
  ],
];

for (const [name, before, set, removed] of SET) {
  Deno.test(`setMetadata: ${name}`, () => {
    const xml = domain(before);
    const parsed = parseDomain(xml);
    assertEquals(setMetadata(xml, parsed, OURS, NEW), domain(set));
    assertEquals(setMetadata(xml, parsed, OURS, undefined), domain(removed));
  });
}
