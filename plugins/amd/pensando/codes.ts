import type { CodePage } from "premigrate/policy";

const FIRMWARE =
  "pds_vfio_pci hands the state on as the card's firmware made it. The firmware alone knows its format, and which versions read each other's is nowhere described.";

/** Every finding of `amd/pensando`. */
export const CODES = {
  "firmware-differs": {
    severity: "undecided",
    title: "The cards run different firmware",
    message: "Firmware {source} on the source, {destination} on the destination",
    remedy:
      "Bring both cards to one firmware version; a site that has tested this pair sets the option firmware to any.",
    about: FIRMWARE,
  },
  "firmware-unknown": {
    severity: "undecided",
    title: "The cards' firmware is not known",
    message: "The firmware versions of both cards are not known",
    remedy: "Install devlink (iproute2) on both hosts and gather the facts again.",
    about: `It is read with devlink dev info of the physical function (pds_core). ${FIRMWARE}`,
  },
} as const satisfies Record<string, CodePage>;
