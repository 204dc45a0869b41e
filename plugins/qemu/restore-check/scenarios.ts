import {
  type BusKind,
  type DeviceFacts,
  type DevicePair,
  hasExpressRoot,
  type Migration,
  parseQemuVersion,
  parseVfioPciProperties,
  type QemuVersion,
  readRegions,
  realize,
  type RealizedDevice,
  type RealizeFailure,
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

// The releases since which vfio-pci's shadow or masks are made differently.
const RELEASES = ["5.2", "8.1", "9.1", "10.0", "10.1", "11.1"].map(parseQemuVersion);

/**
 * Runs the model for every value that an unknown fact can have. What comes out the same for all of
 * them is certain although the fact is missing.
 */
export function realizeScenarios(pair: DevicePair, migration: Migration): Scenarios {
  const missing: string[] = [];
  const oneOf = <T>(name: string, known: T | undefined, possible: readonly T[]): readonly T[] => {
    if (known !== undefined) return [known];
    missing.push(name);
    return possible;
  };
  const sourceQemus = oneOf("the source's QEMU version", migration.source.qemu, RELEASES);
  const destinationQemus = oneOf(
    "the destination's QEMU version",
    migration.destination.qemu,
    RELEASES,
  );
  const buses = oneOf("the guest's bus", pair.guest.bus, possibleBuses(migration));
  // Before 9.1, and on the source, skip-vsc-check changes nothing that is compared.
  const skips = migration.destination.qemu === undefined
    ? [true, false]
    : oneOf("skip-vsc-check of the machine type", skipsVscCheck(pair, migration), [true, false]);

  const all: Scenario[] = [];
  for (const bus of buses) {
    const sources = sourceQemus.flatMap((qemu) => realizeSide(pair.source, pair, qemu, bus, true));
    const destinations = destinationQemus.flatMap((qemu) =>
      skips.flatMap((skip) => realizeSide(pair.destination, pair, qemu, bus, skip))
    );
    for (const source of sources) {
      for (const destination of destinations) all.push({ source, destination });
    }
  }
  return { all, missing };
}

function realizeSide(
  facts: DeviceFacts,
  pair: DevicePair,
  qemu: QemuVersion,
  bus: BusKind,
  skipVscCheck: boolean,
): (RealizedDevice | RealizeFailure)[] {
  if (facts.config === undefined) return [];
  const { bars, romSize } = facts;
  const properties = parseVfioPciProperties(pair.guest.properties, qemu);
  return readRegions(facts.config, facts).map((view) =>
    realize(view, { qemu, skipVscCheck, bus, bars, romSize, properties })
  );
}

function possibleBuses({ machine }: Migration): readonly BusKind[] {
  const express: readonly BusKind[] = ["pci-under-pcie", "root", "port"];
  if (machine === undefined || machine.family === "other") return ["pci", ...express];
  return hasExpressRoot(machine) ? express : ["pci"];
}
