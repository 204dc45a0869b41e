import { definePolicy, type DeviceFacts, type PolicyFinding, v } from "premigrate/policy";
import { CODES } from "./codes.ts";
import documentation from "./README.md" with { type: "text" };

type Finding = PolicyFinding<typeof CODES>;

/** Intel GVT-g vGPUs and virtual functions of E800 network cards: neither can migrate. */
export const intelGvtgAndIce = definePolicy({
  id: "intel/gvtg-and-ice",
  title: "Intel GVT-g vGPUs and E800 virtual functions",
  documentation,
  match: { vendors: [0x8086], vouches: false },
  options: v.strictObject({}),
  codes: CODES,
  *evaluate(pair): Generator<Finding> {
    for (const side of ["source", "destination"] as const) {
      const { mdevType, driver, migration } = pair[side];
      if (mdevType?.id.startsWith("i915-GVTg")) {
        yield { code: "gvtg", data: { side, type: mdevType.id } };
      } else if (driver?.name === "ice_vfio_pci" || driver?.name === "ice-vfio-pci") {
        yield { code: "ice-out-of-tree", data: { side, driver: driver.name } };
      } else if (isAdaptive(pair[side]) && driver?.name === "vfio-pci" && !migration?.offered) {
        yield { code: "ice", data: { side } };
      }
    }
  },
});

// Ethernet Adaptive Virtual Function, of E800 and others.
function isAdaptive({ device }: DeviceFacts): boolean {
  return device === 0x1889;
}
