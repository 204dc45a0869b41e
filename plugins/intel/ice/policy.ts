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
  "ice": {
    severity: "veto",
    title: "Linux has no driver that migrates this virtual function",
    message: "The Ethernet Adaptive Virtual Function on {sideHost} is bound to vfio-pci",
    remedy:
      "Make it the transient part of a failover pair (<teaming>), so that QEMU unplugs it first.",
    about:
      "A VFIO driver for E800 cards (ice_vfio_pci) was proposed in 2023 and is not in Linux drivers/vfio/pci.",
  },
  "ice-out-of-tree": {
    severity: "undecided",
    title: "The virtual function has a driver that is not Linux's",
    message: "{driver} on {sideHost} is not in Linux: what it wants of both sides is not known",
    remedy:
      "Test this migration first; a site that has turns this policy to observe, and names the device in the option accepted of generic/unknown-vendor.",
    about:
      "The driver that was proposed for E800 cards in 2023 hides capabilities of the virtual function while it may migrate. Its rules are nowhere described.",
  },
} as const satisfies Codes;

// Ethernet Adaptive Virtual Function, of E800 and others.
const ADAPTIVE = 0x1889;

/** Virtual functions of Intel E800 network cards. */
export default definePolicy({
  id: "intel/ice",
  title: "Virtual functions of Intel E800 network cards",
  documentation:
    `Virtual functions of E800 network cards (\`8086:1889\`) look as if they could migrate, but Linux has no
VFIO driver that migrates them. Bound to \`vfio-pci\` they are a veto; with the driver that was
proposed in 2023 (\`ice_vfio_pci\`, out of tree) it is undecided.

It vouches for no device of Intel's: \`generic/unknown-vendor\` says so of all that no other policy is
for.

References: intel-wired-lan 2023, "Add E800 live migration driver"; Linux \`drivers/vfio/pci\`.
`,
  match: { vendors: [0x8086], vouches: false },
  options: v.strictObject({}),
  codes: CODES,
  *evaluate(pair): Iterable<PolicyFinding<typeof CODES>> {
    for (const side of SIDES) {
      const { device, driver, migration } = pair[side];
      if (driver?.name === "ice_vfio_pci" || driver?.name === "ice-vfio-pci") {
        yield { code: "ice-out-of-tree", data: { side, driver: driver.name } };
      } else if (device === ADAPTIVE && driver?.name === "vfio-pci" && !migration?.offered) {
        yield { code: "ice", data: { side } };
      }
    }
  },
});

/* @__NO_SIDE_EFFECTS__ */
function vf(name: string): CaseSide {
  return { vendor: 0x8086, device: ADAPTIVE, driver: { name } };
}

export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "another device of Intel's",
    source: { vendor: 0x8086, device: 0x4941, driver: { name: "qat_vfio_pci" } },
    destination: { vendor: 0x8086, device: 0x4941, driver: { name: "qat_vfio_pci" } },
    findings: [],
    decision: "allow",
  },
  {
    name: "an E810's function without a driver that migrates it on one side",
    source: vf("ice_vfio_pci"),
    destination: vf("vfio-pci"),
    findings: [
      ["ice", "veto", undefined, { side: "destination" }],
      ["ice-out-of-tree", "undecided", undefined, { side: "source", driver: "ice_vfio_pci" }],
    ],
    decision: "veto",
  },
  {
    name: "an E810's function with the driver that was proposed",
    source: vf("ice_vfio_pci"),
    destination: vf("ice_vfio_pci"),
    findings: [["ice-out-of-tree", "undecided"], ["ice-out-of-tree", "undecided"]],
    decision: "undecided",
  },
];
