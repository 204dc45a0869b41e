import { definePolicy, type DeviceFacts, identify, type PolicyFinding, v } from "premigrate/policy";
import { CODES } from "./codes.ts";
import documentation from "./README.md" with { type: "text" };

type Finding = PolicyFinding<typeof CODES>;

// include/linux/pci_ids.h
const ACCELERATORS: ReadonlyMap<number, string> = new Map([
  [0xa251, "ZIP"],
  [0xa256, "SEC"],
  [0xa259, "HPRE"],
]);

/** Virtual functions of the Kunpeng's accelerators. */
export const hisiliconAcc = definePolicy({
  id: "hisilicon/acc",
  title: "Kunpeng accelerators",
  documentation,
  match: { vendors: [0x19e5], devices: [...ACCELERATORS.keys()] },
  options: v.strictObject({}),
  codes: CODES,
  *evaluate({ source, destination }): Generator<Finding> {
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
