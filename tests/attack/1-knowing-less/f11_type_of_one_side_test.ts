/** A vGPU's type that is known on one side only is a missing fact. */
import { assert, assertEquals } from "@std/assert";
import type { CaseSide } from "premigrate/policy";
import { judge, reasons, vgpu } from "../6-false-vetoes/judged.ts";

const UUID = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01";
const OTHER: CaseSide = { mdevType: { id: "nvidia-557", name: "NVIDIA A40-4Q" } };
const NAMES: CaseSide = {
  attributes: { "nvidia/creatable_vgpu_types": "558   : NVIDIA A40-8Q" },
};

Deno.test("with both types known: the base of the cases below is a veto", () => {
  const verdict = judge(vgpu(), vgpu(OTHER), {}, UUID);
  assertEquals(reasons(verdict), ["nvidia/vgpu type-differs"]);
  assertEquals(judge(vgpu(), vgpu(), {}, UUID).decision, "allow");
});

const NAMELESS: CaseSide = { mdevType: { id: "nvidia-558" } };
const NONE: CaseSide = { mdevType: undefined };
const LESS: readonly (readonly [what: string, source: CaseSide, destination: CaseSide])[] = [
  ["the destination's type", vgpu(), vgpu(NONE)],
  ["the source's type", vgpu(NONE), vgpu(OTHER)],
  ["both types", vgpu(NONE), vgpu(NONE)],
  ["the name of the destination's type", vgpu(), vgpu(NAMELESS)],
  ["the name of the source's type", vgpu(NAMELESS), vgpu()],
  ["both names", vgpu(NAMELESS), vgpu(NAMELESS)],
  [
    "the number of a function's type",
    vgpu({ ...NONE, vgpuType: 558 }),
    vgpu({ ...NONE, vgpuType: undefined }),
  ],
  [
    "one of two host drivers",
    vgpu({ ...NONE, vgpuType: 558, nvidiaDriver: undefined, driver: { name: "nvidia" } }),
    vgpu({ ...NONE, vgpuType: 558 }),
  ],
  [
    "the vGPU's own bytes, and a driver",
    vgpu({ ...NONE, vgpuType: 558, view: "guest" }),
    vgpu({ ...NONE, vgpuType: 558, nvidiaDriver: "550.90.07" }),
  ],
];
for (const driver of [{ name: "nvidia" }, undefined]) {
  Deno.test(`no vGPU there, and whether there is one here is not known (${driver?.name}): undecided`, () => {
    const [known, unknown] = [0, undefined].map((vgpuType) =>
      vgpu({ ...NONE, driver, vgpuType, attributes: { "nvidia/creatable_vgpu_types": "" } })
    );
    for (const [from, to] of [[known, unknown], [unknown, known]]) {
      if (from === undefined || to === undefined) throw new Error("two were made");
      assertEquals(judge(from, to).decision, "undecided");
    }
  });
}

for (const [what, source, destination] of LESS) {
  Deno.test(`without ${what}: undecided`, () => {
    const verdict = judge(source, destination, {}, UUID);
    assertEquals(verdict.decision, "undecided");
    assert(reasons(verdict).includes("nvidia/vgpu type-unknown"));
  });
}

Deno.test("numbers of two drivers, where QEMU itself has read both vGPUs: the subsystem id is the type", () => {
  const numbered = (nvidiaDriver: string, config?: CaseSide["config"]): CaseSide =>
    vgpu({ ...NONE, vgpuType: 558, nvidiaDriver, ...config === undefined ? {} : { config } });
  assertEquals(judge(numbered("550.54.16"), numbered("550.90.07")).decision, "allow");
  const named = { ...numbered("550.54.16"), ...NAMES };
  assertEquals(judge(named, numbered("550.90.07")).decision, "allow");
  const config = { 0x00: "de 10 35 22 00 00 10 00 a1 00 00 03", 0x2c: "de 10 10 13" };
  const verdict = judge(numbered("550.54.16"), numbered("550.90.07", config));
  assertEquals(reasons(verdict), ["nvidia/vsc subsystem-differs"]);
});
