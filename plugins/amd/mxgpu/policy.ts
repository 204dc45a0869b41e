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
  "no-driver": {
    severity: "veto",
    title: "Linux has no driver that migrates AMD GPUs",
    message: "The AMD GPU on {sideHost} is bound to vfio-pci",
    remedy: "Shut the guest down and start it elsewhere.",
    about:
      "There is no VFIO driver for AMD GPUs in Linux drivers/vfio/pci; plain vfio-pci has no migration operations.",
  },
  "context-not-compared": {
    severity: "undecided",
    title: "The GPUs' migration contexts are not compared",
    message: "VBIOS, PSP and firmware versions of the GPUs are not read, and all must be equal",
    remedy:
      'Compare the lines that begin with "migration ctx" in both hosts\' kernel logs; a site that keeps them equal turns this policy to observe.',
    about:
      "AMD's host driver (gim) refuses a state unless device id, the driver's library version, VBIOS version, PSP migration version and the version of every firmware are equal (amdgv_api.c).",
  },
} as const satisfies Codes;

/** AMD GPUs and their virtual functions. */
export default definePolicy({
  id: "amd/mxgpu",
  title: "AMD GPUs and their virtual functions (MxGPU)",
  documentation:
    `AMD GPUs and their virtual functions (MI300X with AMD's host driver, gim). Linux has no VFIO driver
that migrates them: bound to \`vfio-pci\` they are a veto. With another driver the host driver's
library compares device id, its own version, VBIOS, PSP and every firmware version, and wants all
equal; none of these is read here, so that it is undecided.

References: AMD MxGPU-Virtualization (2025-04), \`amdgv_api.c\`; Linux \`drivers/vfio/pci\`.
`,
  match: { vendors: [0x1002] },
  options: v.strictObject({}),
  codes: CODES,
  *evaluate(pair): Iterable<PolicyFinding<typeof CODES>> {
    const plain = SIDES.filter((side) => pair[side].driver?.name === "vfio-pci");
    for (const side of plain) yield { code: "no-driver", data: { side } };
    if (plain.length === 0) yield { code: "context-not-compared" };
  },
});

/* @__NO_SIDE_EFFECTS__ */
function gpu(name: string): CaseSide {
  return { vendor: 0x1002, driver: { name } };
}

export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "GPUs that are passed through",
    source: gpu("vfio-pci"),
    destination: gpu("vfio-pci"),
    findings: [
      ["no-driver", "veto", undefined, { side: "source" }],
      ["no-driver", "veto", undefined, { side: "destination" }],
    ],
    decision: "veto",
  },
  {
    name: "GPUs with a driver of AMD's",
    source: gpu("amdgpu_vfio_pci"),
    destination: gpu("amdgpu_vfio_pci"),
    findings: [["context-not-compared", "undecided"]],
    decision: "undecided",
  },
];
