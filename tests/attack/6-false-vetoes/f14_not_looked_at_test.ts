/** An allow names in one line what nobody looked at. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { stripAnsiCode } from "@std/fmt/colors";
import { judge } from "premigrate/policy";
import {
  type DetailedAnswer,
  type Facts,
  parseDomain,
  reportHtml,
  reportJson,
  reportMarkdown,
  reportText,
} from "premigrate";
import { Registry } from "premigrate/policy";

const ALWAYS = "the devices that QEMU emulates, the CPU model";

function facts(name: string, uuid: string): Facts {
  return { premigrate: "facts/1", host: { name, uuid }, devices: [] };
}

function judged(devices: string, type = "arch='x86_64' machine='pc-q35-9.2'"): DetailedAnswer {
  return judge({
    registry: new Registry(),
    source: facts("a", "4dea22b3-1d52-48f3-a516-782e98ab3fa0"),
    destination: facts("b", "4dea22b3-1d52-48f3-a516-782e98ab3fa1"),
    guest: parseDomain(`<domain type='kvm'><name>vm1</name>
      <os><type ${type}>hvm</type></os><devices>${devices}</devices></domain>`),
  });
}

const GUESTS: readonly (readonly [name: string, devices: string, line: string])[] = [
  ["no devices", "", ALWAYS],
  [
    "a vDPA interface",
    "<interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/></interface>",
    `vDPA interfaces (1), ${ALWAYS}`,
  ],
  [
    "NVMe disks on vfio",
    `<disk type='nvme' device='disk'><source type='pci' managed='yes' namespace='1'>
       <address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source></disk>
     <disk type='nvme' device='disk'/>`,
    `NVMe disks on vfio (2), ${ALWAYS}`,
  ],
  [
    "vhost-user and virtiofs",
    `<interface type='vhostuser'/><disk type='vhostuser'/>
     <filesystem type='mount'><driver type='virtiofs'/></filesystem>
     <filesystem type='mount'><driver type='path'/></filesystem><disk type='vhostvdpa'/>`,
    `vhost-user interfaces (1), vhost-user disks (1), virtiofs (1), vDPA disks (1), ${ALWAYS}`,
  ],
  ["ordinary devices", "<disk type='file'/><interface type='bridge'/>", ALWAYS],
];
for (const [name, devices, line] of GUESTS) {
  Deno.test(`${name}: every report names in one line what was not looked at`, () => {
    const answer = judged(devices);
    assertEquals(answer.verdict.decision, "allow");
    const wanted = `not looked at: ${line}`;
    assert(
      stripAnsiCode(reportText(answer)).replaceAll("\n    ", " ").split("\n").includes(wanted),
    );
    for (const text of [reportMarkdown([answer]), reportHtml([answer])]) {
      assertStringIncludes(text.replaceAll("\\", ""), wanted);
    }
    const codes = answer.notLookedAt?.map(({ code }) => code);
    assertEquals(codes?.slice(-2), ["emulated-devices", "cpu-model"]);
    assertEquals(reportJson(answer)["notLookedAt"], answer.notLookedAt);
  });
}

Deno.test("a guest of s390, and one whose devices make it no allow", () => {
  const s390 = judged("", "arch='s390x' machine='s390-ccw-virtio-9.0'");
  assertStringIncludes(reportText(s390), ALWAYS);
  const refused = judged(`<hostdev mode='subsystem' type='mdev' model='vfio-ccw'>
    <source><address uuid='3a5f1d0e-1111-4222-8333-444455556666'/></source></hostdev>`);
  assertEquals(refused.verdict.decision, "veto");
  assert(!reportText(refused).includes("not looked at"));
});
