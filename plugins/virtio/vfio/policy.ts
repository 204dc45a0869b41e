import {
  type CaseSide,
  type Codes,
  definePolicy,
  type DeviceFacts,
  identify,
  kernelHas,
  type PolicyCase,
  type PolicyFinding,
  SIDES,
  v,
} from "premigrate/policy";

const CODES = {
  "legacy-differs": {
    severity: "veto",
    title: "One host shows a legacy device, the other does not",
    message: "The device is {source} on {sourceHost} and {destination} on {destinationHost}",
    remedy: "Use physical functions that both offer legacy I/O, or both do not.",
    about:
      "Where the physical function offers it, virtio_vfio_pci shows the guest a transitional device: device id 1000, revision 0, an I/O BAR 0 and other subsystem ids (Linux drivers/vfio/pci/virtio).",
  },
  "legacy-unknown": {
    severity: "undecided",
    title: "It is not known whether a host shows a legacy device",
    message: "Sysfs does not tell whether the {side} shows the guest a legacy device",
    remedy:
      "Gather the facts with the VFIO config region (capture --vfio-region), or let the agent record it.",
    about:
      "In sysfs a function is modern in any case. virtio_vfio_pci makes it a transitional one where the physical function offers legacy I/O and the function has no BAR 0 of its own; only the VFIO config region shows that.",
  },
  "kernel-too-old": {
    severity: "veto",
    title: "The kernel's virtio driver cannot migrate",
    message: "Kernel {kernel} on {sideHost} is older than {floor}",
    remedy: "Use a kernel of that version or later.",
    about:
      "virtio_vfio_pci migrates by the device parts of the owner's administration virtqueue, since Linux 6.13. Red Hat's kernels keep their number and take in what is newer, so there it is a warning.",
  },
  "features-not-compared": {
    severity: "warn",
    title: "Virtio features are not compared",
    message: "The devices' virtio features and the size of their device config are not read",
    remedy: "Use devices of one model with one firmware.",
    about:
      "The destination must have every feature that the guest's driver agreed on. The kernel does not show a virtual function's features while a VFIO driver has it.",
  },
} as const satisfies Codes;

const KERNEL = "6.13";

/** Virtual functions of virtio hardware. */
export default definePolicy({
  id: "virtio/vfio",
  title: "Virtual functions of virtio hardware",
  documentation: `Virtual functions of virtio hardware (\`1af4\`), bound to \`virtio_vfio_pci\`:

- migration needs Linux 6.13 on both hosts;
- both physical functions must offer legacy I/O, or neither: where it is offered the guest sees a
  transitional device. Only the VFIO config region shows it (\`--vfio-region\`), not sysfs: without it
  the migration is undecided, unless the function has a BAR 0, of which no legacy device is made;
- the destination must have every feature of the source, and a device config of the same size. They
  are not read, and a warning says so.

References: Linux \`drivers/vfio/pci/virtio\`; virtio 1.2, 4.1.2 and 2.13.
`,
  match: { vendors: [0x1af4] },
  options: v.strictObject({}),
  codes: CODES,
  *evaluate(pair, migration): Iterable<PolicyFinding<typeof CODES>> {
    for (const side of SIDES) {
      const { kernel } = migration[side];
      const has = kernel === undefined ? true : kernelHas(kernel, KERNEL);
      if (kernel === undefined || has || pair[side].migration?.offered) continue;
      yield {
        code: "kernel-too-old",
        severity: has === undefined ? "warn" : undefined,
        data: { side, kernel, floor: KERNEL },
      };
    }
    for (const side of SIDES) {
      if (modeOf(pair[side]) === undefined) yield { code: "legacy-unknown", data: { side } };
    }
    const [from, to] = [modeOf(pair.source), modeOf(pair.destination)];
    if (from !== undefined && to !== undefined && from !== to) {
      yield { code: "legacy-differs", data: { source: from, destination: to } };
    }
    yield { code: "features-not-compared" };
  },
});

/** As the guest sees it: virtio 1.2, 4.1.2, numbers transitional devices from 1000 to 103f. */
function modeOf(facts: DeviceFacts): "transitional" | "modern" | undefined {
  const { address, config, bars = [] } = facts;
  if (config === undefined) return undefined;
  const isSysfs = config.kind === "sysfs";
  const { device } = identify(isSysfs ? facts : { address, config });
  if (device === undefined) return undefined;
  if (device < 0x1040) return "transitional";
  // Of a modern function virtio_vfio_pci makes the other view for the guest, which sysfs does not show,
  // but not of one that has a BAR 0 (virtiovf_bar0_exists).
  return isSysfs && (bars[0] ?? 0) === 0 ? undefined : "modern";
}

/* @__NO_SIDE_EFFECTS__ */
function vf(device: string, facts: CaseSide = {}): CaseSide {
  return {
    kernel: "6.13.0",
    driver: { name: "virtio_vfio_pci" },
    config: { 0x00: `f4 1a ${device}` },
    ...facts,
  };
}

const MODERN = vf("41 10");
const TRANSITIONAL = vf("00 10");

export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "two network devices",
    source: MODERN,
    destination: MODERN,
    findings: [["features-not-compared", "warn"]],
    decision: "allow",
  },
  {
    name: "a destination without legacy I/O",
    source: TRANSITIONAL,
    destination: MODERN,
    findings: [
      ["legacy-differs", "veto", undefined, { source: "transitional", destination: "modern" }],
      ["features-not-compared", "warn"],
    ],
    decision: "veto",
  },
  {
    name: "a destination of which sysfs alone is known",
    source: TRANSITIONAL,
    destination: vf("41 10", { view: "sysfs", bars: [0, 0x4000, 0, 0, 0, 0] }),
    findings: [
      ["legacy-unknown", "undecided", undefined, { side: "destination" }],
      ["features-not-compared", "warn"],
    ],
    decision: "undecided",
  },
  {
    name: "the same with a BAR 0 of its own, which no legacy device has",
    source: TRANSITIONAL,
    destination: vf("41 10", { view: "sysfs", bars: [0x1000, 0x4000, 0, 0, 0, 0] }),
    findings: [
      ["legacy-differs", "veto", undefined, { source: "transitional", destination: "modern" }],
      ["features-not-compared", "warn"],
    ],
    decision: "veto",
  },
  {
    name: "a kernel whose driver cannot migrate",
    source: MODERN,
    destination: vf("41 10", { kernel: "6.8.0-45-generic" }),
    findings: [
      ["kernel-too-old", "veto", undefined, { side: "destination", floor: "6.13" }],
      ["features-not-compared", "warn"],
    ],
    decision: "veto",
  },
  {
    name: "the same kernel, which says that it can",
    source: MODERN,
    destination: vf("41 10", { kernel: "6.8.0-45-generic", migration: { offered: true } }),
    findings: [["features-not-compared", "warn"]],
    decision: "allow",
  },
  {
    name: "Red Hat's kernel of an old number",
    source: MODERN,
    destination: vf("41 10", { kernel: "5.14.0-570.el9_6.x86_64" }),
    findings: [["kernel-too-old", "warn"], ["features-not-compared", "warn"]],
    decision: "allow",
  },
];
