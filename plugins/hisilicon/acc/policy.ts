import {
  type CaseSide,
  type Codes,
  definePolicy,
  type DeviceFacts,
  identify,
  type PolicyCase,
  type PolicyFinding,
  v,
} from "premigrate/policy";

const MATCH =
  "hisi_acc_vfio_pci refuses a state of another accelerator, of another number of queue pairs, of another queue isolation, or of another major version of its format (vf_qm_check_match).";

const CODES = {
  "accelerator-differs": {
    severity: "veto",
    title: "The accelerators differ",
    message: "The device is {source} on {sourceHost} and {destination} on {destinationHost}",
    remedy: "Give the guest a virtual function of the same accelerator.",
    about: MATCH,
  },
  "accelerator-unknown": {
    severity: "undecided",
    title: "The accelerator is not known",
    message: "The accelerator on {sideHost} is not known",
    remedy: "Gather the facts again, so that they have the device's id.",
    about: MATCH,
  },
  "queues-not-compared": {
    severity: "warn",
    title: "Queues and isolation are not compared",
    message:
      "The functions' number of queue pairs and the physical functions' queue isolation are not read",
    remedy:
      "Set up the same number of virtual functions and queues, and the same isolation, on both hosts.",
    about: `The kernel shows none of them in sysfs for a virtual function. ${MATCH}`,
  },
} as const satisfies Codes;

// include/linux/pci_ids.h
const ACCELERATORS: ReadonlyMap<number, string> = new Map([
  [0xa251, "ZIP"],
  [0xa256, "SEC"],
  [0xa259, "HPRE"],
]);

/** Virtual functions of the Kunpeng's accelerators. */
export default definePolicy({
  id: "hisilicon/acc",
  title: "Kunpeng accelerators",
  documentation:
    `Virtual functions of the Kunpeng's accelerators: ZIP (\`19e5:a251\`), SEC (\`a256\`) and HPRE (\`a259\`),
bound to \`hisi_acc_vfio_pci\`. The driver itself compares accelerator, number of queue pairs, queue
isolation and its format's major version when it loads the state. The accelerator is compared here;
the rest the kernel does not show, and a warning says so.

References: Linux \`drivers/vfio/pci/hisilicon/hisi_acc_vfio_pci.c\` (\`vf_qm_check_match\`).
`,
  match: { vendors: [0x19e5], devices: [...ACCELERATORS.keys()] },
  options: v.strictObject({}),
  codes: CODES,
  *evaluate({ source, destination }): Iterable<PolicyFinding<typeof CODES>> {
    const [from, to] = [nameOf(source), nameOf(destination)];
    if (from === undefined || to === undefined) {
      const side = from === undefined ? "source" : "destination";
      yield { code: "accelerator-unknown", data: { side } };
    } else if (from === to) yield { code: "queues-not-compared" };
    else yield { code: "accelerator-differs", data: { source: from, destination: to } };
  },
});

function nameOf(facts: DeviceFacts): string | undefined {
  const { device } = identify(facts);
  return device === undefined ? undefined : ACCELERATORS.get(device) ?? "another device";
}

/* @__NO_SIDE_EFFECTS__ */
function vf(device: number | undefined): CaseSide {
  return { vendor: 0x19e5, device, driver: { name: "hisi_acc_vfio_pci" } };
}

export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "one accelerator",
    source: vf(0xa256),
    destination: vf(0xa256),
    findings: [["queues-not-compared", "warn"]],
    decision: "allow",
  },
  {
    name: "two accelerators",
    source: vf(0xa256),
    destination: vf(0xa259),
    findings: [["accelerator-differs", "veto", undefined, { source: "SEC", destination: "HPRE" }]],
    decision: "veto",
  },
  {
    name: "an accelerator, and a device of which the id is not known",
    source: vf(0xa256),
    destination: vf(undefined),
    findings: [["accelerator-unknown", "undecided", undefined, { side: "destination" }]],
    decision: "undecided",
  },
  {
    name: "an accelerator, and a device that is none",
    source: vf(0xa251),
    destination: vf(0xa250),
    findings: [["accelerator-differs", "veto", undefined, {
      source: "ZIP",
      destination: "another device",
    }]],
    decision: "veto",
  },
];
