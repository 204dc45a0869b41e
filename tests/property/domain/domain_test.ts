import { assert, assertEquals } from "@std/assert";
import { DOMParser, type Element, onWarningStopParsing } from "@xmldom/xmldom";
import fc from "fast-check";
import {
  type Domain,
  DomainXmlError,
  type HostDevice,
  parseDomain,
} from "../../../lib/domain/mod.ts";

/** The domain or the error; anything else that is thrown fails the property. */
function tryParse(xml: string): Domain | DomainXmlError {
  try {
    return parseDomain(xml);
  } catch (error) {
    if (error instanceof DomainXmlError) return error;
    throw error;
  }
}

/** A device as XML, and what should become of it. */
interface Sample {
  readonly xml: string;
  readonly kind: HostDevice["kind"];
  readonly source: string;
  readonly address: string | undefined;
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");

/** One number in each notation libvirt reads. */
function notations(value: number): fc.Arbitrary<string> {
  return fc.constantFrom(`0x${hex(value, 2)}`, `0X${hex(value, 1).toUpperCase()}`, `${value}`)
    .chain((text) =>
      value === 0 ? fc.constant(text) : fc.constantFrom(text, `0${value.toString(8)}`)
    );
}

/** The attributes of a PCI address in any order and notation, and its normalized form. */
const pciAddress: fc.Arbitrary<{ attributes: string; bdf: string }> = fc.record({
  domain: fc.oneof(fc.constant(0), fc.nat(0xffff), fc.nat(0xffffffff)),
  bus: fc.integer({ min: 1, max: 0xff }),
  slot: fc.nat(0x1f),
  function: fc.nat(7),
}).chain((address) =>
  fc.tuple(
    ...Object.entries(address).map(([name, value]) =>
      notations(value).map((text) => `${name}='${text}'`)
    ),
  ).chain((attributes) => fc.shuffledSubarray(attributes, { minLength: attributes.length }))
    .map((attributes) => ({
      attributes: attributes.join(" "),
      bdf: `${hex(address.domain, 4)}:${hex(address.bus, 2)}:${
        hex(address.slot, 2)
      }.${address.function}`,
    }))
);

const guestAddress: fc.Arbitrary<{ xml: string; bdf: string | undefined }> = fc.option(pciAddress)
  .map((address) => ({
    xml: address === null ? "" : `<address type='pci' ${address.attributes}/>`,
    bdf: address?.bdf,
  }));

const noise = fc.constantFrom(
  "",
  "\n  ",
  "<!-- <hostdev/> -->",
  "<![CDATA[<hostdev>]]>",
  "<?p <a>?>",
);

const pciDevice: fc.Arbitrary<Sample> = fc.tuple(fc.boolean(), pciAddress, guestAddress, noise)
  .map(([nic, source, guest, between]) => {
    const [open, close, type] = nic
      ? ["<interface type='hostdev'>", "</interface>", "type='pci' "]
      : ["<hostdev mode=\"subsystem\" type='pci'>", "</hostdev>", ""];
    const address = `<source>${between}<address ${type}${source.attributes}></address></source>`;
    return {
      xml: `${open}${between}${address}${guest.xml}${close}`,
      kind: "pci",
      source: source.bdf,
      address: guest.bdf,
    };
  });

const mdevDevice: fc.Arbitrary<Sample> = fc.tuple(fc.uuid(), guestAddress, noise)
  .map(([uuid, guest, between]) => ({
    xml: `<hostdev type='mdev' model='vfio-pci'>${guest.xml}<source>${between}` +
      `<address uuid='${uuid.toUpperCase()}'/></source></hostdev>`,
    kind: "mdev",
    source: uuid,
    address: guest.bdf,
  }));

const otherDevice: fc.Arbitrary<Sample> = fc.constantFrom("usb", "scsi", "scsi_host", "new")
  .map((type) => ({
    xml: `<hostdev type='${type}'><source/></hostdev>`,
    kind: "other",
    source: type,
    address: undefined,
  }));

const bystander: fc.Arbitrary<string> = fc.constantFrom(
  "<controller type='pci' index='1' model='pcie-root-port'/>",
  "<interface type='bridge'><source bridge='br0'/></interface>",
  "<disk type='file' device='disk'><source file='/a&amp;b'/></disk>",
  "\r\n\t",
);

const samples = fc.array(
  fc.tuple(bystander, noise, fc.oneof(pciDevice, mdevDevice, otherDevice)),
  { maxLength: 8 },
);

function render(devices: readonly (readonly [string, string, Sample])[], name: string): string {
  const escaped = name.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("]]>", "]]&gt;");
  const inside = devices.map(([before, between, { xml }]) => before + between + xml).join("");
  return `<domain type='kvm' id='1'><name>${escaped}</name>` +
    "<uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>" +
    "<os><type arch='x86_64' machine='pc-q35-9.0'>hvm</type></os>" +
    `<devices>${inside}</devices></domain>`;
}

/** What the sample said, as read back. */
function readBack(device: HostDevice): Omit<Sample, "xml"> {
  if (device.kind === "other") return { kind: "other", source: device.type, address: undefined };
  return {
    kind: device.kind,
    source: device.kind === "unknown-until-start" ? device.network : device.source,
    address: device.address?.type === "pci" ? device.address.bdf : undefined,
  };
}

Deno.test("a generated document gives exactly its devices, in order and in place", () => {
  fc.assert(fc.property(samples, fc.string({ unit: "grapheme" }), (devices, name) => {
    const xml = render(devices, name);
    const domain = parseDomain(xml);
    assertEquals(domain.name, name);
    assertEquals(
      domain.hostDevices.map(readBack),
      devices.map(([, , { kind, source, address }]) => ({ kind, source, address })),
    );
    for (const { position } of domain.hostDevices) {
      assert(/^<(hostdev|interface) /.test(xml.slice(position.offset)));
      const before = xml.slice(0, position.offset).split("\n");
      assertEquals([position.line, position.column], [
        before.length,
        (before.at(-1)?.length ?? 0) + 1,
      ]);
    }
  }));
});

Deno.test("any string is a domain or a DomainXmlError", () => {
  const soup = fc.array(
    fc.constantFrom(
      ..."<>&'\"/=!?-[];# \0\r\n".split(""),
      "<domain type='kvm'>",
      "</domain>",
      "<devices>",
      "</devices>",
      "<hostdev type='pci'>",
      "</hostdev>",
      "<!--",
      "-->",
      "<![CDATA[",
      "]]>",
      "<!DOCTYPE",
      "<?xml version='1.0'?>",
      "&amp;",
      "&#0;",
      "\ud800",
      "\u{1f600}",
    ),
    { maxLength: 60 },
  ).map((tokens) => tokens.join(""));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), soup), (xml) => {
      tryParse(xml);
    }),
    { numRuns: 2000 },
  );
});

