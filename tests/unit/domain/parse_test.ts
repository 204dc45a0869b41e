import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  DomainXmlError,
  type DomainXmlErrorCode,
  type HostDevice,
  parseDomain,
} from "../../../lib/domain/mod.ts";
import type { BusKind } from "../../../lib/pci/bus.ts";

const QEMU = "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'";

interface Parts {
  readonly attributes?: string;
  readonly name?: string;
  readonly os?: string;
  readonly rest?: string;
}

function domainXml(devices: string, parts: Parts = {}): string {
  const {
    attributes = "type='kvm'",
    name = "<name>guest</name>",
    os = "<os><type arch='x86_64' machine='pc-q35-9.0'>hvm</type></os>",
    rest = "",
  } = parts;
  const uuid = "<uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>";
  return `<domain ${attributes}>${name}${uuid}${os}<devices>${devices}</devices>${rest}</domain>`;
}

function pci(source: string, rest = ""): string {
  return `<hostdev mode='subsystem' type='pci'><source><address ${source}/></source>${rest}</hostdev>`;
}

function firstDevice(devices: string, parts?: Parts): HostDevice {
  const [device] = parseDomain(domainXml(devices, parts)).hostDevices;
  assert(device !== undefined);
  return device;
}

function propertiesOf(device: HostDevice): Readonly<Record<string, string>> {
  assert(device.kind !== "other");
  return device.properties;
}

Deno.test("a guest with an IOMMU of its own", () => {
  const iommu = "<iommu model='intel'><driver intremap='on' caching_mode='on'/></iommu>";
  const found = [iommu, ""].map((devices) => parseDomain(domainXml(devices)).viommu);
  assertEquals(found, [true, false]);
});

const SOURCES: [name: string, attributes: string, bdf: string][] = [
  ["hexadecimal", "domain='0x0000' bus='0x3b' slot='0x00' function='0x4'", "0000:3b:00.4"],
  ["upper case", "domain='0X0' bus='0xAF' slot='0x1F' function='0x7'", "0000:af:1f.7"],
  ["decimal", "domain='0' bus='59' slot='31' function='7'", "0000:3b:1f.7"],
  ["octal", "domain='00' bus='073' slot='037' function='07'", "0000:3b:1f.7"],
  ["absent parts", "bus='1'", "0000:01:00.0"],
  ["a domain of five digits", "domain='0x10000' bus='0xe1'", "10000:e1:00.0"],
];

for (const [name, attributes, bdf] of SOURCES) {
  Deno.test(`a PCI source in ${name} notation is normalized`, () => {
    const device = firstDevice(pci(attributes));
    assertEquals(device.kind === "pci" && device.source, bdf);
  });
}

