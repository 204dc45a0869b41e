/** What sysfs shows of a virtual function with a vGPU in it is not what QEMU will open. */
import { assert, assertEquals } from "@std/assert";
import type { CaseSide } from "premigrate/policy";
import { judge, reasons, vgpu, xe } from "./judged.ts";

const OF_VF = { 0x00: "ff ff ff ff 00 00 10 00 a1 00 02 03", 0x2c: "de 10 a1 16", 0x34: "60" };

function carrier(facts: CaseSide = {}): CaseSide {
  return vgpu({ view: "sysfs", config: OF_VF, mdevType: undefined, vgpuType: 1152, ...facts });
}

const REALIZED = vgpu({ mdevType: undefined, vgpuType: 1152 });
for (
  const [name, source, destination] of [
    ["both sides", carrier(), carrier()],
    ["both sides, with other bytes", carrier(), carrier({ config: { ...OF_VF, 0x08: "a2" } })],
    ["the source", carrier(), REALIZED],
    ["the destination", REALIZED, carrier()],
    ["a destination without a type that is known", REALIZED, carrier({ vgpuType: undefined })],
  ] as const
) {
  Deno.test(`${name}: QEMU is not said to accept or to refuse those bytes`, () => {
    const verdict = judge(source, destination);
    assertEquals(verdict.decision, "undecided");
    const said = verdict.findings.filter(({ policy }) => policy === "qemu/restore-check");
    assertEquals([...new Set(said.map(({ code }) => code))], ["no-config"]);
    assert(reasons(verdict).includes("nvidia/vsc virtual-function"));
  });
}

Deno.test("the bytes of another vendor's function are its own", () => {
  const config = { 0x00: "ff ff ff ff 00 00 10 00 00 00 00 03" };
  const { findings } = judge(xe({ view: "sysfs", config }), xe({ view: "sysfs", config }));
  assert(!findings.some(({ code }) => code === "no-config" || code === "virtual-function"));
});
