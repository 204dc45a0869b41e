import type { CodePage } from "premigrate/policy";

const VOUCHING =
  "QEMU compares a device's config space and hands its state to the vendor's driver. Whether two drivers, firmwares and configurations understand each other's state only rules of the vendor's can tell.";

/** Every finding of `generic/unknown-vendor`. */
export const CODES = {
  "nobody-vouches": {
    severity: "undecided",
    title: "No policy is for this device",
    message: "No policy vouches for device {id} of the {side}",
    remedy:
      "Test a migration of this device, then name it in the option accepted; or write a policy for it.",
    about: VOUCHING,
  },
  "not-identified": {
    severity: "undecided",
    title: "The device's ids are not known",
    message: "The ids of the device of the {side} are not known, so no policy vouches for it",
    remedy:
      "Gather the facts again, as root; a mediated device's ids are in its VFIO config region only.",
    about: VOUCHING,
  },
} as const satisfies Record<string, CodePage>;