/** `<rom>`, the address, and the qemu namespace; the device is hostdev0. */
const PROPERTIES: [
  name: string,
  device: string,
  qemu: string,
  expected: Record<string, string>,
][] = [
  ["nothing", "", "", {}],
  ["rom bar off", "<rom bar='off'/>", "", { rombar: "0" }],
  ["rom bar on and a file", "<rom bar='on' file='/a'/>", "", { rombar: "1", romfile: "/a" }],
  ["no rom", "<rom enabled='no'/>", "", { romfile: "" }],
  [
    "a file whose name is a word for true",
    "<rom file='y'/>",
    "",
    { romfile: "y" },
  ],
  [
    "multifunction",
    "<address type='pci' slot='3' multifunction='off'/>",
    "",
    { multifunction: "off" },
  ],
  ["-global", "", args("-global", "vfio-pci.a=1"), { a: "1" }],
  ["--global", "", args("--global", "vfio-pci.a=1"), { a: "1" }],
  ["-global, long", "", args("-global", "driver=vfio-pci,property=a,value=1"), { a: "1" }],
  [
    "-global, long, in another order and with a comma",
    "",
    args("-global", "value=1,,2=3,property=a,driver=vfio-pci"),
    { a: "1,2=3" },
  ],
  ["-global with dots in its value", "", args("-global", "vfio-pci.a=b.c=d"), { a: "b.c=d" }],
  ["-global for a type above", "", args("-global", "pci-device.rombar=0"), { rombar: "0" }],
  ["-global for another type", "", args("-global", "virtio-net-pci.a=1"), {}],
  ["-global for a type below", "", args("-global", "vfio-pci-nohotplug.a=1"), {}],
  ["-global without anything", "", args("-global"), {}],
  ["-global with nonsense", "", args("-global", "vfio-pci", "-global", ",,,"), {}],
  ["-global=..., which QEMU refuses", "", args("-global=vfio-pci.a=1"), {}],
  [
    "the later -global",
    "",
    args("-global", "vfio-pci.a=1", "-global", "pci-device.a=2"),
    { a: "2" },
  ],
  ["-set", "", args("-set", "device.hostdev0.a=1"), { a: "1" }],
  ["-set for another device", "", args("-set", "device.hostdev1.a=1"), {}],
  ["-set for another group", "", args("-set", "drive.hostdev0.a=1"), {}],
  [
    "-set over -global",
    "",
    args("-set", "device.hostdev0.a=1", "-global", "vfio-pci.a=2"),
    { a: "1" },
  ],
  [
    "-set over an override",
    "",
    override("name='a' type='string' value='1'") + args("-set", "device.hostdev0.a=2"),
    { a: "2" },
  ],
  ["an override", "", override("name='a' type='bool' value='true'"), { a: "on" }],
  [
    "an override over -global",
    "",
    override("name='a' type='unsigned' value='3'") + args("-global", "vfio-pci.a=2"),
    { a: "3" },
  ],
  [
    "an override over <rom>",
    "<rom bar='off'/>",
    override("name='rombar' type='unsigned' value='1'"),
    { rombar: "1" },
  ],
  [
    "a removal, which uncovers -global",
    "<rom bar='off'/>",
    override("name='rombar' type='remove'") + args("-global", "vfio-pci.rombar=1"),
    { rombar: "1" },
  ],
  ["a removal of nothing", "", override("name='a' type='remove'"), {}],
  [
    "two overrides of one device",
    "",
    override("name='a' type='string' value='1'") + override("name='a' type='string' value='2'"),
    { a: "2" },
  ],
  [
    "QEMU's other words for truth",
    "",
    args("-set", "device.hostdev0.a=yes", "-set", "device.hostdev0.b=n"),
    { a: "on", b: "off" },
  ],
  [
    "a property with a dangerous name",
    "",
    args("-set", "device.hostdev0.__proto__=1"),
    Object.fromEntries([["__proto__", "1"]]),
  ],
  [
    "another prefix",
    "",
    args("-global", "vfio-pci.a=1").replaceAll("qemu:", "x:").replace(
      "<x:commandline",
      `<x:commandline ${QEMU.replace("qemu", "x")}`,
    ),
    { a: "1" },
  ],
  [
    "the default namespace",
    "",
    args("-global", "vfio-pci.a=1").replaceAll("qemu:", "").replace(
      "<commandline",
      `<commandline ${QEMU.replace(":qemu", "")}`,
    ),
    { a: "1" },
  ],
  [
    "an unknown prefix, which libvirt drops",
    "",
    args("-global", "vfio-pci.a=1").replaceAll("qemu:", "x:"),
    {},
  ],
  [
    "no prefix, which libvirt drops",
    "",
    args("-global", "vfio-pci.a=1").replaceAll("qemu:", ""),
    {},
  ],
];

function args(...values: string[]): string {
  const list = values.map((value) => `<qemu:arg value='${value}'/>`).join("");
  return `<qemu:commandline>${list}</qemu:commandline>`;
}

function override(property: string): string {
  return `<qemu:override><qemu:device alias='hostdev0'><qemu:frontend><qemu:property ${property}/>` +
    "</qemu:frontend></qemu:device></qemu:override>";
}

