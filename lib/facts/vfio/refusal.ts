import type { VfioRefusal } from "./answer.ts";

/** The steps to a device, by its group or through the process that holds it, and reading it. */
export type VfioStep =
  | "open-process"
  | "look-into-process"
  | "copy-descriptor"
  | "open-container"
  | "open-group"
  | "attach-group"
  | "open-device"
  | "read-device";

/** A reset that is not allowed is no call that fails. */
type Meaning = Exclude<VfioRefusal["result"], "would-reset">;

const EPERM = 1;
const ENOENT = 2;
const ESRCH = 3;
const ENXIO = 6;
const EBADF = 9;
const EAGAIN = 11;
const EACCES = 13;
const EBUSY = 16;
const ENODEV = 19;
const ENOSYS = 38;

const FORBIDDEN = { [EPERM]: "no-access", [EACCES]: "no-access" } as const;
const ABSENT = {
  [ENOENT]: "unsupported",
  [ENODEV]: "unsupported",
  [ENXIO]: "unsupported",
} as const;

// What was there a moment ago is closed, or ended.
const GONE = { [ENOENT]: "not-held", [ESRCH]: "not-held", [EBADF]: "not-held" } as const;

/** What an errno says at each step, after drivers/vfio/{container,group,vfio_main}.c, kernel/pid.c. */
const MEANING: Readonly<Record<VfioStep, Readonly<Record<number, Meaning>>>> = {
  "open-process": { ...GONE, [ENOSYS]: "unsupported" },
  "look-into-process": { ...FORBIDDEN, ...GONE },
  "copy-descriptor": { ...FORBIDDEN, ...GONE, [ENOSYS]: "unsupported" },
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
  "not-held": "the guest has ended, or has given the device back",
  "failed": "see the kernel's log",
};

const ADVICE_AT: Partial<Record<VfioStep, Partial<Record<Meaning, string>>>> = {
  "open-process": { unsupported: "wanted Linux 5.6 or later" },
  "look-into-process": { "no-access": "wanted root with CAP_SYS_PTRACE" },
  "copy-descriptor": {
    "no-access": "wanted root with CAP_SYS_PTRACE",
    unsupported: "wanted Linux 5.6 or later",
  },
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
  const advice = ADVICE_AT[step]?.[result] ?? ADVICE[result];
  return { result, reason: `Failed to ${doing}: ${error}; ${advice}` };
}
