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
    message: "The functions' GGTT and VRAM, and the GuC firmware, are not read",
    remedy:
      "Compare the functions' provisioning below /sys/kernel/debug/dri on both hosts, and the GuC versions.",
    about:
      "The physical function's driver restores the state. It refuses a GGTT of another size (xe_ggtt_node_load) and what lies beyond the function's VRAM (pf_restore_vf_vram_mig_data), and offers migration with GuC 70.54 and later (pf_gt_migration_check_support); the GuC itself takes the rest. None of it is known here, so this only warns.",
  },
} as const satisfies Codes;

/** Virtual functions of Intel GPUs of the xe driver. */
export default definePolicy({
  id: "intel/xe",
  title: "Virtual functions of Intel GPUs (xe)",
  documentation:
    `Virtual functions of Intel GPUs (Panther Lake, Wildcat Lake, Battlemage), bound to \`xe-vfio-pci\`.
The physical function's driver restores their state: the destination's function must be of the same
device and revision (\`generic/vfio\` compares both), with as much GGTT and at least as much VRAM.
These are not read, so this policy only warns.

References: Linux \`drivers/vfio/pci/xe/main.c\`, \`drivers/gpu/drm/xe/xe_gt_sriov_pf_migration.c\`,
\`xe_sriov_packet.c\` and \`xe_ggtt.c\`.
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
