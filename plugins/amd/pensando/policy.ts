import {
  type CaseSide,
  type Codes,
  definePolicy,
  type PolicyCase,
  type PolicyFinding,
  v,
} from "premigrate/policy";

const FIRMWARE =
  "pds_vfio_pci hands the state on as the card's firmware made it. The firmware alone knows its format, and which versions read each other's is nowhere described.";

const CODES = {
  "firmware-differs": {
    severity: "undecided",
    title: "The cards run different firmware",
    message: "Firmware {source} on {sourceHost}, {destination} on {destinationHost}",
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
} as const satisfies Codes;

/** Virtual functions of AMD Pensando network cards. */
export default definePolicy({
  id: "amd/pensando",
  title: "AMD Pensando virtual functions",
  documentation:
    `Virtual functions of AMD Pensando network cards (\`1dd8:1003\`), bound to \`pds_vfio_pci\` (Linux 6.6),
which needs \`pds_core\` on the physical function. The card's firmware makes and reads the state:
equal versions are accepted, and of others nobody says whether they understand each other.

Options: \`firmware\`: \`equal\` (default) or \`any\`: which pairs of firmware versions are accepted.

References: Linux \`drivers/vfio/pci/pds\`, \`Documentation/networking/device_drivers/ethernet/amd\`.
`,
  match: { vendors: [0x1dd8], devices: [0x1003] },
  options: v.strictObject({
    firmware: v.pipe(
      v.optional(v.picklist(["equal", "any"]), "equal"),
      v.description("Which pairs of firmware versions are accepted"),
    ),
  }),
  codes: CODES,
  *evaluate(
    { source, destination },
    _migration,
    { firmware: accepted },
  ): Iterable<PolicyFinding<typeof CODES>> {
    if (accepted === "any") return;
    const [from, to] = [source.firmware?.version, destination.firmware?.version];
    if (from === undefined || to === undefined) yield { code: "firmware-unknown" };
    else if (from !== to) {
      yield { code: "firmware-differs", data: { source: from, destination: to } };
    }
  },
});

/* @__NO_SIDE_EFFECTS__ */
function vf(version: string | undefined): CaseSide {
  return {
    vendor: 0x1dd8,
    device: 0x1003,
    driver: { name: "pds_vfio_pci" },
    firmware: { version },
  };
}

export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "one firmware",
    source: vf("1.60.0-73"),
    destination: vf("1.60.0-73"),
    findings: [],
    decision: "allow",
  },
  {
    name: "another firmware",
    source: vf("1.60.0-73"),
    destination: vf("1.68.1-14"),
    findings: [["firmware-differs", "undecided", undefined, {
      source: "1.60.0-73",
      destination: "1.68.1-14",
    }]],
    decision: "undecided",
  },
  {
    name: "another firmware, on a site that accepts it",
    options: { firmware: "any" },
    source: vf("1.60.0-73"),
    destination: vf("1.68.1-14"),
    findings: [],
    decision: "allow",
  },
  {
    name: "a firmware that is not known",
    source: vf("1.60.0-73"),
    destination: vf(undefined),
    findings: [["firmware-unknown", "undecided"]],
    decision: "undecided",
  },
];
