import {
  definePolicy,
  type DeviceFacts,
  isAtLeast,
  kernelHas,
  type PolicyFinding,
  v,
} from "premigrate/policy";
import { CODES } from "./codes.ts";
import documentation from "./README.md" with { type: "text" };

type Finding = PolicyFinding<typeof CODES>;
const SIDES = ["source", "destination"] as const;

// Firmware of ConnectX-7 and BlueField-3, by its first number (DOCA, SR-IOV live migration).
const FLOORS: ReadonlyMap<string, string> = new Map([["28", "28.41.1000"], ["32", "32.41.1000"]]);
const KERNEL = "6.7";

/** Virtual functions of NVIDIA's ConnectX and BlueField. */
export const mellanoxMlx5 = definePolicy({
  id: "mellanox/mlx5",
  title: "ConnectX and BlueField virtual functions",
  documentation,
  match: { vendors: [0x15b3] },
  options: v.strictObject({
    firmware: v.pipe(
      v.optional(v.picklist(["equal", "any"]), "equal"),
      v.description("Which pairs of firmware versions are accepted"),
    ),
  }),
  codes: CODES,
  *evaluate(pair, migration, { firmware: accepted }): Generator<Finding> {
    // Of a device that is bound otherwise generic/vfio says that it cannot migrate.
    if (!SIDES.some((side) => mayBeBound(pair[side]))) return;
    for (const side of SIDES) {
      const { firmware } = pair[side];
      if (firmware?.version === undefined || firmware.psid === undefined) {
        yield { code: "firmware-unknown", data: { side } };
      }
      const [generation] = firmware?.version?.split(".") ?? [];
      if (firmware?.version !== undefined && generation !== undefined) {
        const floor = FLOORS.get(generation);
        const data = { side, version: firmware.version };
        if (floor === undefined) yield { code: "card-not-certified", data };
        else if (isAtLeast(firmware.version, floor) !== true) {
          yield { code: "firmware-too-old", data: { ...data, floor } };
        }
      }
      const { kernel } = migration[side];
      if (kernel !== undefined && kernelHas(kernel, KERNEL) !== true) {
        yield { code: "kernel-too-old", data: { side, kernel, floor: KERNEL } };
      }
    }
    const [from, to] = [pair.source.firmware, pair.destination.firmware];
    if (differ(from?.psid, to?.psid)) {
      const data = { source: `${from?.psid}`, destination: `${to?.psid}` };
      yield { code: "psid-differs", data };
    }
    if (accepted === "equal" && differ(from?.version, to?.version)) {
      const data = { source: `${from?.version}`, destination: `${to?.version}` };
      yield { code: "firmware-differs", data };
    }
  },
});

function mayBeBound({ driver }: DeviceFacts): boolean {
  return driver === undefined || driver.name === "mlx5_vfio_pci";
}

function differ(source: string | undefined, destination: string | undefined): boolean {
  return source !== undefined && destination !== undefined && source !== destination;
}
