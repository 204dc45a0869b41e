import {
  type BusKind,
  type DeviceFacts,
  type DevicePair,
  hasExpressRoot,
  type HostFacts,
  isMachineTooNew,
  type Migration,
  parseQemuVersion,
  propertiesOf,
  QemuPropertyError,
  type QemuVersion,
  type RealizedDevice,
  type RealizeFailure,
  regionsOf,
  resolveAlias,
  romFileSize,
  shadowOf,
  skipsVscCheck,
} from "premigrate/policy";

/** What the two QEMUs would hold, for one way of filling in what is not known. */
export interface Scenario {
  readonly source: RealizedDevice | RealizeFailure;
  readonly destination: RealizedDevice | RealizeFailure;
}

/** Every scenario that the facts allow, the likeliest last, and the facts that are missing. */
export interface Scenarios {
  readonly all: readonly Scenario[];
  readonly missing: readonly string[];
}

/** The QEMU versions that a side can have, the likeliest last. */
export interface PossibleQemus {
  /** Those that take the device's properties. */
  readonly accepting: readonly QemuVersion[];
  /** What one of the others says of a property. */
  readonly refusal: QemuPropertyError | undefined;
}

// The last release of every span in which vfio-pci makes its shadow and masks in one way.
const RELEASES = ["8.0", "9.0", "9.2", "10.0", "11.0", "11.1"].map(parseQemuVersion);

/** The side's version, or where it is not known every one that has the guest's machine type. */
export function possibleQemus(
  { guest: { properties } }: DevicePair,
  { machine, ...hosts }: Migration,
  side: "source" | "destination",
): PossibleQemus {
  const { qemu } = hosts[side];
  const resolved = machine === undefined ? undefined : resolveAlias(machine, hosts.source.qemu);
  const releases = RELEASES.filter((release) =>
    resolved === undefined || !isMachineTooNew(resolved, release)
  );
  const accepting: QemuVersion[] = [];
  let refusal: QemuPropertyError | undefined;
  for (const possible of qemu !== undefined ? [qemu] : releases) {
    try {
      propertiesOf(properties, possible);
      accepting.push(possible);
    } catch (error) {
      if (!(error instanceof QemuPropertyError)) throw error;
      refusal = error;
    }
  }
  return { accepting, refusal };
}

/**
 * Runs the model for every value that an unknown fact can have. What comes out the same for all of
 * them is certain although the fact is missing.
 */
export function realizeScenarios(pair: DevicePair, migration: Migration): Scenarios {
  const missing = new Set<string>();
  const oneOf = <T>(name: string, possible: readonly T[]): readonly T[] => {
    if (possible.length > 1) missing.add(name);
    return possible;
  };
  const qemusOf = (side: "source" | "destination"): readonly QemuVersion[] =>
    oneOf(`the ${side}'s QEMU version`, possibleQemus(pair, migration, side).accepting);
  const [sourceQemus, destinationQemus] = [qemusOf("source"), qemusOf("destination")] as const;
  const { bus } = pair.guest;
  const buses = oneOf("the guest's bus", bus === undefined ? possibleBuses(migration) : [bus]);

  const all: Scenario[] = [];
  for (const bus of buses) {
    const sources = sourceQemus.flatMap((qemu) =>
      realizeSide(pair.source, pair, { ...migration.source, qemu }, bus, true)
    );
    const destinations = destinationQemus.flatMap((qemu) => {
      const host = { ...migration.destination, qemu };
      const skip = skipsVscCheck(pair, { ...migration, destination: host });
      const skips = oneOf(
        "skip-vsc-check of the machine type",
        skip === undefined ? [true, false] : [skip],
      );
      return skips.flatMap((skip) => realizeSide(pair.destination, pair, host, bus, skip));
    });
    for (const source of sources) {
      for (const destination of destinations) all.push({ source, destination });
    }
  }
  return { all, missing: [...missing] };
}

// What skip-vsc-check is on the source changes nothing that it sends.
function realizeSide(
  facts: DeviceFacts,
  pair: DevicePair,
  host: HostFacts & { readonly qemu: QemuVersion },
  bus: BusKind,
  skipVscCheck: boolean,
): (RealizedDevice | RealizeFailure)[] {
  const { bars, romSize } = facts;
  const { qemu } = host;
  const fileSize = romFileSize(pair, host) ?? undefined;
  const properties = propertiesOf(pair.guest.properties, qemu);
  return regionsOf(facts).map((view) =>
    shadowOf(view, {
      qemu,
      skipVscCheck,
      bus,
      bars,
      romSize,
      romFileSize: fileSize,
      properties,
    })
  );
}

function possibleBuses({ machine }: Migration): readonly BusKind[] {
  const express: readonly BusKind[] = ["pci-under-pcie", "root", "port"];
  if (machine === undefined || machine.family === "other") return ["pci", ...express];
  return hasExpressRoot(machine) ? express : ["pci"];
}
