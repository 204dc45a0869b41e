import { parseDomain } from "premigrate";
import { assert, assertEquals } from "@std/assert";
import { parseGuest, parseGuestList } from "../../../../lib/facts/libvirt/guest.ts";
import {
  type EmulatorChoice,
  type LibvirtHost,
  parseHost,
} from "../../../../lib/facts/libvirt/host.ts";
import { VirshError, type VirshErrorCode } from "../../../../lib/facts/libvirt/virsh_error.ts";
import type { VirshAnswer } from "../../../../lib/facts/libvirt/virsh_script.ts";

function read(name: string): string {
  return Deno.readTextFileSync(`tests/cases/libvirt/${name}`);
}

const HOST = { host: "hosta" };
const VERSION = read("version.txt");
const CAPABILITIES = read("capabilities.xml");
const RECORDED = [VERSION, "hosta", CAPABILITIES];
const REFUSED = { missing: new VirshError("failed", HOST, "internal error: no") };
const X86 = { arch: "x86_64", emulator: "/usr/bin/qemu-system-x86_64" };

interface HostCase {
  readonly name: string;
  readonly answers: readonly VirshAnswer[];
  readonly choice: EmulatorChoice;
  readonly wanted: Partial<LibvirtHost>;
}

const HOSTS: readonly HostCase[] = [
  {
    name: "what libvirt 9.0 printed",
    answers: RECORDED,
    choice: X86,
    wanted: {
      name: "hosta",
      uuid: "aaaaaaaa-0000-4000-8000-00000000000a",
      libvirt: "9.0.0",
      emulator: "/usr/bin/qemu-system-x86_64",
      installedQemu: "7.2.22",
      missing: {},
    },
  },
  {
    name: "the host's own QEMU where none was asked about",
    answers: RECORDED,
    choice: {},
    wanted: { emulator: "/usr/bin/qemu-system-x86_64", installedQemu: "7.2.22", missing: {} },
  },
  {
    name: "no version for another architecture",
    answers: RECORDED,
    choice: { arch: "i686" },
    wanted: {
      emulator: "/usr/bin/qemu-system-i386",
      installedQemu: undefined,
      missing: { installedQemu: "libvirt tells of /usr/bin/qemu-system-x86_64 only" },
    },
  },
  {
    name: "nothing of a QEMU that libvirt did not choose",
    answers: RECORDED,
    choice: { arch: "x86_64", emulator: "/opt/qemu/bin/qemu-system-x86_64" },
    wanted: {
      emulator: "/usr/bin/qemu-system-x86_64",
      installedQemu: undefined,
      machines: undefined,
      missing: {
        installedQemu: "libvirt tells of /usr/bin/qemu-system-x86_64 only",
        machines: "libvirt tells of /usr/bin/qemu-system-x86_64 only",
      },
    },
  },
  {
    name: "nothing for an architecture that the host cannot run",
    answers: RECORDED,
    choice: { arch: "s390x" },
    wanted: {
      emulator: undefined,
      machines: undefined,
      missing: {
        emulator: "libvirt found no QEMU for s390x",
        installedQemu: "libvirt tells of /usr/bin/qemu-system-x86_64 only",
        machines: "libvirt found no QEMU for s390x",
      },
    },
  },
  {
    name: "a QEMU whose version libvirt cannot tell",
    answers: [
      VERSION.replace(/Running hyp.*/, "Cannot extract running QEMU hypervisor version"),
      "hosta",
      CAPABILITIES,
    ],
    choice: X86,
    wanted: {
      libvirt: "9.0.0",
      installedQemu: undefined,
      missing: { installedQemu: "libvirt's answer cannot be read" },
    },
  },
  {
    name: "what libvirt refused, with its reason",
    answers: [REFUSED, REFUSED, REFUSED],
    choice: X86,
    wanted: {
      name: undefined,
      libvirt: undefined,
      missing: Object.fromEntries(
        ["name", "uuid", "libvirt", "emulator", "installedQemu", "machines"].map((fact) => [
          fact,
          "internal error: no",
        ]),
      ),
    },
  },
  {
    name: "no name of several lines",
    answers: [VERSION, "hosta\nhostb", CAPABILITIES],
    choice: X86,
    wanted: { name: undefined, missing: { name: "libvirt's answer cannot be read" } },
  },
];

