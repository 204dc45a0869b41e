/**
 * QEMU takes its arguments in their order: libvirt's own first, then those of <qemu:commandline>. On
 * QEMU 11.1.3 `-machine pc-q35-9.0` over pc-q35-9.1 is "Bad config data" at byte 217.
 */
import { assert, assertEquals } from "@std/assert";
import { parseDomain } from "premigrate";
import { judgeArrival } from "../../../lib/hook/arrival.ts";
import { configOf, FakeHost, FIRST, stamped } from "../../helpers/hook_arrivals.ts";
import { ALIAS, args, decide, type Decided, documentWith, override } from "./documents.ts";

const ALLOW: Decided = { decision: "allow", codes: [] };
const COMPARED: Decided = { decision: "veto", codes: ["body-compared", "will-fail"] };

function undecided(...named: readonly string[]): Decided {
  return { decision: "undecided", codes: named.map((name) => `argument-not-understood: ${name}`) };
}

const OLD = "pc-q35-9.0";
const NEW = "pc-q35-9.1";

const MACHINES: readonly (readonly [machine: string, words: string[], wanted: Decided])[] = [
  [NEW, ["-machine", OLD], COMPARED],
  [NEW, ["--machine", OLD], COMPARED],
  [NEW, ["-M", OLD], COMPARED],
  [NEW, ["-M", `type=${OLD}`], COMPARED],
  [NEW, ["-machine", `${OLD},accel=kvm`], COMPARED],
  [NEW, ["-machine", `accel=kvm,type=${OLD}`], COMPARED],
  [NEW, ["-machine", NEW, "-M", OLD], COMPARED],
  [NEW, ["-machine", `type=${NEW},type=${OLD}`], COMPARED],
  [NEW, ["-machine", OLD, "-machine", "kernel_irqchip=on"], COMPARED],
  [NEW, ["-M", OLD, "-machine", NEW], ALLOW],
  [OLD, ["-machine", NEW], ALLOW],
  [NEW, ["-machine", "kernel_irqchip=on,smm=off"], ALLOW],
  [OLD, ["-machine", "kernel_irqchip=on"], COMPARED],
  [NEW, ["-machine", "q35"], undecided("-machine q35")],
  [NEW, ["-M", "q35,kernel_irqchip=on"], undecided("-machine q35")],
  [
    NEW,
    ["-machine", `${NEW},default-bus-bypass-iommu=on`],
    undecided("-machine default-bus-bypass-iommu"),
  ],
  [NEW, ["-machine", "cxl=on"], undecided("-machine cxl")],
];

for (const [machine, words, wanted] of MACHINES) {
  Deno.test(`F2: ${words.join(" ")} over ${machine}`, () => {
    const found = decide(documentWith({ machine, qemu: args(...words) }));
    assertEquals(found, wanted);
  });
}

const IOMMUS: readonly (readonly string[])[] = [
  ["-device", "intel-iommu,intremap=on"],
  ["--device", "driver=amd-iommu"],
  ["-device", "virtio-iommu-pci"],
  ["-device", '{"driver":"virtio-iommu-pci","bus":"pcie.0"}'],
  ["-device", "{'driver':'arm-smmuv3'}"],
  ["-machine", "iommu=smmuv3"],
  ["-M", `${NEW},iommu=on`],
];

for (const words of IOMMUS) {
  Deno.test(`F2: ${words.join(" ")} is an IOMMU like <iommu>`, () => {
    const iommu = documentWith({ devices: "<iommu model='intel'/>" });
    const wanted = decide(iommu);
    assertEquals([wanted.decision, ...new Set(wanted.codes)], ["veto", "viommu"]);
    assertEquals(decide(documentWith({ qemu: args(...words) })), wanted);
  });
}

