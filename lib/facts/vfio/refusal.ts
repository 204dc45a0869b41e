import type { VfioRefusal } from "./answer.ts";

/** The steps to a device by its group, and reading it. */
export type VfioStep =
  | "open-container"
  | "open-group"
  | "attach-group"
  | "open-device"
  | "read-device";

/** A reset that is not allowed is no call that fails. */
type Meaning = Exclude<VfioRefusal["result"], "would-reset">;

const EPERM = 1;
const ENOENT = 2;
const ENXIO = 6;
const EAGAIN = 11;
const EACCES = 13;
const EBUSY = 16;
const ENODEV = 19;

const FORBIDDEN = { [EPERM]: "no-access", [EACCES]: "no-access" } as const;
const ABSENT = {
  [ENOENT]: "unsupported",
  [ENODEV]: "unsupported",
  [ENXIO]: "unsupported",
} as const;

/** What an errno says at each step, after drivers/vfio/{container,group,vfio_main}.c. */
const MEANING: Readonly<Record<VfioStep, Readonly<Record<number, Meaning>>>> = {
  "open-container": { ...FORBIDDEN, ...ABSENT },
  "open-group": { ...FORBIDDEN, [ENOENT]: "no-group", [ENODEV]: "not-vfio", [EBUSY]: "busy" },
  // iommu_group_claim_dma_owner
  "attach-group": { [EPERM]: "not-viable", [EBUSY]: "not-viable" },
  // EAGAIN: somebody holds the lock that a reset needs. EACCES: a VF wants its PF's token.
  "open-device": { ...FORBIDDEN, [ENODEV]: "not-vfio", [EBUSY]: "busy", [EAGAIN]: "busy" },
  "read-device": {},
};

const ADVICE: Readonly<Record<Meaning, string>> = {
  "busy": "it is in use and was left alone",
  "not-vfio": "bind the device to its VFIO driver",
  "no-group": "bind the device to its VFIO driver",
  "no-access": "run this as root",
  "not-viable": "unbind the other devices of the IOMMU group from the host's drivers",
  "unsupported": "load the kernel module behind it",
  "failed": "see the kernel's log",
};

/**
 * What a failed call means: `doing` says in words what was tried, `error` what the C library calls
 * `errno`.
 *
 * @example
 * ```ts
 * import { refuse } from "./refusal.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { result } = refuse("open-group", 16, "open /dev/vfio/12", "Device or resource busy");
 * assertEquals(result, "busy");
 * ```
 */
export function refuse(step: VfioStep, errno: number, doing: string, error: string): VfioRefusal {
  const result = MEANING[step][errno] ?? "failed";
  return { result, reason: `Failed to ${doing}: ${error}; ${ADVICE[result]}` };
}
