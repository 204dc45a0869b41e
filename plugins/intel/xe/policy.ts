import {
  type CaseSide,
  type Codes,
  definePolicy,
  type PolicyCase,
  type PolicyFinding,
  v,
} from "premigrate/policy";

const CODES = {
  "provisioning-not-compared": {
    severity: "warn",
    title: "What the virtual functions were given is not compared",
    message:
      "Whether the destination's function has at least the source's GGTT, LMEM, contexts and doorbells, and a GuC firmware that fits, is not read",
    remedy:
      "Compare the functions' provisioning below /sys/kernel/debug/dri on both hosts, and the GuC versions.",
    about:
      "The physical function's driver (xe) restores the state, and is said to want at least the same provisioning and a compatible GuC. That is recalled, not read from a source: so this only warns.",
  },
} as const satisfies Codes;

/** Virtual functions of Intel GPUs of the xe driver. */
export default definePolicy({
  id: "intel/xe",
  title: "Virtual functions of Intel GPUs (xe)",
  documentation:
    `Virtual functions of Intel GPUs (Panther Lake, Wildcat Lake, Battlemage), bound to \`xe-vfio-pci\`.
The physical function's driver restores their state: the destination's function must be of the same
device and revision (\`generic/vfio\` compares both) and is said to need at least the same
provisioning, which is not read. So this policy only warns.

References: Linux \`drivers/vfio/pci/xe/main.c\`, \`drivers/gpu/drm/xe/xe_sriov_pf_migration.c\`.
`,
  match: { vendors: [0x8086], drivers: ["xe-vfio-pci", "xe_vfio_pci"] },
  options: v.strictObject({}),
  codes: CODES,
  *evaluate(): Iterable<PolicyFinding<typeof CODES>> {
    yield { code: "provisioning-not-compared" };
  },
});

const VF: CaseSide = { vendor: 0x8086, device: 0xe211, driver: { name: "xe-vfio-pci" } };

export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "two functions of one GPU model",
    source: VF,
    destination: VF,
    findings: [["provisioning-not-compared", "warn"]],
    decision: "allow",
  },
];