for (const [name, inside, rest, expected] of PROPERTIES) {
  Deno.test(`QEMU properties: ${name}`, () => {
    const parts = { attributes: `type='kvm' ${QEMU}`, rest };
    assertEquals(propertiesOf(firstDevice(pci("bus='1'", inside), parts)), expected);
  });
}

Deno.test("QEMU properties: libvirt gives a mediated device no ROM options", () => {
  const device = firstDevice(
    "<hostdev type='mdev' model='vfio-pci'><source><address uuid='90c6c135-ad44-41d0-b1b7-bae47de48627'/>" +
      "</source><rom bar='off'/></hostdev>",
  );
  assertEquals(propertiesOf(device), {});
});

Deno.test("QEMU properties: a display with ramfb makes it a vfio-pci-nohotplug", () => {
  const parts = {
    attributes: `type='kvm' ${QEMU}`,
    rest: args("-global", "vfio-pci-nohotplug.a=1", "-global", "vfio-pci.b=2"),
  };
  const device = pci("bus='1'").replace("<hostdev", "<hostdev ramfb='on'");
  assertEquals(propertiesOf(firstDevice(device, parts)), { a: "1", b: "2" });
});

Deno.test("a VFIO device added by hand is reported, in each form QEMU takes", () => {
  const rest = args(
    "-device",
    "vfio-pci,host=01:00.0",
    "--device",
    "driver=vfio-pci-nohotplug,host=01:00.0",
    "-device",
    '{"driver": "vfio-pci", "host": "01:00.0"}',
    "-device",
    '{"driver": "vf\\u0069o-pci"}',
    "-readconfig",
    "/etc/qemu/devices.cfg",
    "-device",
    "virtio-net-pci,id=vfio-pci",
    "-device",
    '{"driver": "virtio-net-pci", "id": "vfio-pci"}',
  );
  const { hostDevices } = parseDomain(
    domainXml("", { attributes: `type='kvm' ${QEMU}`, rest }),
  );
  assertEquals(
    hostDevices.map((device) => device.kind === "other" && device.type),
    Array(5).fill("qemu:commandline"),
  );
});

const INTERFACES: [name: string, xml: string, kinds: string[], networks: string[]][] = [
  [
    "a plain network",
    "<interface type='network'><source network='n' portgroup='p'/><vlan><tag id='1'/></vlan></interface>",
    [],
    ["n"],
  ],
  [
    "one network twice",
    "<interface type='network'><source network='n'/></interface>".repeat(2),
    [],
    ["n"],
  ],
  [
    "a live network, whose bridge is known",
    "<interface type='network'><source network='n' bridge='virbr0'/></interface>",
    [],
    [],
  ],
  [
    "a transient interface",
    "<interface type='network'><source network='n'/><teaming type='transient' persistent='ua-b'/></interface>",
    ["unknown-until-start n"],
    [],
  ],
  [
    "a persistent interface",
    "<interface type='network'><source network='n'/><teaming type='persistent'/></interface>",
    [],
    ["n"],
  ],
  [
    "a pool's device, already chosen",
    "<interface type='network'><source network='n'/><actual type='hostdev' managed='yes'><source>" +
    "<address type='pci' bus='0x17'/></source></actual></interface>",
    ["pci 0000:17:00.0"],
    [],
  ],
  [
    "a pool's device, not yet chosen",
    "<interface type='network'><source network='n'/><actual type='hostdev'/></interface>",
    ["unknown-until-start n"],
    [],
  ],
  [
    "a network that turned out a bridge",
    "<interface type='network'><source network='n'/><actual type='bridge'/></interface>",
    [],
    [],
  ],
  [
    "a host interface that is USB",
    "<interface type='hostdev'><source><vendor id='1'/></source></interface>",
    ["other usb"],
    [],
  ],
  ["a tap device", "<interface type='ethernet'/>", [], []],
  ["an interface without a type", "<interface/>", [], []],
];

for (const [name, xml, kinds, networks] of INTERFACES) {
  Deno.test(`interfaces: ${name}`, () => {
    const domain = parseDomain(domainXml(xml));
    assertEquals(domain.hostDevices.map(brief), kinds);
    assertEquals(domain.networks, networks);
  });
}

