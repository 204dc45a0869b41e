/** A BAR that shrinks is a veto, whatever the two sides' bytes were read from. */
import { assert, assertEquals } from "@std/assert";
import type { CaseSide } from "premigrate/policy";
import { judge, reasons, vgpu, xe } from "../6-false-vetoes/judged.ts";

const VIEWS = ["realize", "sysfs", "guest"] as const;

for (const from of VIEWS) {
  for (const to of VIEWS) {
    for (
      const [what, bars] of [
        ["a BAR that shrinks", [64 << 10, 0, 256 << 20, 0, 0, 0]],
        ["a BAR that is gone", [16 << 20, 0, 0, 0, 0, 0]],
      ] as const
    ) {
      Deno.test(`${what}: ${from} -> ${to}`, () => {
        const verdict = judge(xe({ view: from }), xe({ view: to, bars }));
        assertEquals(verdict.decision, "veto");
        assert(reasons(verdict).includes("generic/vfio bar-shrinks"));
      });
    }
  }
}

/** The function that carries the vGPU: what the kernel shows in sysfs. */
function carrier(bars: CaseSide["bars"]): CaseSide {
  return vgpu({
    view: "sysfs",
    config: { 0x00: "ff ff ff ff 00 00 10 00 a1 00 00 03", 0x2c: "de 10 0f 13" },
    mdevType: undefined,
    vgpuType: 558,
    bars,
  });
}

Deno.test("a vGPU's function in sysfs has BARs that are not the vGPU's: undecided, never a veto", () => {
  const realized = vgpu({ mdevType: undefined, vgpuType: 558 });
  for (
    const [source, destination] of [
      [realized, carrier([64 << 10, 0, 0, 0, 0, 0])],
      [carrier([64 << 20, 0, 0, 0, 0, 0]), realized],
      [carrier([64 << 20, 0, 0, 0, 0, 0]), carrier([64 << 10, 0, 0, 0, 0, 0])],
    ] as const
  ) {
    const verdict = judge(source, destination);
    assertEquals(verdict.decision, "undecided");
    assert(!reasons(verdict).includes("generic/vfio bar-shrinks"));
  }
});

Deno.test("a function of another vendor has its own BARs in sysfs, with ids that read as ffff", () => {
  const config = { 0x00: "ff ff ff ff 00 00 10 00 00 00 00 03" };
  const bars = [64 << 10, 0, 256 << 20, 0, 0, 0];
  const verdict = judge(xe({ view: "realize" }), xe({ view: "sysfs", config, bars }));
  assert(reasons(verdict).includes("generic/vfio bar-shrinks"));
});