Deno.test("parseHost() reads", async (t) => {
  for (const { name, answers, choice, wanted } of HOSTS) {
    await t.step(name, () => {
      const host = parseHost(answers)(choice);
      assertEquals({ ...host, ...wanted }, host);
    });
  }
});

const INFO = read("dominfo.txt");
const XML = read("dumpxml.xml");
const UUID = "a8282f87-25c0-72d0-f974-2ae778942970";

Deno.test("parseGuest() reads what libvirt 9.0 printed, by name and UUID", () => {
  for (const key of ["vm1", UUID, UUID.toUpperCase()]) {
    const guest = parseGuest(HOST, key, [INFO, XML], parseHost(RECORDED));
    assert(!("missing" in guest), JSON.stringify(guest));
    const { xml, host, domain, ...rest } = guest;
    assertEquals(domain, parseDomain(xml));
    assertEquals(rest, {
      name: "vm1",
      uuid: UUID,
      state: "running",
      emulator: "/usr/bin/qemu-system-x86_64",
      machine: "pc-q35-7.2",
    });
    assertEquals(xml, XML);
    assertEquals(host.installedQemu, "7.2.22");
  }
});

Deno.test("parseGuest() gives what an alias stands for, and hides passwords", () => {
  const xml = XML.replace("machine='pc-q35-7.2'", "machine='q35'")
    .replace("<audio ", "<graphics type='vnc' passwd='hunter2'/><audio ");
  const guest = parseGuest(HOST, "vm1", [INFO, xml], parseHost(RECORDED));
  assert(!("missing" in guest), JSON.stringify(guest));
  assertEquals(guest.machine, "pc-q35-7.2");
  assertEquals(guest.xml.includes("hunter2"), false);
  assertEquals(guest.xml.includes("<graphics type='vnc'/>"), true);
});

const OTHER_UUID = INFO.replace(UUID, "38b3eff8-baf5-6627-478e-c76a704e9b52");

const NO_GUESTS: readonly (readonly [
  name: string,
  key: string,
  answers: readonly VirshAnswer[],
  wanted: VirshErrorCode,
])[] = [
  ["what libvirt said", "vm1", [REFUSED, XML], "failed"],
  ["what it said of the XML", "vm1", [INFO, REFUSED], "failed"],
  ["another guest, found by its id", "1", [INFO, XML], "no-such-domain"],
  ["two guests in one name", "vm1", [OTHER_UUID, XML], "no-such-domain"],
  ["a guest that is shut off", "vm1", [INFO.replace("running", "shut off"), XML], "not-running"],
  ["a guest that crashed", "vm1", [INFO.replace("running", "crashed"), XML], "not-running"],
  ["no state", "vm1", [INFO.replace("State:", "Staat:"), XML], "unreadable"],
  ["half an XML", "vm1", [INFO, XML.slice(0, 500)], "unreadable"],
  ["an XML without UUID", "vm1", [INFO, XML.replace(/<uuid>.*/, "")], "unreadable"],
  ["nothing", "vm1", [], "unreadable"],
];

Deno.test("parseGuest() tells of no running guest from", async (t) => {
  for (const [name, key, answers, wanted] of NO_GUESTS) {
    await t.step(name, () => {
      const found = parseGuest(HOST, key, answers, parseHost(RECORDED));
      assert("missing" in found);
      const error = found.missing;
      assertEquals(error.code, wanted);
    });
  }
});

Deno.test("parseGuestList() reads names of any characters", () => {
  assertEquals(parseGuestList(read("list.txt")).map(({ name }) => name), [
    "vm1",
    "101",
    "#c",
    "--help",
    "g\u00e4st \u2603",
    'we\'ird "q" ; $(reboot) x',
  ]);
  assertEquals(parseGuestList(""), []);
});