/** The document with a few pieces cut, doubled, swapped for others or put in. */
const damaged: fc.Arbitrary<string> = fc.tuple(
  samples,
  fc.array(
    fc.tuple(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.nat(12),
      fc.oneof(
        fc.constant(""),
        // Without colons: xmldom also checks namespaces, which libvirt does not mind.
        fc.string({ maxLength: 3 }).map((text) => text.replaceAll(":", "")),
        fc.constantFrom(
          "<",
          ">",
          "'",
          "/",
          "<a>",
          "</a>",
          "<hostdev type='usb'/>",
          "<!--",
          "-->",
          "&#10;",
        ),
      ),
    ),
    { maxLength: 3 },
  ),
).map(([devices, edits]) =>
  edits.reduce((xml, [where, length, put]) => {
    const at = Math.floor(where * xml.length);
    return xml.slice(0, at) + put + xml.slice(at + length);
  }, render(devices, "guest"))
);

Deno.test("what parseDomain() accepts, xmldom accepts too, with as many host devices", () => {
  fc.assert(
    fc.property(damaged, (xml) => {
      const domain = tryParse(xml);
      if (domain instanceof DomainXmlError) return;
      const document = new DOMParser({ onError: onWarningStopParsing })
        .parseFromString(xml, "text/xml");
      const expected = children(document.documentElement)
        .filter(({ tagName }) => tagName === "devices")
        .flatMap(children)
        .filter((element) =>
          element.tagName === "hostdev" ||
          element.tagName === "interface" && element.getAttribute("type") === "hostdev"
        );
      assertEquals(domain.hostDevices.length, expected.length);
    }),
    { numRuns: 3000 },
  );
});

function children(parent: Element | null): Element[] {
  return Array.from(parent?.childNodes ?? []).filter((node): node is Element =>
    node.nodeType === node.ELEMENT_NODE
  );
}
