import {
  definePolicy,
  type DeviceFacts,
  kernelHas,
  type PolicyFinding,
  v,
} from "premigrate/policy";
import { CODES } from "./codes.ts";
import documentation from "./README.md" with { type: "text" };

type Finding = PolicyFinding<typeof CODES>;
const SIDES = ["source", "destination"] as const;
const SERVICES = "parent/qat/cfg_services";
const KERNEL = "6.10";

/** Virtual functions of Intel QuickAssist. */
export const intelQat = definePolicy({
  id: "intel/qat",
  title: "Intel QAT virtual functions",
  documentation,
  // qat_vfio_pci's table: three of generation 4, one of generation 6.
  match: { vendors: [0x8086], devices: [0x4941, 0x4943, 0x4945, 0x4949] },
  attributes: [SERVICES],
  judgesUnread: true,
  options: v.strictObject({}),
  codes: CODES,
  *evaluate(pair, migration): Generator<Finding> {
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
