import type { CodePage } from "premigrate/policy";

const DOCA =
  'NVIDIA, DOCA documentation, SR-IOV live migration: "the same PSID must be used on both ... identical cards, same CAPs and features ... and have the same firmware version"; ConnectX-7 from firmware 28.41.1000, BlueField-3 from 32.41.1000, Linux from 6.7.';

/** Every finding of `mellanox/mlx5`. */
export const CODES = {
  "psid-differs": {
    severity: "veto",
    title: "The cards are different boards",
    message: "The PSID is {source} on the source and {destination} on the destination",
    remedy: "Use a host with the same card.",
    about: DOCA,
  },
  "firmware-differs": {
    severity: "veto",
    title: "The cards run different firmware",
    message: "Firmware {source} on the source, {destination} on the destination",
    remedy:
      "Bring both cards to one firmware version; a site that has tested this pair sets the option firmware to any.",
    about: DOCA,
  },
  "firmware-too-old": {
    severity: "veto",
    title: "The firmware is older than live migration",
    message: "Firmware {version} of the {side} is older than {floor}",
    remedy: "Upgrade the firmware.",
    about: DOCA,
  },
  "firmware-unknown": {
    severity: "undecided",
    title: "The card's firmware or board is not known",
    message: "Firmware version and PSID of the {side}'s card are not both known",
    remedy: "Install devlink (iproute2) on the host and gather the facts again.",
    about: `They are read with devlink dev info of the physical function. ${DOCA}`,
  },
  "card-not-certified": {
    severity: "warn",
    title: "NVIDIA does not name this card for live migration",
    message: "Firmware {version} of the {side} is neither ConnectX-7's nor BlueField-3's",
    remedy: "Test this migration first.",
    about:
      `Firmware of ConnectX-7 begins with 28, of BlueField-3 with 32. MLNX_EN 23.07 has basic live migration from ConnectX-6 Dx on. ${DOCA}`,
  },
  "kernel-too-old": {
    severity: "warn",
    title: "The kernel is older than NVIDIA wants",
    message: "Kernel {kernel} of the {side} is older than {floor}",
    remedy: "Use a kernel of that version or later, or a distribution's with the same code.",
    about: `mlx5_vfio_pci is in Linux since 5.18, so older kernels may do. ${DOCA}`,
  },
} as const satisfies Record<string, CodePage>;
