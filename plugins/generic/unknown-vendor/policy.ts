import {
  type CaseSide,
  type Codes,
  definePolicy,
  identify,
  type PolicyCase,
  type PolicyFinding,
  SIDES,
  v,
} from "premigrate/policy";

const VOUCHING =
  "QEMU compares a device's config space and hands its state to the vendor's driver. Only the vendor's rules tell whether two drivers, firmwares and configurations understand each other's state.";

const CODES = {
  "nobody-vouches": {
    severity: "undecided",
    title: "No policy covers this device",
    message: "No policy vouches for device {id} on {sideHost}",
    remedy:
      "Test a migration of this device, then name it in the option accepted; or write a policy for it.",
    about: VOUCHING,
  },
  "not-identified": {
    severity: "undecided",
    title: "The device's ids are not known",
    message: "The ids of the device on {sideHost} are not known, so no policy vouches for it",
    remedy:
      "Gather the facts again, as root; a mediated device's ids are in its VFIO config region only: on {sideHost} `premigrate stamp` reads that of a running guest, --vfio-region that of an idle device.",
    about: VOUCHING,
  },
} as const satisfies Codes;

const OPTIONS = v.strictObject({
  accepted: v.pipe(
    v.optional(v.array(v.pipe(v.string(), v.regex(/^[0-9a-f]{4}:[0-9a-f]{4}$/))), []),
    v.description("Devices for which the site itself vouches, as vendor:device (4348:3253)"),
  ),
});

/** Devices that no policy here is for. */
export default definePolicy({
  id: "generic/unknown-vendor",
  title: "Devices for which no policy vouches",
  documentation:
    `Nobody vouches for a device that no policy is for: whether its state is understood on the other host
is not known, and so undecided. A policy that names vendors vouches for all that it matches, by
vendor and whatever else it names (device ids, drivers), even where it finds nothing; save for one
that says only what cannot migrate (\`intel/gvtg\`, \`intel/ice\`). A driver that is not known matches none.

Options: \`accepted\`, devices that the site has tried and vouches for itself, as \`4348:3253\`. What
becomes of an undecided finding \`onUndecided\` says in the hook's configuration.

References: PCI 3.0, 6.2.1 (vendor and device id); QEMU \`docs/devel/migration/vfio.rst\`.
`,
  match: { unclaimed: true },
  options: OPTIONS,
  codes: CODES,
  *evaluate(pair, _migration, { accepted }): Iterable<PolicyFinding<typeof CODES>> {
    for (const side of SIDES) {
      const { vendor, device } = identify(pair[side]);
      if (vendor === undefined || device === undefined) {
        yield { code: "not-identified", data: { side } };
        continue;
      }
      const id = [vendor, device].map((part) => part.toString(16).padStart(4, "0")).join(":");
      if (!accepted.includes(id)) yield { code: "nobody-vouches", data: { side, id } };
    }
  },
});

// mtty of the kernel's samples.
const MTTY: CaseSide = { vendor: 0x4348, device: 0x3253, driver: { name: "mtty" } };
const OTHER: CaseSide = { vendor: 0x4348, device: 0x3254, driver: { name: "mtty" } };

export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "a device of no policy's vendor",
    source: MTTY,
    destination: MTTY,
    findings: [
      ["nobody-vouches", "undecided", undefined, { side: "source", id: "4348:3253" }],
      ["nobody-vouches", "undecided", undefined, { side: "destination", id: "4348:3253" }],
    ],
    decision: "undecided",
  },
  {
    name: "a device that the site vouches for",
    source: MTTY,
    destination: MTTY,
    options: { accepted: ["4348:3253"] },
    findings: [],
    decision: "allow",
  },
  {
    name: "another device in place of one that the site vouches for",
    source: MTTY,
    destination: OTHER,
    options: { accepted: ["4348:3253"] },
    findings: [["nobody-vouches", "undecided", undefined, { id: "4348:3254" }]],
    decision: "undecided",
  },
  {
    name: "a mediated device whose config region nobody read",
    source: MTTY,
    destination: { driver: { name: "mtty" } },
    options: { accepted: ["4348:3253"] },
    findings: [["not-identified", "undecided", undefined, { side: "destination" }]],
    decision: "undecided",
  },
];