/** Arguments that may decide, and what they are called. */
const NOT_UNDERSTOOD: readonly (readonly [words: readonly string[], ...names: string[]])[] = [
  [["-global", "migration.send-configuration=off"], "-global migration.send-configuration"],
  [["-global", "new-thing.a=1"], "-global new-thing.a"],
  [["-global", "pcie-root-port.chassis=9"], "-global pcie-root-port.chassis"],
  [["-global", "nonsense"], "-global ."],
  [["-set", "device.pcie.0.a=1"], "-set device.pcie.0.a"],
  [["-set", "device.ua-nobody.a=1"], "-set device.ua-nobody.a"],
  [["-set", "device.hostdev7.a=1"], "-set device.hostdev7.a"],
  [["-set", "device.video0.driver=vfio-pci"], "-set device.video0.driver"],
  [["-set", "machine.x.type=pc"], "-set machine"],
  [["-set", "nonsense"], "-set nonsense"],
  [["-device", "pcie-root-port,id=root.1"], "-device pcie-root-port"],
  [["-device", "ioh3420"], "-device ioh3420"],
  [["-device", "pxb-pcie,bus_nr=8"], "-device pxb-pcie"],
  [["-device", '{"driver":"pci-bridge"}'], "-device pci-bridge"],
  [
    ["-device", "vhost-vdpa-device-pci,vhostdev=/dev/vhost-vdpa-0"],
    "-device vhost-vdpa-device-pci",
  ],
  [["-device", "pci-assign,host=01:00.0"], "-device pci-assign"],
  [["-device", "new-thing"], "-device new-thing"],
  [["-device", ""], "-device "],
  [["-object", "iommufd,id=iommufd0"], "-object iommufd"],
  [["-object", '{"qom-type":"iommufd","id":"iommufd0"}'], "-object iommufd"],
  [["-object", "{"], "-object ?"],
  [["-object", "new-thing,id=a"], "-object new-thing"],
  [["-incoming", "defer"], "-incoming"],
  [["-loadvm", "a"], "-loadvm"],
  [["-preconfig"], "-preconfig"],
  [["-qtest", "unix:/a"], "-qtest"],
  [["-compat", "deprecated-input=reject"], "-compat"],
  [["-new-thing"], "-new-thing"],
  [["-new-thing", "secret"], "-new-thing"],
  [["-new-thing=secret"], "-new-thing"],
  [["-cpu=host"], "-cpu"],
  [["---cpu", "host"], "--cpu"],
  [["-"], "a word without an option"],
  [[""], "a word without an option"],
  [["disk.img"], "a word without an option"],
  [["-cpu"], "-cpu without a value"],
  [["-name", "-device", "virtio-rng-pci"], "-name without a value"],
  // Were -usb an option with a value somewhere, the rest would be another line.
  [["-usb", "x"], "a word without an option"],
];

for (const [words, ...names] of NOT_UNDERSTOOD) {
  Deno.test(`F2: ${JSON.stringify(words)} is undecided by its name`, () => {
    assertEquals(decide(documentWith({ qemu: args(...words) })), undecided(...names));
    // A veto stays one.
    assertEquals(decide(documentWith({ machine: OLD, qemu: args(...words) })).decision, "veto");
  });
}

for (const words of [["-readconfig", "/a"], ["-device", "vfio-pci,host=1:0.0"], ["-device", "{"]]) {
  Deno.test(`F2: ${words.join(" ")} may add a VFIO device`, () => {
    const found = decide(documentWith({ qemu: args(...words) }));
    assertEquals(found, { decision: "undecided", codes: ["device-of-command-line"] });
  });
}

