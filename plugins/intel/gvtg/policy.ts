import {
  type CaseSide,
  type Codes,
  definePolicy,
  type PolicyCase,
  type PolicyFinding,
  SIDES,
  v,
} from "premigrate/policy";

const CODES = {
  "gvtg": {
    severity: "veto",
    title: "GVT-g vGPUs cannot migrate",
    message: "The vGPU on {sideHost} is of type {type}, made by GVT-g",
    remedy: "Shut the guest down and start it elsewhere.",
    about:
      "Live migration of GVT-g never came into the kernel's i915 (gvt-linux issue 209, Live Migration Is Not Working).",
  },
} as const satisfies Codes;

/** Intel GVT-g vGPUs. */
export default definePolicy({
  id: "intel/gvtg",
  title: "Intel GVT-g vGPUs",
  documentation:
    `GVT-g vGPUs (mdevs of type \`i915-GVTg...\`) look as if they could migrate, but migration never came
into the kernel. A veto.

It vouches for no device of Intel's: \`generic/unknown-vendor\` says so of all that no other policy is
for.

References: gvt-linux issue 209.
`,
  match: { vendors: [0x8086], vouches: false },
  options: v.strictObject({}),
  codes: CODES,
  *evaluate(pair): Iterable<PolicyFinding<typeof CODES>> {
    for (const side of SIDES) {
      const { id = "" } = pair[side].mdevType ?? {};
      if (id.startsWith("i915-GVTg")) yield { code: "gvtg", data: { side, type: id } };
    }
  },
});

const GVTG: CaseSide = { vendor: 0x8086, mdevType: { id: "i915-GVTg_V5_4" } };

export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "another device of Intel's",
    source: { vendor: 0x8086, device: 0x4941, driver: { name: "qat_vfio_pci" } },
    destination: { vendor: 0x8086, device: 0x4941, driver: { name: "qat_vfio_pci" } },
    findings: [],
    decision: "allow",
  },
  {
    name: "a GVT-g vGPU",
    source: GVTG,
    destination: GVTG,
    findings: [
      ["gvtg", "veto", undefined, { side: "source", type: "i915-GVTg_V5_4" }],
      ["gvtg", "veto", undefined, { side: "destination" }],
    ],
    decision: "veto",
  },
];
