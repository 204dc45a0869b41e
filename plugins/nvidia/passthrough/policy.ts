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
  "whole-gpu": {
    severity: "veto",
    title: "A GPU that is passed through cannot migrate",
    message: "{driver} on {sideHost} hands the GPU to the guest as it is: its state cannot be read",
    remedy: "Use a vGPU (NVIDIA vGPU software), or shut the guest down and start it elsewhere.",
    about:
      "Only NVIDIA's vGPU manager saves and restores the state of a GPU. A function that is bound to vfio-pci, a GPU, its audio function or a VF, has no migration operations.",
  },
  "coherent-memory": {
    severity: "veto",
    title: "A Grace Hopper or Grace Blackwell GPU cannot migrate",
    message: "{driver} on {sideHost} has no migration",
    remedy: "Shut the guest down and start it elsewhere.",
    about:
      "nvgrace-gpu-vfio-pci (GH200, GB200, GB300) shows the GPU's coherent memory as BARs, and implements no migration operations (Linux drivers/vfio/pci/nvgrace-gpu).",
  },
} as const satisfies Codes;

const FINDINGS: ReadonlyMap<string, keyof typeof CODES> = new Map([
  ["vfio-pci", "whole-gpu"],
  ["nvgrace-gpu-vfio-pci", "coherent-memory"],
  ["nvgrace_gpu_vfio_pci", "coherent-memory"],
]);

/** NVIDIA GPUs that are handed to a guest whole. */
export default definePolicy({
  id: "nvidia/passthrough",
  title: "NVIDIA GPUs that are passed through whole",
  documentation:
    `A whole GPU that is passed through cannot migrate: its state is in the device, and only NVIDIA's
vGPU manager can read it. This policy says so of every NVIDIA function that is, or with
\`managed='yes'\` will be, bound to \`vfio-pci\` or to \`nvgrace-gpu-vfio-pci\` (GH200, GB200, GB300).

What to do: use a vGPU, or start the guest afresh on the other host.

References: Linux \`drivers/vfio/pci/vfio_pci.c\`, \`drivers/vfio/pci/nvgrace-gpu/main.c\`.
`,
  match: { vendors: [0x10de], drivers: [...FINDINGS.keys()] },
  options: v.strictObject({}),
  codes: CODES,
  *evaluate(pair): Iterable<PolicyFinding<typeof CODES>> {
    for (const side of SIDES) {
      const { vgpuType = 0, driver: bound } = pair[side];
      // Of a VF with a vGPU that is taken from NVIDIA's driver generic/vfio tells.
      if (vgpuType > 0) continue;
      const driver = bound?.name ?? "";
      const code = FINDINGS.get(driver);
      if (code !== undefined) yield { code, data: { side, driver } };
    }
  },
});

/* @__NO_SIDE_EFFECTS__ */
function bound(name: string, vgpuType?: number): CaseSide {
  return { vendor: 0x10de, driver: { name }, vgpuType };
}

export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "a whole GPU on both hosts",
    source: bound("vfio-pci"),
    destination: bound("vfio-pci"),
    findings: [
      ["whole-gpu", "veto", undefined, { side: "source", driver: "vfio-pci" }],
      ["whole-gpu", "veto", undefined, { side: "destination" }],
    ],
    decision: "veto",
  },
  {
    name: "a vGPU that would become a whole GPU",
    source: bound("nvidia"),
    destination: bound("vfio-pci"),
    findings: [["whole-gpu", "veto", undefined, { side: "destination" }]],
    decision: "veto",
  },
  {
    name: "a VF with a vGPU, which managed='yes' takes from NVIDIA's driver: generic/vfio tells",
    source: bound("nvidia", 1152),
    destination: bound("vfio-pci", 1152),
    findings: [],
    decision: "allow",
  },
  {
    name: "a GH200",
    source: bound("nvgrace_gpu_vfio_pci"),
    destination: bound("nvgrace_gpu_vfio_pci"),
    findings: [
      ["coherent-memory", "veto", undefined, { side: "source" }],
      ["coherent-memory", "veto", undefined, { side: "destination" }],
    ],
    decision: "veto",
  },
];