function brief(device: HostDevice): string {
  switch (device.kind) {
    case "other":
      return `other ${device.type}`;
    case "unknown-until-start":
      return `${device.kind} ${device.network}`;
    default:
      return `${device.kind} ${device.source}`;
  }
}

const MACHINES: [arch: string, machine: string, bus: BusKind | undefined][] = [
  ["x86_64", "q35", "root"],
  ["x86_64", "pc-q35-rhel9.4.0", "root"],
  ["x86_64", "pc", "pci"],
  ["x86_64", "pc-i440fx-jammy", "pci"],
  ["x86_64", "rhel6.6.0", "pci"],
  ["x86_64", "microvm", undefined],
  ["x86_64", "isapc", undefined],
  ["aarch64", "virt", "root"],
  ["riscv64", "virt-9.0", "root"],
  ["ppc64le", "pseries-8.2", "pci"],
  ["s390x", "s390-ccw-virtio-9.1", "pci"],
];

for (const [arch, machine, bus] of MACHINES) {
  Deno.test(`bus 0 of ${machine} without a controller is ${bus ?? "unknown"}`, () => {
    const os = `<os><type arch='${arch}' machine='${machine}'>hvm</type></os>`;
    const device = firstDevice(pci("bus='1'", "<address type='pci' slot='5'/>"), { os });
    assertEquals(device.kind === "pci" && device.bus, bus);
  });
}

Deno.test("a guest address of zeros is one libvirt has yet to choose", () => {
  const device = firstDevice(pci("bus='1'", "<address type='pci' multifunction='on'/>"));
  assertEquals(device.kind === "pci" && [device.address, device.bus], [undefined, undefined]);
});

