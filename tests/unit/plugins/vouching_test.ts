/** For which devices the built-in policies vouch, and of which generic/unknown-vendor speaks. */
import { assertEquals } from "@std/assert";
import { type CaseSide, evaluate, Registry } from "../../../lib/policy/mod.ts";
import { caseQuestion } from "../../../lib/policy/case.ts";
import { BUILT_IN } from "../../../plugins/mod.ts";

const REGISTRY = Registry.from(BUILT_IN);

function device(vendor: number, device: number, name?: string, facts: CaseSide = {}): CaseSide {
  return { vendor, device, ...name === undefined ? {} : { driver: { name } }, ...facts };
}

const DEVICES: readonly (readonly [name: string, facts: CaseSide, isVouchedFor: boolean])[] = [
  ["QAT of generation 4", device(0x8086, 0x4941, "qat_vfio_pci"), true],
  ["QAT of a generation that no policy is for", device(0x8086, 0x37c9, "qat_vfio_pci"), false],
  ["a GPU's function of the xe driver", device(0x8086, 0xe211, "xe-vfio-pci"), true],
  ["a GPU's function whose driver is not known", device(0x8086, 0xe211), false],
  ["an E810's function of iavf", device(0x8086, 0x1889, "iavf"), false],
  ["an E810's function of another VFIO driver", device(0x8086, 0x1889, "other_vfio_pci"), false],
  [
    "a GVT-g vGPU",
    device(0x8086, 0x1912, undefined, { mdevType: { id: "i915-GVTg_V5_4" } }),
    false,
  ],
  ["an accelerator of Kunpeng's", device(0x19e5, 0xa251, "hisi_acc_vfio_pci"), true],
  ["another device of HiSilicon's", device(0x19e5, 0xa250, "hisi_acc_vfio_pci"), false],
  ["a Pensando card", device(0x1dd8, 0x1003, "pds_vfio_pci"), true],
  ["another device of Pensando's", device(0x1dd8, 0x1004, "pds_vfio_pci"), false],
  ["an NVIDIA GPU", device(0x10de, 0x2235, "nvidia"), true],
  ["a ConnectX function", device(0x15b3, 0x101e, "mlx5_vfio_pci"), true],
];

for (const [name, facts, isVouchedFor] of DEVICES) {
  Deno.test(`${name}: ${isVouchedFor ? "a policy vouches" : "nobody vouches"} for it`, () => {
    const { pair, migration } = caseQuestion({
      name,
      source: facts,
      destination: facts,
    });
    const { findings } = evaluate([pair], migration, REGISTRY);
    const others = findings.filter(({ code }) => code === "nobody-vouches");
    assertEquals(others.length, isVouchedFor ? 0 : 2);
  });
}
