/** managed='yes' takes a virtual function with a vGPU in it from NVIDIA's driver. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { judge as judgeGuest } from "premigrate/policy";
import { BUILT_IN, type CapturedDevice, type Facts, parseDomain, reportText } from "premigrate";
import { Registry } from "premigrate/policy";

const REGISTRY = Registry.from(BUILT_IN);
const ADDRESS = "0000:3d:00.4";

function facts(name: string, more: Partial<CapturedDevice> = {}): Facts {
  const device: CapturedDevice = {
    address: ADDRESS,
    vendor: 0x10de,
    device: 0x26b9,
    class: 0x030200,
    driver: { name: "nvidia", version: "570.124.03" },
    vgpuType: 1152,
    managedDriver: "vfio-pci",
    ...more,
  };
  return { premigrate: "facts/1", host: { name, kernel: "6.11.0-29-generic" }, devices: [device] };
}

function guest(managed: string, driver = ""): ReturnType<typeof parseDomain> {
  return parseDomain(`<domain type='kvm'><name>vm1</name>
    <os><type arch='x86_64' machine='pc-q35-9.2'>hvm</type></os><devices>
    <hostdev mode='subsystem' type='pci' managed='${managed}'>${driver}
      <source><address domain='0x0000' bus='0x3d' slot='0x00' function='0x4'/></source>
    </hostdev></devices></domain>`);
}

for (const driver of ["", "<driver name='vfio'/>", "<driver name='vfio' model='vfio-pci'/>"]) {
  Deno.test(`managed='yes' ${driver}: one veto says what takes the function, and managed='no'`, () => {
    const answer = judgeGuest({
      registry: REGISTRY,
      source: facts("a"),
      destination: facts("b"),
      guest: guest("yes", driver),
    });
    const vetoes = answer.verdict.findings.filter(({ severity }) => severity === "veto");
    assertEquals(vetoes.map(({ policy, code }) => `${policy} ${code}`), [
      "generic/vfio managed-takes-vgpu",
    ]);
    const text = reportText(answer).replace(/\s+/g, " ");
    assertStringIncludes(text, "managed='yes'");
    assertStringIncludes(text, "Set managed='no'");
  });
}

Deno.test("managed='no' is no such veto, and a whole GPU that is passed through has another one", () => {
  const judged = (managed: string, more: Partial<CapturedDevice>): string[] =>
    judgeGuest({
      registry: REGISTRY,
      source: facts("a", more),
      destination: facts("b", more),
      guest: guest(managed),
    }).verdict.findings.filter(({ severity }) => severity === "veto").map(({ code }) => code);
  assertEquals(judged("no", {}), []);
  assertEquals(judged("yes", { vgpuType: undefined }), ["no-migration", "whole-gpu"]);
});