Deno.test("a bus is unknown when its bridges go in circles or end nowhere", () => {
  const bridge = (index: number, parent: number) =>
    `<controller type='pci' index='${index}' model='pci-bridge'>` +
    `<address type='pci' bus='${parent}' slot='1'/></controller>`;
  const devices = [1, 2, 3].map((bus) => pci("bus='1'", `<address type='pci' bus='${bus}'/>`));
  const { hostDevices } = parseDomain(
    domainXml(bridge(1, 2) + bridge(2, 1) + bridge(3, 9) + devices.join("")),
  );
  assertEquals(hostDevices.map((device) => device.kind === "pci" && device.bus), [
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("a further host bridge of a pseries machine is a conventional root", () => {
  const os = "<os><type arch='ppc64le' machine='pseries'>hvm</type></os>";
  const device = firstDevice(
    "<controller type='pci' index='2' model='pci-root'/>" +
      pci("bus='1'", "<address type='pci' bus='2' slot='1'/>"),
    { os },
  );
  assertEquals(device.kind === "pci" && device.bus, "pci");
});

Deno.test("aliases are numbered as libvirt does: interfaces first, users' own left out", () => {
  const nic = (alias = "") =>
    `<interface type='hostdev'><source><address type='pci' bus='2'/></source>${alias}</interface>`;
  const usb = "<hostdev type='usb'><source/></hostdev>";
  const { hostDevices } = parseDomain(
    domainXml(
      pci("bus='1'") + usb + nic() + nic("<alias name='ua-nic'/>") + pci("bus='1'"),
    ),
  );
  assertEquals(
    hostDevices.map((device) => device.kind === "other" ? device.type : device.alias),
    ["hostdev1", "usb", "hostdev0", "ua-nic", "hostdev3"],
  );
});

Deno.test("aliases go on after the highest a live document has", () => {
  const alias = "<alias name='hostdev4'/>";
  const { hostDevices } = parseDomain(domainXml(pci("bus='1'") + pci("bus='2'", alias)));
  assertEquals(
    hostDevices.map((device) => device.kind === "pci" && device.alias),
    ["hostdev5", "hostdev4"],
  );
});

Deno.test("devices of every <devices> element are read, and of no other element", () => {
  const { hostDevices } = parseDomain(domainXml(pci("bus='1'"), {
    rest: `<metadata><m:m xmlns:m='m'>${pci("bus='9'")}</m:m></metadata>` +
      `<devices>${pci("bus='1'")}</devices>${pci("bus='3'")}`,
  }));
  assertEquals(hostDevices.map(brief), ["pci 0000:01:00.0", "pci 0000:01:00.0"]);
});

Deno.test("a name is data, whatever it holds", () => {
  const domain = parseDomain(domainXml("", {
    name: "<name>&#10;$(reboot) &quot;'; rm -rf / &lt;<![CDATA[<x>&]]>\u{1f600}</name>",
  }));
  assertEquals(domain.name, "\n$(reboot) \"'; rm -rf / <<x>&\u{1f600}");
});

Deno.test("offsets hold over astral characters, carriage returns and a byte order mark", () => {
  const xml = "\ufeff" +
    domainXml(`\r\n<!-- \u{1f600} -->\r${pci("bus='1'")}`, { rest: "<metadata>\r</metadata>" });
  const { hostDevices: [device], metadata } = parseDomain(xml);
  const offset = xml.indexOf("<hostdev");
  assertEquals(device?.position, { line: 3, column: 1, offset });
  assertEquals(xml.slice(metadata?.start, metadata?.end), "<metadata>\r</metadata>");
});

const LAUGHS = `<!DOCTYPE domain [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>${domainXml("")}`;
const XXE = `<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>${
  domainXml("", { name: "<name>&x;</name>" })
}`;

const REFUSED: [name: string, code: DomainXmlErrorCode, xml: string][] = [
  ["an empty string", "malformed", ""],
  ["no XML at all", "malformed", "hello"],
  ["a cut document", "malformed", domainXml(pci("bus='1'")).slice(0, -20)],
  ["a document cut in an attribute", "malformed", domainXml("").slice(0, 14)],
  ["two roots", "malformed", domainXml("").repeat(2)],
  ["mismatched tags", "malformed", "<domain><name></domain></name>"],
  ["an attribute given twice", "malformed", domainXml("", { attributes: "type='a' type='b'" })],
  ["a NUL", "malformed", domainXml("\0")],
  ["a reference to NUL", "malformed", domainXml("&#0;")],
  ["a lone surrogate", "malformed", domainXml("\ud800")],
  ["an undefined entity", "malformed", domainXml("&nbsp;")],
  ["a bare ampersand", "malformed", domainXml("a & b")],
  ["a comment left open", "malformed", `${domainXml("")}<!-- <!DOCTYPE`],
  ["an XML declaration in the middle", "malformed", domainXml("<?xml version='1.0'?>")],
  ["a DOCTYPE", "doctype", `<!DOCTYPE domain>${domainXml("")}`],
  ["an entity bomb", "doctype", LAUGHS],
  ["an external entity", "doctype", XXE],
  ["a DOCTYPE within", "doctype", domainXml("<!DOCTYPE x>")],
  ["100,000 levels", "too-deep", "<domain>" + "<a>".repeat(100_000)],
  [
    "levels hidden behind quotes",
    "too-deep",
    `<domain>${"<a b='/>'>".repeat(100)}${"</a>".repeat(100)}</domain>`,
  ],
  ["5 MB", "too-large", domainXml("", { attributes: `type='${"a".repeat(5_000_000)}'` })],
  ["too many elements", "too-large", domainXml("<a/>".repeat(50_000))],
  ["too many devices", "too-large", domainXml(pci("bus='1'").repeat(1025))],
  [
    "too many arguments",
    "too-large",
    domainXml("", {
      attributes: `type='kvm' ${QEMU}`,
      rest: args(...Array<string>(1025).fill("-S")),
    }),
  ],
  ["another root", "not-a-domain", "<domainsnapshot/>"],
  ["a root in a namespace", "not-a-domain", "<x:domain xmlns:x='x'/>"],
  ["a status document", "not-a-domain", `<domstatus>${domainXml("")}</domstatus>`],
  ["no type", "incomplete", domainXml("", { attributes: "" })],
  ["no name", "incomplete", domainXml("", { name: "" })],
  ["a bad uuid", "bad-value", domainXml("").replace("4dea22b3", "4dea22bx")],
  ["a PCI slot of 0x20", "bad-address", domainXml(pci("bus='1' slot='0x20'"))],
  ["a PCI bus of 256", "bad-address", domainXml(pci("bus='256'"))],
  ["a PCI function of 8", "bad-address", domainXml(pci("bus='1' function='8'"))],
  ["a PCI domain of 33 bits", "bad-address", domainXml(pci("domain='0x100000000'"))],
  ["a negative number", "bad-address", domainXml(pci("bus='-1'"))],
  ["digits that are not", "bad-address", domainXml(pci("bus='0x3g'"))],
  ["digits that are not octal", "bad-address", domainXml(pci("bus='09'"))],
  ["an empty number", "bad-address", domainXml(pci("bus=''"))],
  ["a number with space", "bad-address", domainXml(pci("bus=' 1'"))],
  ["a command for a number", "bad-address", domainXml(pci("bus='$(reboot)'"))],
  ["a number in full-width digits", "bad-address", domainXml(pci("bus='\uff11'"))],
  [
    "a bad guest address",
    "bad-address",
    domainXml(pci("bus='1'", "<address type='pci' slot='0x20'/>")),
  ],
  [
    "a guest address libvirt allows for no such device",
    "bad-address",
    domainXml(pci("bus='1'", "<address type='drive'/>")),
  ],
  [
    "a guest address without a type",
    "incomplete",
    domainXml(pci("bus='1'", "<address bus='1'/>")),
  ],
  [
    "a bad controller address",
    "bad-address",
    domainXml(
      pci("bus='1'") +
        "<controller type='pci' index='1' model='pci-bridge'><address type='pci' bus='x'/></controller>",
    ),
  ],
  ["a device without a source", "incomplete", domainXml("<hostdev type='pci'/>")],
  [
    "a device with an empty source",
    "incomplete",
    domainXml("<hostdev type='pci'><source/></hostdev>"),
  ],
  ["a device without a type", "incomplete", domainXml("<hostdev mode='subsystem'/>")],
  ["a device of unknown mode", "bad-value", domainXml("<hostdev mode='x' type='pci'/>")],
  [
    "an interface without a source",
    "incomplete",
    domainXml("<interface type='hostdev'/>"),
  ],
  [
    "an interface without a network",
    "incomplete",
    domainXml("<interface type='network'/>"),
  ],
  [
    "managed neither yes nor no",
    "bad-value",
    domainXml(pci("bus='1'").replace("<hostdev", "<hostdev managed='maybe'")),
  ],
  ["rom neither on nor off", "bad-value", domainXml(pci("bus='1'", "<rom bar='1'/>"))],
  [
    "teaming neither transient nor persistent",
    "bad-value",
    domainXml(pci("bus='1'", "<teaming type=''/>")),
  ],
  [
    "a mediated device without a model",
    "incomplete",
    domainXml(
      "<hostdev type='mdev'><source><address uuid='90c6c135-ad44-41d0-b1b7-bae47de48627'/></source></hostdev>",
    ),
  ],
  [
    "a mediated device of unknown model",
    "bad-value",
    domainXml(
      "<hostdev type='mdev' model='vfio-platform'><source>" +
        "<address uuid='90c6c135-ad44-41d0-b1b7-bae47de48627'/></source></hostdev>",
    ),
  ],
  [
    "a mediated device whose UUID is a path",
    "bad-address",
    domainXml(
      "<hostdev type='mdev' model='vfio-pci'><source><address uuid='../../../etc'/></source></hostdev>",
    ),
  ],
  ...([
    ["no name", "incomplete", "type='bool' value='true'"],
    ["no type", "incomplete", "name='a' value='true'"],
    ["no value", "incomplete", "name='a' type='bool'"],
    ["an unknown type", "bad-value", "name='a' type='x' value='true'"],
    ["a truth value that is none", "bad-value", "name='a' type='bool' value='on'"],
    ["a number that is none", "bad-value", "name='a' type='unsigned' value='-1'"],
  ] as const).map(([name, code, property]): typeof REFUSED[number] => [
    `an override with ${name}`,
    code,
    domainXml("", { attributes: `type='kvm' ${QEMU}`, rest: override(property) }),
  ]),
];

for (const [name, code, xml] of REFUSED) {
  Deno.test(`parseDomain() refuses ${name}`, () => {
    assertEquals(assertThrows(() => parseDomain(xml), DomainXmlError).code, code);
  });
}

Deno.test("parseDomain() accepts what is just within the limits", () => {
  const nested = "<a>".repeat(98) + "</a>".repeat(98);
  assertEquals(parseDomain(domainXml(nested)).hostDevices, []);
  // Six elements are the frame's.
  assertEquals(parseDomain(domainXml("<a/>".repeat(49_994))).hostDevices, []);
  assertEquals(parseDomain(domainXml(pci("bus='1'").repeat(1024))).hostDevices.length, 1024);
});

Deno.test("an error names the place and the value, and shows no more of the document", () => {
  const secret = "<graphics type='vnc' passwd='s3cret'/>";
  const inAddress = assertThrows(
    () => parseDomain(domainXml(`\n${secret}\n  ${pci("slot='0x20\n$(reboot)'")}`)),
    DomainXmlError,
  );
  assertEquals(
    inAddress.message,
    "Failed to read the domain XML at line 3, column 48: " +
      'found the PCI address part slot="0x20 $(reboot)", wanted a number up to 0x1f',
  );
  const inSyntax = assertThrows(
    () => parseDomain(domainXml(`\n\u{1f600}\n${secret.replace("'/", "' &/")}`)),
    DomainXmlError,
  );
  assertEquals(
    inSyntax.message,
    "Failed to read the domain XML at line 3, column 38: Unclosed start tag for element `graphics`",
  );
});

Deno.test("an error's message stays short", () => {
  const long = "x".repeat(100_000);
  const documents = [
    `<domain><${long}></domain>`,
    `<${long}/>`,
    domainXml(pci(`bus='${long}'`)),
    domainXml(pci("bus='1'", `<address type='${long}'/>`)),
  ];
  for (const xml of documents) {
    const { message } = assertThrows(() => parseDomain(xml), DomainXmlError);
    assert(message.length < 250, message.slice(0, 300));
  }
});

/** Each filled to the size limit; what a parser does with one may not grow with the square of it. */
const REPEATED: [name: string, unit: string][] = [
  ["carriage returns", "\r"],
  ["line ends", "\r\n"],
  ["character references", "&amp;"],
  ["astral references", "&#x1f600;"],
  ["comments", "<!---->"],
  ["comments left open", "<!--"],
  ["CDATA sections", "<![CDATA[]]>"],
  ["CDATA sections left open", "<![CDATA["],
  ["processing instructions", "<?a?>"],
  ["processing instructions left open", "<?a "],
  ["brackets", "]]"],
  ["quotes", "<a b='"],
  ["emoji", "\u{1f600}"],
];

for (const [name, unit] of REPEATED) {
  Deno.test(`4 MiB of ${name} take seconds at most`, () => {
    const xml = domainXml(`<a>${unit.repeat(4_190_000 / unit.length)}</a>`);
    const start = performance.now();
    try {
      parseDomain(xml);
    } catch (error) {
      assert(error instanceof DomainXmlError);
      assertEquals(error.code, "malformed");
    }
    assert(performance.now() - start < 10_000);
  });
}

Deno.test("parseDomain: what libvirt fills in may be missing", () => {
  const { name, uuid, arch, machine } = parseDomain("<domain type='kvm'><name>a</name></domain>");
  assertEquals([name, uuid, arch, machine], ["a", undefined, undefined, undefined]);
});
