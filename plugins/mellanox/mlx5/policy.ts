import {
  type CaseSide,
  type Codes,
  definePolicy,
  type DeviceFacts,
  isAtLeast,
  kernelHas,
  type PolicyCase,
  type PolicyFinding,
  SIDES,
  v,
} from "premigrate/policy";

const DOCA =
  'NVIDIA, DOCA documentation, SR-IOV live migration: "the same PSID must be used on both ... identical cards, same CAPs and features ... and have the same firmware version"; ConnectX-7 from firmware 28.41.1000, BlueField-3 from 32.41.1000, Linux from 6.7.';

const CODES = {
  "psid-differs": {
    severity: "veto",
    title: "The cards are different boards",
    message: "The PSID is {source} on {sourceHost} and {destination} on {destinationHost}",
    remedy: "Use a host with the same card.",
    about: DOCA,
  },
  "firmware-differs": {
    severity: "veto",
    title: "The cards run different firmware",
    message: "Firmware {source} on {sourceHost}, {destination} on {destinationHost}",
    remedy:
      "Bring both cards to one firmware version; a site that has tested this pair sets the option firmware to any.",
    about: DOCA,
  },
  "firmware-too-old": {
    severity: "veto",
    title: "The firmware is older than live migration",
    message: "Firmware {version} on {sideHost} is older than {floor}",
    remedy: "Upgrade the firmware.",
    about: DOCA,
  },
  "firmware-unknown": {
    severity: "undecided",
    title: "The card's firmware or board is not known",
    message: "Firmware version and PSID of {sideHost}'s card are not both known",
    remedy: "Install devlink (iproute2) on the host and gather the facts again.",
    about: `They are read with devlink dev info of the physical function. ${DOCA}`,
  },
  "card-not-certified": {
    severity: "warn",
    title: "NVIDIA does not name this card for live migration",
    message: "Firmware {version} on {sideHost} is neither ConnectX-7's nor BlueField-3's",
    remedy: "Test this migration first.",
    about:
      `Firmware of ConnectX-7 begins with 28, of BlueField-3 with 32. MLNX_EN 23.07 has basic live migration from ConnectX-6 Dx on. ${DOCA}`,
  },
  "kernel-too-old": {
    severity: "warn",
    title: "The kernel is older than NVIDIA wants",
    message: "Kernel {kernel} on {sideHost} is older than {floor}",
    remedy: "Use a kernel of that version or later, or a distribution's with the same code.",
    about: `mlx5_vfio_pci is in Linux since 5.18, so older kernels may do. ${DOCA}`,
  },
} as const satisfies Codes;

// Firmware of ConnectX-7 and BlueField-3, by its first number (DOCA, SR-IOV live migration).
const FLOORS: ReadonlyMap<string, string> = new Map([["28", "28.41.1000"], ["32", "32.41.1000"]]);
const KERNEL = "6.7";

/** Virtual functions of NVIDIA's ConnectX and BlueField. */
export default definePolicy({
  id: "mellanox/mlx5",
  title: "ConnectX and BlueField virtual functions",
  documentation:
    `Virtual functions of NVIDIA's ConnectX and BlueField cards, bound to \`mlx5_vfio_pci\`. The state that
moves is the firmware's, so both cards must be one board (PSID) with one firmware version, of a
generation and version that NVIDIA names for live migration: ConnectX-7 from 28.41.1000, BlueField-3
from 32.41.1000. Other cards, and kernels before 6.7, are a warning.

The card must have been set up for it (\`mlxconfig ... VF_MIGRATION_MODE=2\`), and the function made
migratable before it was bound (\`devlink port function set ... migratable enable\`, in switchdev
mode); else the driver offers no migration, which \`generic/vfio\` finds where the
kernel tells. Numbers of MSI-X vectors (\`sriov_vf_msix_count\`) are \`generic/vfio\`'s too. What the
functions can (RoCE, IPsec) is not read.

Options: \`firmware\`: \`equal\` (default) or \`any\`: which pairs of firmware versions are accepted.

References: NVIDIA DOCA documentation, "SR-IOV Live Migration"; Linux \`drivers/vfio/pci/mlx5\`,
\`Documentation/networking/devlink/devlink-port.rst\` and \`mellanox/mlx5/switchdev.rst\`.
`,
  match: { vendors: [0x15b3] },
  options: v.strictObject({
    firmware: v.pipe(
      v.optional(v.picklist(["equal", "any"]), "equal"),
      v.description("Which pairs of firmware versions are accepted"),
    ),
  }),
  codes: CODES,
  *evaluate(pair, migration, { firmware: accepted }): Iterable<PolicyFinding<typeof CODES>> {
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

/* @__NO_SIDE_EFFECTS__ */
function card(version: string | undefined, psid = "MT_0000000844", facts: CaseSide = {}): CaseSide {
  const driver = { name: "mlx5_vfio_pci" };
  return { kernel: "6.8.0", vendor: 0x15b3, driver, firmware: { version, psid }, ...facts };
}

const CX7 = card("28.41.1000");

export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "two cards alike",
    source: CX7,
    destination: CX7,
    findings: [],
    decision: "allow",
  },
  {
    name: "a function that is bound to another driver on both sides",
    source: { vendor: 0x15b3, driver: { name: "vfio-pci" } },
    destination: { vendor: 0x15b3, driver: { name: "vfio-pci" } },
    findings: [],
    decision: "allow",
  },
  {
    name: "another firmware, and no word of the drivers",
    source: card("28.41.1000", "MT_0000000844", { driver: undefined }),
    destination: card("28.42.1000", "MT_0000000844", { driver: undefined }),
    findings: [["firmware-differs", "veto"]],
    decision: "veto",
  },
  {
    name: "another board",
    source: CX7,
    destination: card("28.41.1000", "MT_0000000834"),
    findings: [["psid-differs", "veto", undefined, {
      source: "MT_0000000844",
      destination: "MT_0000000834",
    }]],
    decision: "veto",
  },
  {
    name: "another firmware",
    source: CX7,
    destination: card("28.42.1000"),
    findings: [["firmware-differs", "veto", undefined, {
      source: "28.41.1000",
      destination: "28.42.1000",
    }]],
    decision: "veto",
  },
  {
    name: "another firmware, on a site that accepts it",
    options: { firmware: "any" },
    source: CX7,
    destination: card("28.42.1000"),
    findings: [],
    decision: "allow",
  },
  {
    name: "a BlueField-3 with an old firmware",
    source: card("32.39.2048"),
    destination: card("32.39.2048"),
    findings: [
      ["firmware-too-old", "veto", undefined, { side: "source", floor: "32.41.1000" }],
      ["firmware-too-old", "veto", undefined, { side: "destination" }],
    ],
    decision: "veto",
  },
  {
    name: "no devlink on the destination",
    source: CX7,
    destination: card(undefined, undefined, { firmware: undefined }),
    findings: [["firmware-unknown", "undecided", undefined, { side: "destination" }]],
    decision: "undecided",
  },
  {
    name: "a ConnectX-6 Dx",
    source: card("22.39.2048"),
    destination: card("22.39.2048"),
    findings: [
      ["card-not-certified", "warn", undefined, { version: "22.39.2048" }],
      ["card-not-certified", "warn"],
    ],
    decision: "allow",
  },
  {
    name: "a kernel that has the driver, and is older than NVIDIA wants",
    source: card("28.41.1000", undefined, { kernel: "6.1.0-28-amd64" }),
    destination: CX7,
    findings: [["kernel-too-old", "warn", undefined, { side: "source", floor: "6.7" }]],
    decision: "allow",
  },
];
