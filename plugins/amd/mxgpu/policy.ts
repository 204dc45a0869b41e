import { definePolicy, type PolicyFinding, v } from "premigrate/policy";
import { CODES } from "./codes.ts";
import documentation from "./README.md" with { type: "text" };

type Finding = PolicyFinding<typeof CODES>;

/** AMD GPUs and their virtual functions. */
export const amdMxgpu = definePolicy({
  id: "amd/mxgpu",
  title: "AMD GPUs and their virtual functions (MxGPU)",
  documentation,
  match: { vendors: [0x1002] },
  options: v.strictObject({}),
  codes: CODES,
  *evaluate(pair): Generator<Finding> {
    const sides = ["source", "destination"] as const;
    const plain = sides.filter((side) => pair[side].driver?.name === "vfio-pci");
    for (const side of plain) yield { code: "no-driver", data: { side } };
    if (plain.length === 0) yield { code: "context-not-compared" };
  },
});