const HARMLESS: readonly (readonly string[])[] = [
  [
    "-cpu",
    "host,kvm=off",
    "-smbios",
    "type=2",
    "-acpitable",
    "file=/a",
    "-overcommit",
    "cpu-pm=on",
  ],
  ["-fw_cfg", "opt/ovmf/X-PciMmio64Mb,string=65536", "-debugcon", "file:/a", "-d", "mmu"],
  ["-object", "input-linux,id=kbd1,evdev=/a", "-object", "iothread,id=io1"],
  ["-object", '{"qom-type":"memory-backend-file","id":"lg","share":true,"size":1024}'],
  ["-device", "ivshmem-plain,memdev=lg", "-device", "{'driver':'ivshmem-plain','id':'a'}"],
  [
    "-device",
    "isa-applesmc,osk=x",
    "-usb",
    "-device",
    "usb-kbd",
    "-device",
    "virtio-net-pci,netdev=n",
  ],
  ["-netdev", "user,id=n", "-chardev", "socket,id=m,path=/a", "-mon", "chardev=m", "-qmp", "stdio"],
  ["-display", "sdl", "-audiodev", "pa,id=a", "-vnc", ":1", "-spice", "port=1", "-vga", "none"],
  ["-name", "a", "-boot", "c", "-rtc", "base=localtime", "-drive", "file=/a,if=none", "-k", "de"],
  [
    "-trace",
    "a",
    "-sandbox",
    "on",
    "-msg",
    "timestamp=on",
    "-m",
    "4096",
    "-smp",
    "4",
    "-enable-kvm",
  ],
  ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off", "-global", "qxl-vga.revision=4"],
  ["-global", "pcie-root-port.x-speed=16", "-global", "pcie-root-port.pref64-reserve=549755813888"],
  ["-global", "vfio-pci.x-no-mmap=on", "-set", `device.${ALIAS}.x-vga=on`],
  ["-set", "device.video0.vgamem_mb=64", "-set", "device.net0.rss=on"],
];

for (const words of HARMLESS) {
  Deno.test(`F2: harmless: ${words.join(" ")}`, () => {
    assertEquals(decide(documentWith({ qemu: args(...words) })), ALLOW);
    assertEquals(decide(documentWith({ machine: OLD, qemu: args(...words) })), COMPARED);
  });
}

Deno.test("an override of what is no host device is known by the device", () => {
  const port = (name: string): Decided =>
    decide(documentWith({ qemu: override(name, "1", "pci.1") }));
  assertEquals(port("x-speed"), ALLOW);
  assertEquals(port("addr"), undecided("<qemu:override> addr of pci.1"));
  assertEquals(decide(documentWith({ qemu: override("rss", "1", "net0") })), ALLOW);
  const strange = decide(documentWith({ qemu: override("rss", "1", "ua-nobody") }));
  assertEquals(strange, undecided("<qemu:override> rss of ua-nobody"));
});

Deno.test("an element of libvirt's QEMU namespace that is not known is undecided", () => {
  const qemu = "<qemu:capabilities><qemu:del capability='device.json'/></qemu:capabilities>" +
    "<qemu:deprecation behavior='omit'/>";
  assertEquals(decide(documentWith({ qemu })), ALLOW);
  const odd = [
    ["<qemu:devices/>", "<qemu:devices>"],
    ["<qemu:commandline><qemu:file path='/a'/></qemu:commandline>", "<qemu:file>"],
    [
      "<qemu:override><qemu:device alias='a'><qemu:backend/></qemu:device></qemu:override>",
      "<qemu:backend>",
    ],
  ] as const;
  for (const [qemu, name] of odd) assertEquals(decide(documentWith({ qemu })), undecided(name));
});

Deno.test("a guest without a VFIO device has nothing that an argument could decide over", () => {
  const xml = documentWith({ qemu: args("-new-thing", "-machine", "q35") })
    .replace(/<hostdev[^]*<\/hostdev>/, "");
  assertEquals(decide(xml), ALLOW);
});

Deno.test("F2: the hook judges the machine type that QEMU takes", async () => {
  using host = await new FakeHost().addFunctions(FIRST.source).know();
  const decided = async (...words: readonly string[]): Promise<string[]> => {
    const xml = await stamped(documentWith({ machine: NEW, qemu: args(...words) }), [FIRST]);
    const found = await judgeArrival(parseDomain(xml), await host.arrival(xml), configOf());
    assert("answer" in found);
    const { decision, findings } = found.answer.verdict;
    return [
      decision,
      ...findings.filter(({ severity }) => severity === "veto").map(({ code }) => code),
    ];
  };
  assertEquals(await decided("-machine", OLD), ["veto", "body-compared", "will-fail"]);
  assertEquals((await decided("-device", "intel-iommu")).includes("viommu"), true);
});
