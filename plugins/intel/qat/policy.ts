import {
  type CaseSide,
  type Codes,
  definePolicy,
  type DeviceFacts,
  kernelHas,
  type PolicyCase,
  type PolicyFinding,
  SIDES,
  v,
} from "premigrate/policy";

const RULES =
  "adf_gen4_vf_mig.c wants the map from rings to services to be equal, and the destination's capabilities to hold the source's; cfg_services of the physical function decides both (adf_gen4_get_ring_to_svc_map).";

const CODES = {
  "services-differ": {
    severity: "veto",
    title: "The QAT devices are set up for different services",
    message: "The services are {source} on {sourceHost} and {destination} on {destinationHost}",
    remedy: "Write the same services to qat/cfg_services of both physical functions.",
    about:
      `dc and dcc have one map; whether the destination has all of the source's capabilities is then undecided. ${RULES}`,
  },
  "services-unknown": {
    severity: "undecided",
    title: "The QAT device's services are not known",
    message: "The services of {sideHost}'s physical function are not known",
    remedy: "Gather the facts again, with a probe (capture).",
    about: RULES,
  },
  "kernel-too-old": {
    severity: "warn",
    title: "The kernel may be older than QAT's live migration",
    message: "Kernel {kernel} on {sideHost} is older than {floor}",
    remedy: "Use a kernel of that version or later, or a distribution's with the same code.",
    about:
      "qat_vfio_pci is in Linux since 6.10 (commit bb208810b1ab, generation 4). Distributions bring it to older kernels, so this only warns.",
  },
} as const satisfies Codes;

const SERVICES = "parent/qat/cfg_services";
const KERNEL = "6.10";

/** Virtual functions of Intel QuickAssist. */
export default definePolicy({
  id: "intel/qat",
  title: "Intel QAT virtual functions",
  documentation:
    `Virtual functions of Intel QuickAssist, generations 4 and 6 (\`8086:4941\`, \`4943\`, \`4945\`, \`4949\`).
The driver accepts the state only where rings are mapped to services in the same way, and the
destination has all of the source's capabilities: so both physical functions must be set up for the
same services (\`qat/cfg_services\`). Their order does not matter.

For other device ids, which are other generations, nobody vouches. Capabilities and service level
agreements themselves are not read.

References: Linux \`drivers/crypto/intel/qat/qat_common/adf_gen4_vf_mig.c\`,
\`drivers/vfio/pci/qat/main.c\`.
`,
  // qat_vfio_pci's table: three of generation 4, one of generation 6.
  match: { vendors: [0x8086], devices: [0x4941, 0x4943, 0x4945, 0x4949] },
  attributes: [SERVICES],
  judgesUnread: true,
  options: v.strictObject({}),
  codes: CODES,
  *evaluate(pair, migration): Iterable<PolicyFinding<typeof CODES>> {
    for (const side of SIDES) {
      if (told(pair[side]) === undefined) yield { code: "services-unknown", data: { side } };
      const { kernel } = migration[side];
      if (kernel !== undefined && kernelHas(kernel, KERNEL) !== true) {
        yield { code: "kernel-too-old", data: { side, kernel, floor: KERNEL } };
      }
    }
    const [source, destination] = SIDES.map((side) => told(pair[side]));
    if (source === undefined || destination === undefined) return;
    if (servicesOf(source) === servicesOf(destination)) return;
    yield {
      code: "services-differ",
      // adf_gen4_get_ring_to_svc_map: one map for both, but chained compression is one more ability.
      severity: ringsOf(source) === ringsOf(destination) ? "undecided" : undefined,
      data: { source, destination },
    };
  },
});

function told({ attributes = {} }: DeviceFacts): string | undefined {
  return attributes[SERVICES] || undefined;
}

function servicesOf(text: string): string {
  return text.split(";").map((service) => service.trim()).sort().join(";");
}

function ringsOf(text: string): string {
  return servicesOf(text).replace(/^dcc$/, "dc");
}

/* @__NO_SIDE_EFFECTS__ */
function vf(services: string | null | undefined, kernel = "6.12.0"): CaseSide {
  const ids = { vendor: 0x8086, device: 0x4941 };
  const attributes: CaseSide["attributes"] = services === undefined ? {} : { [SERVICES]: services };
  return { kernel, ...ids, driver: { name: "qat_vfio_pci" }, attributes };
}

export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "the same services, written in another order",
    source: vf("sym;asym"),
    destination: vf("asym;sym"),
    findings: [],
    decision: "allow",
  },
  {
    name: "other services",
    source: vf("sym;asym"),
    destination: vf("sym;dc"),
    findings: [["services-differ", "veto", undefined, {
      source: "sym;asym",
      destination: "sym;dc",
    }]],
    decision: "veto",
  },
  {
    name: "compression, and chained compression",
    source: vf("dcc"),
    destination: vf("dc"),
    findings: [["services-differ", "undecided", undefined, { source: "dcc" }]],
    decision: "undecided",
  },
  {
    name: "services that are not known",
    source: vf("sym"),
    destination: vf(undefined),
    findings: [["services-unknown", "undecided", undefined, { side: "destination" }]],
    decision: "undecided",
  },
  {
    name: "a physical function without a list of services",
    source: vf("sym"),
    destination: vf(null),
    findings: [["services-unknown", "undecided", undefined, { side: "destination" }]],
    decision: "undecided",
  },
  {
    name: "an empty list of services on both sides",
    source: vf(""),
    destination: vf(""),
    findings: [["services-unknown", "undecided"], ["services-unknown", "undecided"]],
    decision: "undecided",
  },
  {
    name: "an old kernel",
    source: vf("sym", "6.8.0-45-generic"),
    destination: vf("sym"),
    findings: [["kernel-too-old", "warn", undefined, { side: "source", floor: "6.10" }]],
    decision: "allow",
  },
];
