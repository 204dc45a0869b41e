import {
  definePolicy,
  type DeviceFacts,
  identify,
  kernelHas,
  type PolicyFinding,
  v,
} from "premigrate/policy";
import { CODES } from "./codes.ts";
import documentation from "./README.md" with { type: "text" };

type Finding = PolicyFinding<typeof CODES>;
const SIDES = ["source", "destination"] as const;
const KERNEL = "6.13";

/** Virtual functions of virtio hardware. */
export const virtioVfio = definePolicy({
  id: "virtio/vfio",
  title: "Virtual functions of virtio hardware",
  documentation,
  match: { vendors: [0x1af4] },
  options: v.strictObject({}),
  codes: CODES,
  *evaluate(pair, migration): Generator<Finding> {
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
